//! Which implementation of the ONNX Runtime interface this process uses: the real one where its library is found, tract
//! otherwise. The choice is made once per process, since the `ort` crate holds one interface.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::error::{Error, ErrorKind, Result};

/// Names the library file to use; set but unusable, tract is used and the reason shown.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where to find ONNX Runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnnxLibrary {
    /// `ORT_DYLIB_PATH`, else next to the executable, else where the system's loader looks; tract if nowhere.
    #[default]
    Search,
    /// This library file; tract if it can't be used.
    Path(PathBuf),
    /// tract, without looking.
    Tract,
}

/// The implementation in use.
pub(super) struct Library {
    pub(super) environment: Environment,
    /// For people: "ONNX Runtime 1.31.1", or "tract" and why.
    pub(super) name: String,
    pub(super) is_tract: bool,
}

/// The process's implementation; `wanted` counts for the first caller only.
pub(super) fn library(wanted: &OnnxLibrary) -> Result<&'static Library> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| choose(wanted));
    library.as_ref().map_err(|e| Error::new(ErrorKind::Internal, format!("ONNX models can't be run: {e}")))
}

fn choose(wanted: &OnnxLibrary) -> Result<Library, String> {
    let candidates = match wanted {
        OnnxLibrary::Tract => return tract(""),
        OnnxLibrary::Path(path) => vec![path.clone()],
        OnnxLibrary::Search => candidates(),
    };
    let mut reason = String::new();
    for path in candidates {
        match onnx_runtime(&path) {
            Ok(library) => return Ok(library),
            // A library that is there and unusable is worth telling; one that isn't there is the usual case.
            Err(Unusable::Bad(why)) => reason = why,
            Err(Unusable::Absent) => {}
        }
    }
    tract(&reason)
}

fn candidates() -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
        return vec![path.into()];
    }
    let file = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(&file)));
    let versioned = cfg!(target_os = "linux").then(|| PathBuf::from(format!("{file}.1")));
    let homebrew = cfg!(target_os = "macos").then(|| Path::new("/opt/homebrew/lib").join(&file));
    beside.into_iter().chain([PathBuf::from(&file)]).chain(versioned).chain(homebrew).collect()
}

enum Unusable {
    Absent,
    Bad(String),
}

fn onnx_runtime(path: &Path) -> Result<Library, Unusable> {
    let (version, probed) = version(path)?;
    let bad = |e: &dyn std::fmt::Display| Unusable::Bad(format!("{}: {e}", path.display()));
    let builder = ort::init_from(path).map_err(|e| bad(&e))?;
    // Only now, so that the library isn't unloaded and loaded again in between.
    drop(probed);
    let builder = builder.with_name("crane").with_telemetry(false).with_logger(Arc::new(log));
    let environment = builder.build().map_err(|e| bad(&e))?;
    // Its default level would have it format every verbose message for us to throw away.
    environment.set_log_level(LogLevel::Warning);
    Ok(Library { environment, name: format!("ONNX Runtime {version}"), is_tract: false })
}

/// The library and its version, once it is known to speak our version of the interface. `ort` would panic on some of what
/// is found out here.
#[expect(unsafe_code, reason = "foreign libraries are loaded and called here")]
fn version(path: &Path) -> Result<(String, libloading::Library), Unusable> {
    let is_name = path.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    // SAFETY: loading runs the library's initialisers. The person, or whoever administers the machine, put it there.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| {
        if is_name || !path.exists() { Unusable::Absent } else { Unusable::Bad(format!("{}: {e}", path.display())) }
    })?;
    let bad = |why: &str| Unusable::Bad(format!("{} {why}", path.display()));
    type GetApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: a library that exports this name is ONNX Runtime, whose C header gives this type.
    let base = unsafe {
        let get = library.get::<GetApiBase>(b"OrtGetApiBase\0").map_err(|_| bad("is no ONNX Runtime"))?;
        get().as_ref()
    };
    let base = base.ok_or_else(|| bad("offers no interface"))?;
    // SAFETY: both are functions of the struct that the library gave; the version is a static C string.
    let (version, api) =
        unsafe { (CStr::from_ptr((base.GetVersionString)()), (base.GetApi)(ort::sys::ORT_API_VERSION)) };
    let version = version.to_string_lossy().into_owned();
    if api.is_null() {
        return Err(bad(&format!("is ONNX Runtime {version}; at least 1.{} is needed", ort::MINOR_VERSION)));
    }
    Ok((version, library))
}

/// `reason`: why not ONNX Runtime; empty when it just isn't there.
fn tract(reason: &str) -> Result<Library, String> {
    if !ort::set_api(ort_tract::api()) {
        return Err("another part of this process uses ort already".to_owned());
    }
    let environment = ort::init().with_name("crane").with_telemetry(false).build().map_err(|e| e.to_string())?;
    let name = if reason.is_empty() { "tract".to_owned() } else { format!("tract ({reason})") };
    if !reason.is_empty() {
        tracing::warn!(reason, "ONNX Runtime can't be used; tract is used instead");
    }
    Ok(Library { environment, name, is_tract: true })
}

/// ONNX Runtime's messages name nodes and shapes, never values.
fn log(level: LogLevel, _category: &str, _id: &str, _location: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "onnxruntime", "{message}"),
        LogLevel::Warning => tracing::warn!(target: "onnxruntime", "{message}"),
        LogLevel::Verbose | LogLevel::Info => tracing::debug!(target: "onnxruntime", "{message}"),
    }
}
