//! How large the shared library is with each set of features, stripped. Each set is a build of its own.

use std::io::ErrorKind;
use std::path::Path;

use super::{Profile, copy_stripped, library_name, out};
use crate::Result;

/// The cheapest first, so that a table that is interrupted says something.
const SETS: [(&str, &str); 8] = [
    ("", "C interface; library and search alone"),
    ("uniffi", "the same, and the objects for other languages"),
    ("uniffi,encryption", "the same, and encrypted libraries"),
    ("onnx,uniffi", "encoders besides: which fact would fire"),
    ("llama,uniffi", "language model without encoders"),
    ("onnx,llama", "everything, for C alone"),
    ("onnx,llama,uniffi", "everything (default)"),
    ("onnx,llama,uniffi,encryption", "everything, and encrypted libraries"),
];

/// Builds these sets, all where none is named, and prints a table. The empty set is named `none`.
pub(super) fn table(profile: Profile, wanted: &[&str]) -> Result {
    let name = |features: &str| if features.is_empty() { "none".to_owned() } else { features.to_owned() };
    if let Some(unknown) = wanted.iter().find(|wanted| !SETS.iter().any(|(features, _)| name(features) == **wanted)) {
        let known: Vec<String> = SETS.iter().map(|(features, _)| name(features)).collect();
        return Err(format!("no set of features is `{unknown}`; there are {}", known.join(" ")));
    }
    let sets = SETS.iter().filter(|(features, _)| wanted.is_empty() || wanted.contains(&name(features).as_str()));
    let mut rows = Vec::new();
    for (features, what) in sets {
        let measured = out().join("sizes").join(library_name());
        build(profile, features)?;
        copy_stripped(&profile.folder().join(library_name()), &measured)?;
        rows.push(format!("| `{}` | {what} | {} |", name(features), size(&measured)?));
        println!("    {}", rows[rows.len() - 1]);
    }
    remove_built(&profile.folder())?;
    println!("\n| features | what | shared library, stripped |\n|---|---|---|\n{}", rows.join("\n"));
    Ok(())
}

fn build(profile: Profile, features: &str) -> Result {
    // Whatever its features are, the library has the same name: cargo must not take another set's for this one's.
    remove_built(&profile.folder())?;
    let args = ["build", "-p", "crane-ffi", "--lib", "--no-default-features", "--features", features];
    profile.cargo(&format!("the library with `{features}`"), &args)
}

fn remove_built(folder: &Path) -> Result {
    let names = [library_name(), "libcrane_ffi.a".to_owned()];
    for file in names.iter().flat_map(|name| [folder.join(name), folder.join("deps").join(name)]) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(format!("{}: {error}", file.display())),
            _ => {}
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a size for people")]
pub(super) fn size(file: &Path) -> Result<String> {
    let meta = file.metadata().map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(format!("{:.1} MB", meta.len() as f64 / 1e6))
}
