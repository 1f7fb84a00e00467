//! What runs ONNX models: ONNX Runtime where its library is found, tract otherwise.

use std::error::Error as _;
use std::ffi::CStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

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

/// What runs the models.
pub(super) enum Library {
    OnnxRuntime(&'static OnnxRuntime),
    /// Why not ONNX Runtime; none when there just is none.
    Tract {
        reason: Option<String>,
    },
}

/// ONNX Runtime, loaded once and kept for the life of the process.
pub(super) struct OnnxRuntime {
    pub(super) environment: Environment,
    version: String,
}

impl Library {
    /// A process has one ONNX Runtime: the first file that could be used serves whoever wants one later.
    pub(super) fn choose(wanted: &OnnxLibrary) -> Self {
        static LOADED: Mutex<Option<&OnnxRuntime>> = Mutex::new(None);
        let candidates = match wanted {
            OnnxLibrary::Tract => return Self::Tract { reason: None },
            OnnxLibrary::Path(path) => vec![path.clone()],
            OnnxLibrary::Search => candidates(),
        };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.is_none() {
            match load_first(&candidates) {
                Ok(runtime) => *loaded = Some(Box::leak(Box::new(runtime))),
                Err(reason) => return Self::Tract { reason },
            }
        }
        loaded.map_or(Self::Tract { reason: None }, Self::OnnxRuntime)
    }

    /// For people: "ONNX Runtime 1.31.1", or "tract" and, if there was one that can't be used, why.
    pub(super) fn name(&self) -> String {
        match self {
            Self::OnnxRuntime(runtime) => format!("ONNX Runtime {}", runtime.version),
            Self::Tract { reason: None } => "tract".to_owned(),
            Self::Tract { reason: Some(reason) } => format!("tract ({reason})"),
        }
    }
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

/// None: there is none. A library that is there and unusable is worth telling.
fn load_first(candidates: &[PathBuf]) -> Result<OnnxRuntime, Option<String>> {
    let mut reason = None;
    for path in candidates {
        match load(path) {
            Ok(runtime) => return Ok(runtime),
            Err(Unusable::Bad(why)) => {
                tracing::warn!(why, "this ONNX Runtime can't be used");
                reason = Some(why);
            }
            Err(Unusable::Absent) => {}
        }
    }
    Err(reason)
}

enum Unusable {
    Absent,
    Bad(String),
}

fn load(path: &Path) -> Result<OnnxRuntime, Unusable> {
    let (version, probed) = probe(path)?;
    let bad = |e: &dyn Display| Unusable::Bad(format!("{}: {e}", path.display()));
    let builder = ort::init_from(path).map_err(|e| bad(&e))?;
    // Only now, so that the library isn't unloaded and loaded again in between.
    drop(probed);
    let builder = builder.with_name("crane").with_telemetry(false).with_logger(Arc::new(log));
    let environment = builder.build().map_err(|e| bad(&e))?;
    // Its default level would have it format every verbose message for us to throw away.
    environment.set_log_level(LogLevel::Warning);
    Ok(OnnxRuntime { environment, version })
}

/// The version of a library, and the library, once it is known to speak our version of the interface. `ort` would panic
/// on some of what is found out here.
#[expect(unsafe_code, reason = "foreign libraries are loaded and called here")]
fn probe(path: &Path) -> Result<(String, libloading::Library), Unusable> {
    type GetApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: loading runs the library's initialisers. The person, or whoever administers the machine, put it there.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| not_loaded(path, &e))?;
    let bad = |why: &str| Unusable::Bad(format!("{} {why}", path.display()));
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

/// A bare name that the loader doesn't find is the usual case; a file that is named and can't be loaded is not.
fn not_loaded(path: &Path, error: &libloading::Error) -> Unusable {
    let is_name = path.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    let named = std::env::var_os(PATH_VARIABLE).is_some_and(|named| named == path);
    if (is_name || !path.exists()) && !named {
        return Unusable::Absent;
    }
    // The loader's own words come as the cause.
    let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Unusable::Bad(format!("{}: {words}", path.display()))
}

/// ONNX Runtime's messages name nodes and shapes, never values.
fn log(level: LogLevel, _category: &str, _id: &str, _location: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "onnxruntime", "{message}"),
        LogLevel::Warning => tracing::warn!(target: "onnxruntime", "{message}"),
        LogLevel::Verbose | LogLevel::Info => tracing::debug!(target: "onnxruntime", "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_onnx_runtime_is_told_and_tract_serves() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, b"no library").expect("writes");
        let Err(Some(reason)) = load_first(std::slice::from_ref(&path)) else { panic!("it can't be used") };
        assert!(reason.contains("libonnxruntime.so"), "{reason}");
        let name = Library::Tract { reason: Some(reason) }.name();
        assert!(name.starts_with("tract (") && name.contains("libonnxruntime.so"), "{name}");
        assert!(matches!(load_first(&[folder.path().join("nowhere.so")]), Err(None)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_library_is_no_onnx_runtime() {
        let Err(Some(reason)) = load_first(&[PathBuf::from("libm.so.6")]) else { panic!("it can't be used") };
        assert!(reason.contains("is no ONNX Runtime"), "{reason}");
    }
}
