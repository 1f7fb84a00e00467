//! The Swift package for apps: sources, the generated half, and, on a Mac with Xcode, the library as an XCFramework.

use std::path::{Path, PathBuf};

use super::{Profile, copy, copy_stripped, fresh, library_name, out, write};
use crate::{Result, cargo, place, setup, shell, swift};

const FEATURES: &str = "onnx,llama,uniffi,metal";

/// A library of the XCFramework: the targets that are merged into it. Device and simulator may share an architecture, so they
/// can't share a file.
struct Slice {
    name: &'static str,
    targets: &'static [&'static str],
}

const SLICES: [Slice; 3] = [
    Slice { name: "ios", targets: &["aarch64-apple-ios"] },
    Slice { name: "ios-simulator", targets: &["aarch64-apple-ios-sim", "x86_64-apple-ios"] },
    Slice { name: "macos", targets: &["aarch64-apple-darwin", "x86_64-apple-darwin"] },
];

/// As in `ios/Package.swift`.
const DEPLOYMENT: [(&str, &str); 2] = [("IPHONEOS_DEPLOYMENT_TARGET", "16.0"), ("MACOSX_DEPLOYMENT_TARGET", "13.0")];

/// Beside the header in the XCFramework, in a folder of the module's name: Xcode puts all frameworks' headers into one folder,
/// in which two files `module.modulemap` would be one too many.
const MODULE_MAP: &str = "module CraneFFI {\n    header \"CraneFFI.h\"\n    export *\n}\n";

/// The line of the manifest that says where the library is, in a checkout and in a package with an XCFramework.
const LIBRARY: [&str; 2] = [
    "let library: Target = .systemLibrary(name: \"CraneFFI\")\n",
    "let library: Target = .binaryTarget(name: \"CraneFFI\", path: \"CraneFFI.xcframework\")\n",
];

/// The line of the tests, which need the checkout around them.
const TESTS: &str = "        .testTarget(name: \"CraneTests\", dependencies: [\"Crane\"], swiftSettings: strict),\n";

/// Makes `target/dist/Crane` and an archive of it, and says what it skipped.
pub(super) fn pack(profile: Profile) -> Result {
    profile.cargo("the library", &["build", "--workspace"])?;
    let package = stage(&profile.folder().join(library_name()))?;
    match missing() {
        None => xcframework(profile, &package)?,
        Some(missing) => println!(
            "    skipped: the XCFramework, which needs a Mac with Xcode; here {missing}. The package links the library that \
             cargo builds instead, and is of no use in an app for iOS."
        ),
    }
    let name = format!("Crane-{}-swift.tar.gz", env!("CARGO_PKG_VERSION"));
    shell::run("tar", shell::command("tar").current_dir(out()).args(["-czf", &name, "Crane"]))?;
    println!("    {}", out().join(&name).display());
    Ok(())
}

/// The package without an XCFramework, in `target/dist/Crane`; `library` is what the bindings are generated from.
pub(crate) fn stage(library: &Path) -> Result<PathBuf> {
    swift::generate(library)?;
    let (source, package) = (swift::package(), out().join("Crane"));
    fresh(&package)?;
    copy_tree(&source.join("Sources"), &package.join("Sources"))?;
    copy(&source.join("README.md"), &package.join("README.md"))?;
    write(&package.join("Package.swift"), &manifest()?)?;
    for file in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&place::root().join(file), &package.join(file))?;
    }
    Ok(package)
}

/// The checkout's manifest without its tests.
fn manifest() -> Result<String> {
    let file = swift::package().join("Package.swift");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    replace(&text, TESTS, "")
}

/// The same with an XCFramework in place of the system's library.
pub(crate) fn app_manifest() -> Result<String> {
    let [checkout, app] = LIBRARY;
    replace(&manifest()?, checkout, app)
}

fn replace(manifest: &str, from: &str, to: &str) -> Result<String> {
    if manifest.matches(from).count() == 1 {
        return Ok(manifest.replace(from, to));
    }
    Err(format!("ios/Package.swift has not one line `{}`", from.trim()))
}

/// Why no XCFramework can be made on this machine.
fn missing() -> Option<&'static str> {
    if !cfg!(target_os = "macos") {
        return Some("is none");
    }
    (!shell::works("xcodebuild", &["-version"])).then_some("`xcodebuild` does not run")
}

/// Builds every slice, puts them into `CraneFFI.xcframework` of the package, and makes a zip with its checksum beside it.
fn xcframework(profile: Profile, package: &Path) -> Result {
    let work = out().join("xcframework");
    let headers = work.join("headers");
    fresh(&work)?;
    copy(&package.join("Sources/CraneFFI/CraneFFI.h"), &headers.join("CraneFFI/CraneFFI.h"))?;
    write(&headers.join("CraneFFI/module.modulemap"), MODULE_MAP)?;
    let framework = package.join("CraneFFI.xcframework");
    let mut create = shell::command("xcodebuild");
    create.arg("-create-xcframework");
    for slice in &SLICES {
        let library = work.join(slice.name).join("libcrane_ffi.a");
        merge(profile, slice, &library)?;
        create.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    shell::run("xcodebuild", create.arg("-output").arg(&framework))?;
    let sources = package.join("Sources/CraneFFI");
    std::fs::remove_dir_all(&sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    write(&package.join("Package.swift"), &app_manifest()?)?;
    let zip = out().join("CraneFFI.xcframework.zip");
    let mut ditto = shell::command("ditto");
    shell::run("ditto", ditto.args(["-c", "-k", "--keepParent"]).arg(&framework).arg(&zip))?;
    let checksum = shell::output(shell::command("swift").args(["package", "compute-checksum"]).arg(&zip));
    println!("    {}: checksum {}", zip.display(), checksum.ok_or("`swift package compute-checksum` failed")?.trim());
    Ok(())
}

/// One slice's static library, of all its architectures.
fn merge(profile: Profile, slice: &Slice, library: &Path) -> Result {
    let env = setup::build_env()?;
    let folder = library.parent().ok_or("a library lies in a folder")?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut lipo = shell::command("lipo");
    lipo.arg("-create");
    for target in slice.targets {
        let build = ["build", "-p", "crane-ffi", "--no-default-features", "--features", FEATURES, "--target", target];
        let what =
            format!("the library for {target} (`rustup target add {target}` if its standard library is missing)");
        let args: Vec<&str> = build.into_iter().chain(profile.flag()).collect();
        cargo::run(&what, &env, &args, &DEPLOYMENT)?;
        let built = profile.folder_of(target).join("libcrane_ffi.a");
        let stripped = folder.join(format!("{target}.a"));
        copy_stripped(&built, &stripped)?;
        lipo.arg(stripped);
    }
    shell::run("lipo", lipo.arg("-output").arg(library))
}

fn copy_tree(from: &Path, to: &Path) -> Result {
    let entries = std::fs::read_dir(from).map_err(|e| format!("{}: {e}", from.display()))?;
    for entry in entries.flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_tree(&path, &to)? } else { copy(&path, &to)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apps_manifest_has_the_framework() {
        let manifest = app_manifest().unwrap();
        assert!(manifest.contains("binaryTarget") && !manifest.contains("systemLibrary"), "{manifest}");
        assert!(!manifest.contains("testTarget"), "{manifest}");
        for (variable, version) in DEPLOYMENT {
            let platform = if variable.starts_with("IPHONEOS") { ".iOS(.v" } else { ".macOS(.v" };
            let major = version.trim_end_matches(".0");
            assert!(manifest.contains(&format!("{platform}{major})")), "{variable} is not the manifest's");
        }
    }

    #[test]
    fn device_and_simulator_are_apart() {
        let targets: Vec<_> = SLICES.iter().flat_map(|slice| slice.targets).collect();
        assert_eq!(targets.iter().collect::<std::collections::BTreeSet<_>>().len(), targets.len());
        assert!(SLICES.iter().all(|slice| {
            let arms = slice.targets.iter().filter(|target| target.starts_with("aarch64")).count();
            arms == 1 && slice.targets.len() - arms <= 1
        }));
    }
}
