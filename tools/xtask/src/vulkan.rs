//! The language model through Vulkan, on whatever device there is: Mesa's llvmpipe needs no GPU.

use std::path::{Path, PathBuf};

use crate::packages::may_install;
use crate::{Result, cargo, place, setup, shell};

/// As Debian names them: the shader compiler, headers and loader, and a device in software.
const PACKAGES: [&str; 4] = ["glslc", "libvulkan-dev", "spirv-headers", "mesa-vulkan-drivers"];
/// llama.cpp uses what 1.3's headers don't have.
const HEADERS: &str = "/usr/include/vulkan/vulkan_core.h";
const OLD_HEADERS: &str = "VK_MAKE_API_VERSION(0, 1, 3,";
/// Debian's release that has newer ones, which any loader goes with.
const NEWER: &str = "trixie";

/// Builds the feature `vulkan` in a target folder of its own, and compares the device's replies with the processor's.
pub(crate) fn test() -> Result {
    let env = setup::build_env()?;
    if !is_ready() && shell::find_on_path("apt-get").is_some() && may_install() {
        let mut install = shell::command("apt-get");
        install.args(["install", "--yes", "--quiet=2", "--no-install-recommends"]).args(PACKAGES);
        shell::run("apt-get install", &mut install)?;
    }
    if !is_ready() {
        return Err(format!(
            "this needs glslc, Vulkan's loader with its headers, and SPIR-V's headers (Debian: {}); as root on Debian it \
             installs them itself",
            PACKAGES.join(", ")
        ));
    }
    let newer = if has_old_headers() { Some(newer_headers()?) } else { None };
    let newer = newer.map(|folder| folder.display().to_string());
    // llama.cpp takes no device that is a processor, unless it is named. With its fused kernels Mesa 22.3's llvmpipe damages
    // the process's memory.
    let mut extra = vec![("GGML_VK_VISIBLE_DEVICES", "0"), ("GGML_VK_DISABLE_FUSION", "1")];
    extra.extend(newer.as_deref().map(|folder| ("CMAKE_PREFIX_PATH", folder)));
    let folder = place::target().join("vulkan").display().to_string();
    let package = ["--package", "crane-core", "--no-default-features", "--features", "vulkan", "--target-dir", &folder];
    let tests = [&["test"], &package[..], &["--test", "models", "--", "gpu::", "--nocapture"]].concat();
    cargo::run("the tests on Vulkan", &env, &tests, &extra)
}

fn is_ready() -> bool {
    shell::find_on_path("glslc").is_some()
        && Path::new(HEADERS).exists()
        && ["/usr/share", "/usr/lib"].iter().any(|base| Path::new(base).join("cmake/SPIRV-Headers").exists())
}

fn has_old_headers() -> bool {
    std::fs::read_to_string(HEADERS).is_ok_and(|text| text.contains(OLD_HEADERS))
}

/// Unpacks a newer release's headers into `.local/vulkan`, beside the system's package manager.
fn newer_headers() -> Result<PathBuf> {
    let folder = place::local().join("vulkan");
    let headers = folder.join("headers/usr");
    if headers.join("include/vulkan/vulkan_core.h").exists() {
        return Ok(headers);
    }
    println!("vulkan: taking Debian {NEWER}'s headers, the system's are too old");
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    std::fs::create_dir_all(folder.join("lists/partial")).map_err(failed)?;
    let sources = folder.join("sources.list");
    std::fs::write(&sources, format!("deb http://deb.debian.org/debian {NEWER} main\n")).map_err(failed)?;
    let apt = |args: &[&str]| {
        let mut command = shell::command("apt-get");
        let option = |name: &str, value: &str| ["-o".to_owned(), format!("{name}={value}")];
        command.args(option("Dir::Etc::sourcelist", &sources.display().to_string()));
        command.args(option("Dir::Etc::sourceparts", "-"));
        command.args(option("Dir::State::lists", &folder.join("lists").display().to_string()));
        command.args(["pkgcache", "srcpkgcache"].iter().flat_map(|name| option(&format!("Dir::Cache::{name}"), "")));
        command.args(args).current_dir(&folder);
        shell::run("apt-get", &mut command)
    };
    apt(&["--quiet=2", "update"])?;
    apt(&["--quiet=2", "download", "libvulkan-dev", "spirv-headers"])?;
    let packages = std::fs::read_dir(&folder).map_err(failed)?.flatten().map(|entry| entry.path());
    for package in packages.filter(|path| path.extension().is_some_and(|extension| extension == "deb")) {
        let mut unpack = shell::command("dpkg");
        shell::run("dpkg", unpack.arg("-x").arg(package).arg(folder.join("headers")))?;
    }
    Ok(headers)
}
