//! The system's package manager: which one, its packages' names, and how it is asked.

use crate::setup::Tool;
use crate::shell;

/// A package manager and the names under which it has what the build needs.
struct Manager {
    program: &'static str,
    /// Asked when installing fails at first: package lists may be missing or old.
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    cxx: &'static str,
    cmake: &'static str,
    make: &'static str,
    libclang: &'static str,
    perl: &'static str,
    maven: &'static str,
}

const MANAGERS: [Manager; 5] = [
    Manager {
        program: "apt-get",
        refresh: &["update", "-q"],
        install: &["install", "-q", "-y", "--no-install-recommends"],
        cxx: "g++",
        cmake: "cmake",
        make: "make",
        libclang: "libclang-dev",
        perl: "perl",
        maven: "maven",
    },
    Manager {
        program: "dnf",
        refresh: &["makecache"],
        install: &["install", "-y"],
        cxx: "gcc-c++",
        cmake: "cmake",
        make: "make",
        libclang: "clang-devel",
        perl: "perl",
        maven: "maven",
    },
    Manager {
        program: "apk",
        refresh: &["update"],
        install: &["add"],
        cxx: "build-base",
        cmake: "cmake",
        make: "make",
        libclang: "clang-dev",
        perl: "perl",
        maven: "maven",
    },
    Manager {
        program: "pacman",
        refresh: &["-Sy", "--noconfirm"],
        install: &["-S", "--noconfirm", "--needed"],
        cxx: "gcc",
        cmake: "cmake",
        make: "make",
        libclang: "clang",
        perl: "perl",
        maven: "maven",
    },
    Manager {
        program: "zypper",
        refresh: &["--non-interactive", "refresh"],
        install: &["--non-interactive", "install"],
        cxx: "gcc-c++",
        cmake: "cmake",
        make: "make",
        libclang: "clang-devel",
        perl: "perl",
        maven: "maven",
    },
];

impl Manager {
    fn here() -> Option<&'static Self> {
        MANAGERS.iter().find(|manager| shell::find_on_path(manager.program).is_some())
    }

    fn packages(&self, tools: &[Tool]) -> Vec<&'static str> {
        let name = |tool: &Tool| match tool {
            Tool::Cxx => self.cxx,
            Tool::Cmake => self.cmake,
            Tool::Make => self.make,
            Tool::Libclang => self.libclang,
            Tool::Perl => self.perl,
            Tool::Maven => self.maven,
        };
        tools.iter().map(name).collect()
    }
}

/// Whether there is a package manager and the right to use it.
pub(crate) fn may_install() -> bool {
    Manager::here().is_some() && is_root()
}

fn is_root() -> bool {
    shell::output(shell::command("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Installs what is missing. A failure is only reported: set-up looks again and has other ways.
pub(crate) fn install(missing: &[Tool]) {
    let Some(manager) = Manager::here() else { return };
    let packages = manager.packages(missing);
    let what = format!("{} with {}", packages.join(", "), manager.program);
    let ask = |args: &[&str], packages: &[&str]| {
        let mut command = shell::command(manager.program);
        command.args(args).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    println!("setup: installing {what}");
    if shell::run_logged(&mut ask(manager.install, &packages)).is_ok() {
        return;
    }
    println!("setup: {} may have old lists; refreshing them", manager.program);
    let again = shell::run_logged(&mut ask(manager.refresh, &[]))
        .and_then(|()| shell::run_logged(&mut ask(manager.install, &packages)));
    if let Err(error) = again {
        println!("setup: {error}");
    }
}

/// The one command with which a person installs what is missing.
pub(crate) fn by_hand(missing: &[Tool]) -> String {
    if let Some(manager) = Manager::here() {
        let refresh = manager.refresh.join(" ");
        let install = manager.install.join(" ").replace(" -q", "");
        let (program, packages) = (manager.program, manager.packages(missing).join(" "));
        return format!("sudo {program} {refresh} && sudo {program} {install} {packages}");
    }
    match std::env::consts::OS {
        "macos" => "xcode-select --install; brew install cmake".to_owned(),
        "windows" => "winget install Microsoft.VisualStudio.2022.BuildTools Kitware.CMake LLVM.LLVM".to_owned(),
        "freebsd" => "pkg install cmake llvm".to_owned(),
        _ => {
            let names: Vec<String> = missing.iter().map(Tool::to_string).collect();
            format!("(this system's way to install {})", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_package() {
        for manager in &MANAGERS {
            let all = [Tool::Cxx, Tool::Cmake, Tool::Make, Tool::Libclang, Tool::Perl, Tool::Maven];
            let packages = manager.packages(&all);
            assert!(packages.iter().all(|name| !name.is_empty()), "{}", manager.program);
        }
    }

    #[test]
    fn advice_names_what_is_missing() {
        let advice = by_hand(&[Tool::Cmake]);
        assert!(advice.contains("cmake") || advice.contains("CMake"), "{advice}");
    }
}
