//! The Android package: everywhere a jar with sources and documentation, and the AAR where Android's SDK and NDK are.

use std::path::{Path, PathBuf};

use super::{Profile, copy, fresh, library_name, out};
use crate::{Result, cargo, kotlin, place, setup, shell};

/// The lowest Android that the library runs on; also in `android/crane/build.gradle.kts`.
const API: &str = "28";

/// Pages of Android 15 and later may be this large; a library with smaller segments isn't loaded there.
const PAGE: u64 = 16 * 1024;

/// Android's name of a processor, Rust's of the same, and the NDK's folder of its system libraries.
const PROCESSORS: [(&str, &str); 2] = [("arm64-v8a", "aarch64-linux-android"), ("x86_64", "x86_64-linux-android")];

/// Makes `target/dist/android` and says what could not be made.
pub(super) fn pack(profile: Profile) -> Result {
    let folder = out().join("android");
    fresh(&folder)?;
    profile.cargo("the library", &["build", "--workspace"])?;
    kotlin::prepare(&profile.folder().join(library_name()))?;
    jars(&folder)?;
    let native = match Ndk::find() {
        Ok(ndk) => ndk.libraries().map(|()| true)?,
        Err(missing) => {
            println!("    skipped: libraries for Android ({missing})");
            false
        }
    };
    match gradle() {
        Ok(gradle) if native => aar(&gradle, &folder),
        Ok(_) => {
            println!("    skipped: the AAR (it holds those libraries)");
            Ok(())
        }
        Err(missing) => {
            println!("    skipped: the AAR ({missing})");
            Ok(())
        }
    }
}

/// What needs no Android: classes, sources and API documentation, made by Maven.
fn jars(folder: &Path) -> Result {
    if let Some(missing) = setup::missing_for_kotlin() {
        println!("    skipped: the jars ({missing})");
        return Ok(());
    }
    let mut package = kotlin::maven();
    package.args(["--quiet", "-Pdist", "-Dmaven.test.skip=true", "package"]);
    shell::run("Maven", &mut package)?;
    let version = env!("CARGO_PKG_VERSION");
    for (made, kind) in [("crane/crane", ""), ("crane/crane", "-sources"), ("check/crane-check", "-javadoc")] {
        let to = folder.join(format!("crane-{version}{kind}.jar"));
        copy(&place::target().join(format!("maven/{made}-{version}{kind}.jar")), &to)?;
        println!("    {}", to.display());
    }
    Ok(())
}

/// Android's compilers.
struct Ndk {
    root: PathBuf,
    /// Its programs, for this machine.
    programs: PathBuf,
}

impl Ndk {
    /// The one that a variable names, else the newest of the SDK.
    fn find() -> Result<Self> {
        let named = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK"].iter().find_map(std::env::var_os);
        let root = named.map(PathBuf::from).or_else(|| newest(&sdk()?.join("ndk")));
        let root = root.ok_or("no NDK: neither ANDROID_NDK_HOME nor ANDROID_HOME names one")?;
        let programs = newest(&root.join("toolchains/llvm/prebuilt")).map(|host| host.join("bin"));
        let programs = programs.ok_or_else(|| format!("{} is no NDK", root.display()))?;
        match PROCESSORS.iter().find(|(_, target)| !has_target(target)) {
            Some((_, target)) => Err(format!("no Rust for it: `rustup target add {target}`")),
            None => Ok(Self { root, programs }),
        }
    }

    /// Builds the library for every processor into `target/android/jniLibs`, with the C++ library it needs.
    fn libraries(&self) -> Result {
        let jni = place::target().join("android/jniLibs");
        fresh(&jni)?;
        for (abi, target) in PROCESSORS {
            self.build(target)?;
            let folder = jni.join(abi);
            let built = place::target().join(target).join("release/libcrane_ffi.so");
            let cxx = self.programs.join(format!("../sysroot/usr/lib/{target}/libc++_shared.so"));
            for file in [&built, &cxx] {
                let to = folder.join(file.file_name().ok_or("a library has a name")?);
                copy(file, &to)?;
                shell::run("llvm-strip", shell::command(self.programs.join("llvm-strip")).arg(&to))?;
                check_pages(&to)?;
            }
        }
        Ok(())
    }

    fn build(&self, target: &str) -> Result {
        let (upper, lower) = (target.to_uppercase().replace('-', "_"), target.replace('-', "_"));
        let compiler = self.programs.join(format!("{target}{API}-clang"));
        let archiver = self.programs.join("llvm-ar");
        let vars = [
            (format!("CARGO_TARGET_{upper}_LINKER"), compiler.display().to_string()),
            (format!("CARGO_TARGET_{upper}_RUSTFLAGS"), format!("-Clink-arg=-Wl,-z,max-page-size={PAGE}")),
            (format!("CC_{lower}"), compiler.display().to_string()),
            (format!("CXX_{lower}"), format!("{}++", compiler.display())),
            (format!("AR_{lower}"), archiver.display().to_string()),
            ("ANDROID_NDK".into(), self.root.display().to_string()),
            ("ANDROID_PLATFORM".into(), format!("android-{API}")),
        ];
        let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let args = ["build", "--release", "--package", "crane-ffi", "--target", target];
        cargo::run(&format!("the library for {target}"), &setup::build_env()?, &args, &vars)
    }
}

fn sdk() -> Option<PathBuf> {
    ["ANDROID_HOME", "ANDROID_SDK_ROOT"].iter().find_map(std::env::var_os).map(PathBuf::from)
}

/// The last folder by name, or the only one.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).max()
}

/// Whether Rust's standard library is there for a target.
fn has_target(target: &str) -> bool {
    let folder = shell::output(shell::command("rustc").args(["--print", "target-libdir", "--target", target]));
    folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

/// The Gradle that can make an AAR: the project's own, or the system's, with an SDK.
fn gradle() -> Result<PathBuf> {
    sdk().ok_or("no Android SDK: ANDROID_HOME names none")?;
    let wrapper = kotlin::folder().join("gradlew");
    let found = wrapper.is_file().then_some(wrapper).or_else(|| shell::find_on_path("gradle"));
    found.ok_or_else(|| "no Gradle; `gradle wrapper` in android makes one stay".into())
}

fn aar(gradle: &Path, folder: &Path) -> Result {
    let mut assemble = shell::command(gradle);
    assemble.current_dir(kotlin::folder()).arg(":crane:assembleRelease");
    shell::run("Gradle", &mut assemble)?;
    let to = folder.join(format!("crane-{}.aar", env!("CARGO_PKG_VERSION")));
    copy(&kotlin::folder().join("crane/build/outputs/aar/crane-release.aar"), &to)?;
    println!("    {}", to.display());
    Ok(())
}

fn check_pages(library: &Path) -> Result {
    let bytes = std::fs::read(library).map_err(|e| format!("{}: {e}", library.display()))?;
    match smallest_alignment(&bytes) {
        Some(alignment) if alignment >= PAGE => Ok(()),
        Some(alignment) => Err(format!("{}: segments of {alignment} bytes, less than {PAGE}", library.display())),
        None => Err(format!("{} is no 64-bit library", library.display())),
    }
}

/// The smallest alignment of the segments that a 64-bit little-endian ELF file has loaded (ELF-64 Object File Format, 7).
fn smallest_alignment(elf: &[u8]) -> Option<u64> {
    const LOAD: u64 = 1;
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let entries = (0..count).map(|n| usize::try_from(table.checked_add(n * size)?).ok());
    let mut smallest = None;
    for at in entries {
        let at = at?;
        if number(at, 4)? == LOAD {
            let alignment = number(at.checked_add(48)?, 8)?;
            smallest = Some(smallest.map_or(alignment, |least: u64| least.min(alignment)));
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_has_no_segments() {
        assert_eq!(smallest_alignment(b""), None);
        assert_eq!(smallest_alignment(&[b"\x7fELF\x02\x01", &[0xff; 100][..]].concat()), None);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    fn this_program_has_segments_of_whole_pages() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let alignment = smallest_alignment(&own).unwrap();
        assert!(alignment.is_power_of_two() && alignment >= 4096, "{alignment}");
        assert_eq!(smallest_alignment(&own[..100]), None);
    }
}
