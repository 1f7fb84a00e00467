//! Set-up: what the build needs, where it is, and what the build has to be told to find it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compiler::{self, Cxx};
use crate::libclang::{self, Libclang};
use crate::{Result, packages, shell, wheels};

/// One thing that llama.cpp's build needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A C++17 compiler with its standard library.
    Cxx,
    /// cmake itself.
    Cmake,
    /// make or ninja, which cmake drives.
    Make,
    /// libclang, which bindgen loads, with headers that it can read.
    Libclang,
    /// perl with its own modules, which configures OpenSSL: for the feature `encryption` alone.
    Perl,
    /// Maven with a Java to run it, 11 or later: for the tests of Kotlin alone.
    Maven,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cxx => "a C++ compiler",
            Self::Cmake => "cmake",
            Self::Make => "make",
            Self::Libclang => "libclang",
            Self::Perl => "perl",
            Self::Maven => "Maven",
        })
    }
}

/// What child processes are told, over and above xtask's own environment. Empty on a machine where all is in place.
#[derive(Debug, Default)]
pub(crate) struct BuildEnv {
    vars: Vec<(&'static str, String)>,
    path_first: Vec<PathBuf>,
}

impl BuildEnv {
    /// Sets the variables for one command.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.exports());
    }

    /// The variables as names and values.
    pub(crate) fn exports(&self) -> Vec<(&'static str, String)> {
        let mut all = self.vars.clone();
        if !self.path_first.is_empty() {
            let old = std::env::var_os("PATH").unwrap_or_default();
            let dirs = self.path_first.iter().cloned().chain(std::env::split_paths(&old));
            let joined = std::env::join_paths(dirs).expect("folders of the workspace hold no path separator");
            all.push(("PATH", joined.to_string_lossy().into_owned()));
        }
        all
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.vars.push((name, value.into()));
    }
}

impl fmt::Display for BuildEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.vars.is_empty() && self.path_first.is_empty() {
            return f.write_str("everything the build needs is on this system");
        }
        let names: Vec<&str> = self.exports().into_iter().map(|(name, _)| name).collect();
        write!(f, "the build uses .local through {}", names.join(", "))
    }
}

/// Finds what the build needs, installs what is missing, and says what the build has to be told.
///
/// # Errors
/// What is still missing and the one command that installs it.
pub(crate) fn build_env() -> Result<BuildEnv> {
    let mut found = Found::look();
    if !found.missing().is_empty() && packages::may_install() {
        packages::install(&found.missing());
        found = Found::look();
    }
    if found.missing().iter().any(|tool| *tool != Tool::Cxx) {
        wheels::install_build_tools();
        found = Found::look();
    }
    match found.missing().as_slice() {
        [] => Ok(found.env()),
        missing => Err(advice(missing)),
    }
}

/// What OpenSSL's build still lacks, see [`missing_for`].
pub(crate) fn missing_for_openssl() -> Option<String> {
    missing_for(&[(Tool::Perl, compiler::find_perl), (Tool::Make, compiler::find_make)])
}

/// What the tests of Kotlin still lack, see [`missing_for`].
pub(crate) fn missing_for_kotlin() -> Option<String> {
    missing_for(&[(Tool::Maven, || shell::works("mvn", &["--version"]))])
}

/// Looks for a tool.
type Find = fn() -> bool;

/// What an optional part of the work still lacks once it was looked for and, where that is allowed, installed; with the
/// command that installs it.
fn missing_for(wanted: &[(Tool, Find)]) -> Option<String> {
    let missing = || -> Vec<Tool> { wanted.iter().filter(|(_, found)| !found()).map(|(tool, _)| *tool).collect() };
    if !missing().is_empty() && packages::may_install() {
        packages::install(&missing());
    }
    let missing = missing();
    let names: Vec<String> = missing.iter().map(Tool::to_string).collect();
    (!missing.is_empty()).then(|| format!("{}: {}", names.join(" and "), packages::by_hand(&missing)))
}

fn advice(missing: &[Tool]) -> String {
    let names: Vec<String> = missing.iter().map(Tool::to_string).collect();
    let command = packages::by_hand(missing);
    format!("the build still needs {}. Run this, then the same xtask command again:\n\n  {command}\n", names.join(", "))
}

/// Fetches ONNX Runtime into `.local` and returns its library. Later xtask commands use it.
pub(crate) fn onnxruntime() -> Result<PathBuf> {
    match wheels::onnxruntime() {
        Some(library) => Ok(library),
        None => wheels::install_onnxruntime(),
    }
}

/// What was found; `None` is missing.
struct Found {
    cxx: Option<Cxx>,
    cmake: Option<PathBuf>,
    make: bool,
    ninja: Option<PathBuf>,
    libclang: Option<Libclang>,
    headers: Option<String>,
}

impl Found {
    fn look() -> Self {
        let libclang = libclang::find().or_else(wheels::libclang);
        // Only a libclang without its own headers makes the compiler's worth a question.
        let headers = libclang.as_ref().filter(|l| !l.has_headers).and_then(|_| compiler::builtin_headers());
        let make = compiler::find_make();
        Self {
            cxx: compiler::find_cxx(),
            cmake: compiler::find_cmake().or_else(wheels::cmake),
            make,
            ninja: if make { None } else { compiler::find_ninja().or_else(wheels::ninja) },
            libclang,
            headers,
        }
    }

    fn missing(&self) -> Vec<Tool> {
        let readable = self.libclang.as_ref().is_some_and(|l| l.has_headers || self.headers.is_some());
        let all = [
            (Tool::Cxx, self.cxx.is_some()),
            (Tool::Cmake, self.cmake.is_some()),
            (Tool::Make, self.make || self.ninja.is_some()),
            (Tool::Libclang, readable),
        ];
        all.into_iter().filter(|(_, found)| !found).map(|(tool, _)| tool).collect()
    }

    /// Names only what the build would not find by itself, so that plain `cargo` and xtask share one build.
    fn env(&self) -> BuildEnv {
        let mut env = BuildEnv::default();
        if let Some(cxx) = self.cxx.as_ref().filter(|cxx| cxx.tell) {
            env.set("CXX", &cxx.program);
        }
        if let Some(cmake) = self.cmake.as_deref().filter(|file| wheels::owns(file)) {
            env.set("CMAKE", cmake.to_string_lossy());
        }
        if let Some(ninja) = &self.ninja {
            env.set("CMAKE_GENERATOR", "Ninja");
            env.path_first.extend(ninja.parent().filter(|dir| wheels::owns(dir)).map(Path::to_path_buf));
        }
        if let Some(libclang) = self.libclang.as_ref().filter(|l| wheels::owns(&l.file)) {
            let dir = libclang.file.parent().expect("a file that was found lies in a folder");
            env.set("LIBCLANG_PATH", dir.to_string_lossy());
        }
        if let Some(headers) = &self.headers {
            // After all others, so that clang's own headers win wherever there are any.
            let theirs = std::env::var("BINDGEN_EXTRA_CLANG_ARGS").unwrap_or_default();
            if !theirs.contains(headers.as_str()) {
                env.set("BINDGEN_EXTRA_CLANG_ARGS", format!("{theirs} -idirafter {headers}").trim_start().to_owned());
            }
        }
        if let Some(library) = wheels::onnxruntime().filter(|_| std::env::var_os("ORT_DYLIB_PATH").is_none()) {
            env.set("ORT_DYLIB_PATH", library.to_string_lossy());
        }
        env
    }
}
