//! The C++ compiler and cmake.

use std::path::PathBuf;
use std::process::Stdio;

use crate::shell;

/// llama.cpp asks for at least this cmake.
const CMAKE_AT_LEAST: (u32, u32) = (3, 14);

/// A C++ compiler that compiles C++17 with its standard library, and whether the build finds it without being told.
pub(crate) struct Cxx {
    /// The program's name or path.
    pub(crate) program: String,
    /// Whether `CXX` must be set for the build to use it.
    pub(crate) tell: bool,
}

/// Looks for a C++ compiler where the build will look, then where it will not.
pub(crate) fn find_cxx() -> Option<Cxx> {
    if let Ok(program) = std::env::var("CXX") {
        return compiles(&program).then_some(Cxx { program, tell: false });
    }
    ["c++", "g++", "clang++"]
        .into_iter()
        .find(|name| compiles(name))
        .map(|name| Cxx { program: name.to_owned(), tell: name != "c++" })
}

/// A compiler without its library's headers is a common half-installation, so a header is part of the question.
fn compiles(program: &str) -> bool {
    use std::io::Write as _;
    let mut command = shell::command(program);
    command.args(["-x", "c++", "-std=c++17", "-fsyntax-only", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let Some(mut stdin) = child.stdin.take() else {
        return false;
    };
    let written = stdin.write_all(b"#include <string>\nint main() { return 0; }\n");
    drop(stdin);
    child.wait().is_ok_and(|status| status.success()) && written.is_ok()
}

/// cmake as the build will find it: `$CMAKE`, else on the path.
pub(crate) fn find_cmake() -> Option<PathBuf> {
    let named = std::env::var_os("CMAKE").map(PathBuf::from);
    named.or_else(|| shell::find_on_path("cmake")).filter(recent_enough)
}

fn recent_enough(cmake: &PathBuf) -> bool {
    shell::output(shell::command(cmake).arg("--version")).and_then(|text| parse_version(&text)) >= Some(CMAKE_AT_LEAST)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What cmake drives: make unless there is only ninja.
pub(crate) fn find_make() -> bool {
    shell::works("make", &["--version"]) || shell::works("gmake", &["--version"])
}

/// perl with the modules that OpenSSL's `Configure` loads: some systems bring a perl without them.
pub(crate) fn find_perl() -> bool {
    shell::works("perl", &["-MFindBin", "-MIPC::Cmd", "-MFile::Compare", "-MFile::Copy", "-MTime::Piece", "-e", "1"])
}

/// ninja on the path.
pub(crate) fn find_ninja() -> Option<PathBuf> {
    shell::find_on_path("ninja").filter(|file| shell::works(file, &["--version"]))
}

/// Where the C compiler keeps `stddef.h` and its like: bindgen can use them when libclang came without its own.
pub(crate) fn builtin_headers() -> Option<String> {
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let dir = shell::output(shell::command(cc).arg("-print-file-name=include"))?;
    let dir = dir.trim();
    // clang answers this question with its argument; its headers lie under its resource folder.
    let found = if std::path::Path::new(dir).is_absolute() { Some(dir.to_owned()) } else { clang_headers() };
    found.filter(|dir| std::path::Path::new(dir).join("stddef.h").is_file())
}

fn clang_headers() -> Option<String> {
    let dir = shell::output(shell::command("cc").arg("-print-resource-dir"))?;
    Some(format!("{}/include", dir.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cmakes_version() {
        assert_eq!(parse_version("cmake version 3.25.1\n\nCMake suite…"), Some((3, 25)));
        assert_eq!(parse_version("cmake version 4.0.0-rc1\n"), Some((4, 0)));
        assert_eq!(parse_version("shim: command not found"), None);
        assert!(parse_version("") < Some(CMAKE_AT_LEAST));
    }
}
