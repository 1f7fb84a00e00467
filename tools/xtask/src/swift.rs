//! Swift: a toolchain on the path or in a Debian tree, the package's tests, and its README's example.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, bindings, dist, place, shell};

/// Names a Debian tree with the package `swiftlang`; unset, `.local/swift` is looked at.
const TREE_VARIABLE: &str = "CRANE_SWIFT_ROOT";

/// The package's manifest is of this version.
const OLDEST: u32 = 6;

/// Enters a tree: `sh -c ENTER sh TREE FOLDER BIND… -- COMMAND…`. The mounts are gone with the last process. Folders keep
/// their paths, so that a command is the same inside and outside.
const ENTER: &str = r#"
set -e
tree=$1 folder=$2; shift 2
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
while [ "$1" != -- ]; do mkdir -p "$tree$1"; mount --bind "$1" "$tree$1"; shift; done
shift
exec chroot "$tree" env -i PATH=/usr/bin:/bin:/usr/libexec/swift/bin HOME=/tmp LANG=C.UTF-8 sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"#;

/// Where Swift's programs are.
pub(crate) enum Toolchain {
    Path,
    Tree(PathBuf),
}

impl Toolchain {
    /// The one on the path, else the tree that a variable names, else `.local/swift`.
    pub(crate) fn find() -> Result<Option<Self>> {
        if Self::Path.works() {
            return Ok(Some(Self::Path));
        }
        let named = std::env::var_os(TREE_VARIABLE).filter(|tree| !tree.is_empty()).map(PathBuf::from);
        let tree = Self::Tree(named.clone().unwrap_or_else(local_tree));
        match (tree.works(), named) {
            (true, _) => Ok(Some(tree)),
            (false, None) => Ok(None),
            (false, Some(named)) => Err(format!(
                "{TREE_VARIABLE} is {}, in which there is no Swift {OLDEST} or later; it is a Debian tree with \
                 swiftlang, which root alone can enter",
                named.display()
            )),
        }
    }

    /// Whether it is there, new enough, and, on a Mac, comes with XCTest, which Xcode has and its command-line tools have not.
    fn works(&self) -> bool {
        let said = shell::output(self.command(place::root(), "swift").arg("--version"));
        said.as_deref().and_then(version).is_some_and(|version| version >= OLDEST)
            && (!cfg!(target_os = "macos") || shell::works("xcrun", &["--find", "xctest"]))
    }

    /// A program of the toolchain, to be run in a folder of the workspace or of the target folder.
    pub(crate) fn command(&self, folder: &Path, program: &str) -> Command {
        match self {
            Self::Path => {
                let mut command = shell::command(program);
                command.current_dir(folder);
                command
            }
            Self::Tree(tree) => {
                let mut command = shell::command("unshare");
                command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(tree).arg(folder);
                command.arg(place::root()).arg(place::target()).args(["--", program]);
                command
            }
        }
    }

    /// The tests of a package, built in a folder of the target folder, against cargo's library.
    fn test(&self, package: &Path, scratch: &str) -> Command {
        let mut tests = self.command(package, "swift");
        tests.args(["test", "--disable-swift-testing", "--scratch-path"]).arg(out(scratch)).args(linking());
        tests
    }
}

/// The major version in "Swift version 6.0.3 (swift-6.0.3-RELEASE)" and its like.
fn version(said: &str) -> Option<u32> {
    let number = said.split("Swift version ").nth(1)?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn local_tree() -> PathBuf {
    place::local().join("swift")
}

/// Makes a Debian tree with Swift in `.local/swift`, for Linux machines that have no Swift; takes 2.6 GB.
pub(crate) fn make_tree() -> Result {
    if let Some(found) = Toolchain::find()? {
        let place = match found {
            Toolchain::Path => "on the path".into(),
            Toolchain::Tree(tree) => format!("in {}", tree.display()),
        };
        println!("Swift: {place}");
        return Ok(());
    }
    if !shell::works("mmdebstrap", &["--version"]) {
        return Err("this needs mmdebstrap (Debian's package of that name) and root; or install Swift itself".into());
    }
    let mut make = shell::command("mmdebstrap");
    make.args(["--variant=minbase", "--include=swiftlang,libc6-dev,libstdc++-14-dev,libgomp1,ca-certificates"]);
    make.arg("trixie").arg(local_tree()).args(sources());
    shell::run("mmdebstrap", &mut make)?;
    println!("Swift: in {}", local_tree().display());
    Ok(())
}

/// This system's package sources with trixie's packages, where it is a Debian; else mmdebstrap takes its own.
fn sources() -> Option<PathBuf> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let here = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    let theirs = std::fs::read_to_string("/etc/apt/sources.list.d/debian.sources").ok()?;
    let ours = place::local().join("trixie.sources");
    std::fs::create_dir_all(place::local()).ok()?;
    std::fs::write(&ours, theirs.replace(here, "trixie")).ok()?;
    Some(ours)
}

/// The Swift package.
pub(crate) fn package() -> PathBuf {
    place::root().join("ios")
}

/// Generates the package's low-level half where a checkout wants it.
pub(crate) fn generate(library: &Path) -> Result {
    let out = place::target().join("bindings/swift");
    bindings::generate("swift", library, &out)?;
    let sources = package().join("Sources");
    for (file, to) in [("CraneBindings.swift", "CraneBindings"), ("CraneFFI.h", "CraneFFI")] {
        let (made, there) = (out.join(file), sources.join(to).join(file));
        // A file that is touched is compiled again, and this one takes the compiler longest.
        if std::fs::read(&made).ok() != std::fs::read(&there).ok() {
            dist::copy(&made, &there)?;
        }
    }
    Ok(())
}

/// Runs the package's tests, checks what only Apple's platforms run, makes the documentation, and tries out the README's
/// example; says so where there is no Swift.
pub(crate) fn test() -> Result {
    let Some(swift) = Toolchain::find()? else {
        println!(
            "    skipped: no Swift {OLDEST} with XCTest is on the path, {TREE_VARIABLE} names no tree with one, and there is \
             none in .local/swift (`cargo xtask setup --swift` makes one on Debian)"
        );
        return Ok(());
    };
    bindings::build()?;
    let staged = dist::stage_ios(&bindings::library())?;
    // Kept: a module that needs no compiling is not described again.
    let graphs = out("docs/graphs");
    std::fs::create_dir_all(&graphs).map_err(|e| format!("{}: {e}", graphs.display()))?;
    let mut tests = swift.test(&package(), "package");
    for flag in ["-emit-symbol-graph", "-emit-symbol-graph-dir"] {
        tests.args(["-Xswiftc", flag]);
    }
    shell::run("Swift's tests", tests.arg("-Xswiftc").arg(&graphs))?;
    // On a Mac the frameworks themselves stand in the stubs' way, and the package was just compiled against them.
    if !cfg!(target_os = "macos") {
        shell::run("the checks of Apple's part", &mut swift.test(&package().join("Checks"), "checks"))?;
    }
    documentation(&swift, &graphs)?;
    app_manifest(&swift)?;
    readme(&swift, &staged)
}

/// A folder of what Swift builds.
fn out(name: &str) -> PathBuf {
    place::target().join("swift").join(name)
}

/// Links cargo's library, and finds it there when the program runs.
fn linking() -> Vec<String> {
    let library = bindings::library();
    let folder = library.parent().expect("a library lies in a folder").display();
    let linker = [format!("-L{folder}"), "-rpath".into(), folder.to_string()];
    linker.into_iter().flat_map(|flag| ["-Xlinker".into(), flag]).collect()
}

/// Makes the DocC archive; a link to nothing is an error.
fn documentation(swift: &Toolchain, graphs: &Path) -> Result {
    if shell::output(swift.command(place::root(), "docc").arg("--help")).is_none() {
        println!("    skipped: the DocC archive, since there is no docc");
        return Ok(());
    }
    let chosen = out("docs/chosen");
    dist::fresh(&chosen)?;
    for graph in ["Crane.symbols.json", "Crane@CraneBindings.symbols.json", "CraneBindings.symbols.json"] {
        dist::copy(&graphs.join(graph), &chosen.join(graph))?;
    }
    let archive = out("Crane.doccarchive");
    let mut docc = swift.command(place::root(), "docc");
    docc.args(["convert", "ios/Sources/Crane/Crane.docc", "--warnings-as-errors", "--additional-symbol-graph-dir"]);
    docc.arg(&chosen).args(["--fallback-bundle-identifier", "dev.crane.Crane", "--output-path"]).arg(&archive);
    shell::run("docc", &mut docc)?;
    println!("    {}", archive.display());
    Ok(())
}

/// Has SwiftPM read the manifest that packages with an XCFramework have.
fn app_manifest(swift: &Toolchain) -> Result {
    let folder = out("manifest");
    dist::write(&folder.join("Package.swift"), &dist::app_manifest()?)?;
    let read = shell::output(swift.command(&folder, "swift").args(["package", "dump-package"]));
    match read {
        Some(read) if read.contains("CraneFFI.xcframework") => Ok(()),
        Some(_) => Err("an app's manifest has no XCFramework".into()),
        None => Err("`swift package dump-package` can't read an app's manifest".into()),
    }
}

/// Compiles the README's example against the staged package in a package of its own, as its reader does, and runs it in the
/// repository's root.
fn readme(swift: &Toolchain, staged: &Path) -> Result {
    let file = package().join("README.md");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let example = text.split("```swift\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = example.ok_or("ios/README.md has no example in Swift")?;
    let folder = out("readme");
    let library = folder.join("my-library");
    dist::fresh(&library)?;
    let example = example.replace("my-library", &library.to_string_lossy());
    dist::write(&folder.join("Sources/Example/main.swift"), &example)?;
    dist::write(&folder.join("Package.swift"), &EXAMPLE.replace("CRANE", &staged.to_string_lossy()))?;
    let mut build = swift.command(&folder, "swift");
    shell::run("the README's example", build.args(["build", "--product", "Example"]).args(linking()))?;
    let program = folder.join(".build/debug/Example");
    let said = shell::output(&mut swift.command(place::root(), &program.to_string_lossy()));
    let said = said.ok_or("the README's example failed")?;
    if said.lines().nth(1) == Some("Theaprairk") {
        println!("    ios/README.md: its example runs");
        return Ok(());
    }
    Err(format!("the README's example answered:\n{said}"))
}

const EXAMPLE: &str = r#"// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Example",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "CRANE")],
    targets: [.executableTarget(name: "Example", dependencies: ["Crane"])],
    swiftLanguageModes: [.v5]
)
"#;

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64"), Some(6));
        let apple = "swift-driver version: 1.127 Apple Swift version 6.2 (swiftlang-6.2.0.19.9 clang-1700.3.19.1)";
        assert_eq!(version(apple), Some(6));
        assert_eq!(version("Swift version 5.10 (swift-5.10-RELEASE)"), Some(5));
        assert_eq!(version("OpenStack Swift"), None);
    }
}
