//! libclang, which bindgen loads to read llama.cpp's headers.

use std::path::{Path, PathBuf};

/// Where bindgen looks by itself; `*` stands for one folder. A library found here needs no variable set.
const PLACES: [&str; 9] = [
    "/usr/local/llvm*/lib*",
    "/usr/local/opt/llvm*/lib",
    "/usr/local/lib*",
    "/usr/lib*/*/*",
    "/usr/lib*/*",
    "/usr/lib*",
    "/Library/Developer/CommandLineTools/usr/lib",
    "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
    "/opt/homebrew/opt/llvm*/lib",
];

/// A libclang and whether clang's own headers (`stddef.h`, …) lie where it will look for them.
#[derive(Debug)]
pub(crate) struct Libclang {
    /// The shared library.
    pub(crate) file: PathBuf,
    /// Whether bindgen can do without other headers.
    pub(crate) has_headers: bool,
}

/// The libclang that bindgen will load: `$LIBCLANG_PATH` (a file or its folder), else a known place.
pub(crate) fn find() -> Option<Libclang> {
    if let Some(named) = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        return if named.is_file() { Some(described(named)) } else { in_folder(&named) };
    }
    PLACES.iter().flat_map(|pattern| expand(pattern)).find_map(|dir| in_folder(&dir))
}

/// The libclang inside one folder.
pub(crate) fn in_folder(dir: &Path) -> Option<Libclang> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    // A link whose target was removed is not a library.
    files.into_iter().find(|file| is_libclang(file) && file.is_file()).map(described)
}

fn is_libclang(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.starts_with("libclang.") || name.starts_with("libclang-");
    // libclang-cpp is another library with other symbols.
    let shared = name.contains(".so") || name.ends_with(".dylib") || name.ends_with(".dll");
    stem && shared && !name.contains("-cpp.")
}

fn described(file: PathBuf) -> Libclang {
    let has_headers = header_roots(&file).iter().any(|root| holds_headers(root));
    Libclang { file, has_headers }
}

/// Folders `…/clang` beside the library, beside what it links to, and where Debian's packages put them.
fn header_roots(file: &Path) -> Vec<PathBuf> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let beside = [file, &real].into_iter().filter_map(Path::parent).map(|dir| dir.join("clang"));
    // On Debian `libclang-14.so.1` looks under `/usr/lib/llvm-14`; other versions' headers do not count.
    let debian = version_in_name(&real).map(|v| PathBuf::from(format!("/usr/lib/llvm-{v}/lib/clang")));
    let fedora = PathBuf::from("/usr/lib/clang");
    beside.chain(debian).chain(file.starts_with("/usr/lib64").then_some(fedora)).collect()
}

fn version_in_name(file: &Path) -> Option<u32> {
    let name = file.file_name()?.to_str()?;
    name.strip_prefix("libclang-")?.split('.').next()?.parse().ok()
}

fn holds_headers(root: &Path) -> bool {
    let versions = std::fs::read_dir(root).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("include/stddef.h").is_file())
}

/// The folders that a pattern stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let step = |dir: &PathBuf| match part.split_once('*') {
            None => vec![dir.join(part)],
            Some((prefix, suffix)) => children(dir, prefix, suffix),
        };
        found = found.iter().flat_map(step).filter(|dir| dir.is_dir()).collect();
    }
    found
}

fn children(dir: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let fits = |name: &str| name.starts_with(prefix) && name[prefix.len()..].ends_with(suffix);
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|e| e.file_name().to_str().is_some_and(fits)).map(|e| e.path()).collect();
    // Newest version first, as far as names tell.
    found.sort_by(|a, b| b.cmp(a));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_libclang_from_its_neighbours() {
        for yes in ["libclang.so", "libclang-14.so.1", "libclang.so.18.1", "libclang.dylib"] {
            assert!(is_libclang(Path::new(yes)), "{yes}");
        }
        for no in ["libclang-cpp.so.14", "libclang_rt.a", "libclangAST.a", "libclang.a"] {
            assert!(!is_libclang(Path::new(no)), "{no}");
        }
    }

    #[test]
    fn reads_debians_version() {
        assert_eq!(version_in_name(Path::new("/usr/lib/x/libclang-14.so.14.0.6")), Some(14));
        assert_eq!(version_in_name(Path::new("libclang.so")), None);
    }

    #[test]
    fn expands_stars() {
        assert_eq!(expand("/usr/bin"), [PathBuf::from("/usr/bin")]);
        assert!(expand("/us*").contains(&PathBuf::from("/usr")));
        assert!(expand("/no-such*/lib").is_empty());
    }
}
