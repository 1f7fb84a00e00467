//! The one object.

use std::sync::Arc;

use crane_core::Runtime;

use super::{Backends, MemoryUsage, OpenOptions, Preview, Question, Result};

/// Facts and the models that reason with them. Any thread may call anything at any time.
///
/// It should be shut down when it is no longer needed. An object that is dropped late or never loses nothing: every
/// change is on disk when its call returns.
#[derive(uniffi::Object)]
pub struct Crane {
    pub(super) runtime: Arc<Runtime>,
}

#[uniffi::export]
impl Crane {
    /// Verifies the models and opens the library. No model is loaded yet.
    ///
    /// Fails with `ModelMissing` or `ModelCorrupt` for the models, `LibraryLocked`, `LibraryCorrupt` or
    /// `FingerprintMismatch` for the library, `InvalidInput` for an option out of range.
    #[uniffi::constructor]
    pub fn open(options: OpenOptions) -> Result<Arc<Self>> {
        let runtime = Runtime::open(options.into_core()?)?;
        Ok(Arc::new(Self { runtime: Arc::new(runtime) }))
    }

    /// Which fact would fire on this question? The language model doesn't run.
    ///
    /// Fails with `InvalidInput` for a question that is empty or too long, `UnsupportedImage`, `Closed`.
    pub fn preview(&self, question: Question) -> Result<Preview> {
        Ok(self.runtime.preview(&question.into())?.into())
    }

    /// What runs the models that are loaded.
    pub fn backends(&self) -> Backends {
        self.runtime.backends().into()
    }

    /// Bytes in use, part by part.
    pub fn memory_usage(&self) -> MemoryUsage {
        self.runtime.memory_usage().into()
    }
}
