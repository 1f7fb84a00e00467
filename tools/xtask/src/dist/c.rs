//! The C package: header, shared and static library, pkg-config, CMake, and the example.

use std::path::Path;
use std::process::Command;

use super::sizes::size;
use super::{Profile, copy, copy_stripped, fresh, library_name, out, platform, write};
use crate::{Result, place, setup, shell};

/// What the static library needs of the system, where rustc does not say.
const SYSTEM_LIBRARIES: &str = "-lstdc++ -lgomp -lpthread -ldl -lm";

/// Makes `target/dist/crane-VERSION-PLATFORM` and a tarball of it.
pub(super) fn pack(profile: Profile) -> Result {
    let name = format!("crane-{}-{}", env!("CARGO_PKG_VERSION"), platform());
    let folder = out().join(&name);
    fresh(&folder)?;
    let root = place::root();
    profile.cargo("the library", &["build", "--workspace"])?;
    for library in [&library_name(), "libcrane_ffi.a"] {
        copy_stripped(&profile.folder().join(library), &folder.join("lib").join(library))?;
    }
    copy(&root.join("ffi/include/crane.h"), &folder.join("include/crane.h"))?;
    write(&folder.join("lib/pkgconfig/crane.pc"), &pkg_config())?;
    write(&folder.join("lib/cmake/Crane/CraneConfig.cmake"), CMAKE)?;
    write(&folder.join("example/CMakeLists.txt"), CMAKE_EXAMPLE)?;
    write(&folder.join("example/example.c"), &example()?)?;
    for file in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root.join(file), &folder.join(file))?;
    }
    copy(&root.join("ffi/README.md"), &folder.join("README.md"))?;
    let mut tar = shell::command("tar");
    tar.current_dir(out()).args(["-czf", &format!("{name}.tar.gz"), &name]);
    shell::run("tar", &mut tar)?;
    println!("    {}", folder.with_file_name(format!("{name}.tar.gz")).display());
    try_out(&folder)?;
    for library in [&library_name(), "libcrane_ffi.a"] {
        println!("    {library}, stripped: {}", size(&folder.join("lib").join(library))?);
    }
    Ok(())
}

fn pkg_config() -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\nincludedir=${{prefix}}/include\nlibdir=${{prefix}}/lib\n\nName: crane\n\
         Description: Correct a fact once, and the model on the device reasons with the correction\n\
         Version: {}\nCflags: -I${{includedir}}\nLibs: -L${{libdir}} -lcrane_ffi\nLibs.private: {SYSTEM_LIBRARIES}\n",
        env!("CARGO_PKG_VERSION")
    )
}

const CMAKE: &str = "\
# find_package(Crane) gives Crane::crane (shared) and Crane::crane_static.
get_filename_component(_crane \"${CMAKE_CURRENT_LIST_DIR}/../../..\" ABSOLUTE)
find_package(Threads REQUIRED)
if(NOT TARGET Crane::crane)
  add_library(Crane::crane SHARED IMPORTED)
  set_target_properties(Crane::crane PROPERTIES
    IMPORTED_LOCATION \"${_crane}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}crane_ffi${CMAKE_SHARED_LIBRARY_SUFFIX}\"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES \"${_crane}/include\")
  add_library(Crane::crane_static STATIC IMPORTED)
  set_target_properties(Crane::crane_static PROPERTIES
    IMPORTED_LOCATION \"${_crane}/lib/libcrane_ffi.a\"
    INTERFACE_INCLUDE_DIRECTORIES \"${_crane}/include\")
  if(UNIX AND NOT APPLE)
    target_link_libraries(Crane::crane_static INTERFACE stdc++ gomp Threads::Threads ${CMAKE_DL_LIBS} m)
  else()
    target_link_libraries(Crane::crane_static INTERFACE c++ Threads::Threads)
  endif()
endif()
";

const CMAKE_EXAMPLE: &str = "\
# cmake -B build -DCMAKE_PREFIX_PATH=.. && cmake --build build
cmake_minimum_required(VERSION 3.14)
project(crane_example C CXX)
find_package(Crane REQUIRED)
add_executable(example example.c)
target_link_libraries(example PRIVATE Crane::crane)
add_executable(example_static example.c)
set_target_properties(example_static PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(example_static PRIVATE Crane::crane_static)
";

/// The README's example.
fn example() -> Result<String> {
    let file = place::root().join("ffi/README.md");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let example = text.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
    example.map(str::to_owned).ok_or_else(|| "ffi/README.md has no example in C".into())
}

/// Builds the packed example with CMake and runs it, shared and static, and asks pkg-config.
fn try_out(folder: &Path) -> Result {
    let build = out().join("c-test");
    fresh(&build)?;
    let env = setup::build_env()?;
    let mut configure = shell::command("cmake");
    env.apply(&mut configure);
    let configure = configure.arg("-S").arg(folder.join("example")).arg("-B").arg(&build);
    shell::run("cmake", configure.arg(format!("-DCMAKE_PREFIX_PATH={}", folder.display())))?;
    shell::run("cmake --build", shell::command("cmake").arg("--build").arg(&build))?;
    for program in ["example", "example_static"] {
        let mut run = shell::command(build.join(program));
        expect_answer(program, run.arg(build.join(format!("library-{program}"))))?;
    }
    let mut pkg_config = shell::command("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", folder.join("lib/pkgconfig")).args(["--cflags", "--libs", "--static", "crane"]);
    match shell::output(&mut pkg_config) {
        Some(flags) => println!("    pkg-config: {}", flags.trim()),
        None => println!("    skipped: pkg-config is not installed"),
    }
    Ok(())
}

fn expect_answer(what: &str, command: &mut Command) -> Result {
    let said = shell::output(command).ok_or(format!("{what} failed"))?;
    if said.starts_with("Theaprairk\n") { Ok(()) } else { Err(format!("{what} answered:\n{said}")) }
}
