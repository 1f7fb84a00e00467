//! Generates the Kotlin, Swift or Python source that calls crane-ffi's library, from the library itself.
//!
//! `crane-bindgen kotlin|swift|python LIBRARY OUT`: LIBRARY is `libcrane_ffi.so` or its like, not stripped, since its
//! symbols describe the interface; the sources are written into the folder OUT.

use std::process::ExitCode;

use uniffi_bindgen::bindings::{
    GenerateOptions, SwiftBindingsOptions, TargetLanguage, generate, generate_swift_bindings,
};

const USAGE: &str = "usage: crane-bindgen kotlin|swift|python LIBRARY OUT";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match <&[String; 3]>::try_from(args.as_slice()).ok() {
        Some([language, library, out]) => run(language, library, out),
        None => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("crane-bindgen: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(language: &str, library: &str, out: &str) -> Result<(), String> {
    let language = match language {
        "kotlin" => TargetLanguage::Kotlin,
        "python" => TargetLanguage::Python,
        "swift" => return swift(library, out),
        other => return Err(format!("no language `{other}`; {USAGE}")),
    };
    let options = GenerateOptions {
        languages: vec![language],
        source: library.into(),
        out_dir: out.into(),
        ..GenerateOptions::default()
    };
    generate(options).map_err(|error| format!("{error:#}"))
}

/// Swift's own generator also writes the C header, and a module map that Swift Package Manager takes as it is.
fn swift(library: &str, out: &str) -> Result<(), String> {
    let options = SwiftBindingsOptions {
        generate_swift_sources: true,
        generate_headers: true,
        generate_modulemap: true,
        source: library.into(),
        out_dir: out.into(),
        module_name: Some("CraneFFI".into()),
        modulemap_filename: Some("module.modulemap".into()),
        ..SwiftBindingsOptions::default()
    };
    generate_swift_bindings(options).map_err(|error| format!("{error:#}"))
}
