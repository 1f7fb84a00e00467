//! The committed header is what cbindgen makes of the source.

use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("include/crane.h");
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("the settings are valid");
    let mut builder = cbindgen::Builder::new().with_config(config);
    // In this order they stand in the header. Not `mod`: cbindgen would follow it to all the others, and say them twice.
    let files = [
        "version", "status", "text", "options", "progress", "runtime", "models", "facts", "keys", "ask", "pack",
        "library",
    ];
    for file in files {
        builder = builder.with_src(root.join("src/c").join(format!("{file}.rs")));
    }
    let mut fresh = Vec::new();
    builder.generate().expect("the source is valid").write(&mut fresh);
    if std::env::var_os("CRANE_BLESS").is_some() {
        std::fs::write(&committed, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(committed).unwrap();
    let entries = committed.lines().filter_map(|line| line.split_once('(')?.0.split([' ', '*']).next_back());
    let mut entries: Vec<&str> = entries.filter(|name| name.starts_with("crane_")).collect();
    let declared = entries.len();
    entries.sort_unstable();
    entries.dedup();
    assert_eq!(declared, entries.len(), "an entry is declared twice");
    assert!(committed.as_bytes() == fresh, "include/crane.h is not what the source says: CRANE_BLESS=1 mends it");
}
