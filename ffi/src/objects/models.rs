//! What the models are, and what they can compute on: nothing is loaded for it.

use crane_core::bundle;

use super::{Crane, Result};

/// A model bundle and its models.
#[derive(uniffi::Record)]
pub struct BundleInfo {
    /// Short name ("tiny").
    pub name: String,
    /// Version of the bundle.
    pub version: String,
    /// What it is, in a sentence; may be empty.
    pub description: String,
    /// SPDX expression of the bundle as a whole.
    pub licence: String,
    /// Tokens that prompt and reply may have together.
    pub context: u32,
    /// The language model.
    pub language: ModelInfo,
    /// Its vision tower.
    pub vision: ModelInfo,
    /// Bytes of the files of the retrieval encoders: both towers, head and tokenizer.
    pub encoder_bytes: u64,
}

impl From<bundle::BundleInfo> for BundleInfo {
    fn from(info: bundle::BundleInfo) -> Self {
        let bundle::BundleInfo { name, version, description, licence, context, language, vision, encoder_bytes } = info;
        let (language, vision) = (language.into(), vision.into());
        Self { name, version, description, licence, context, language, vision, encoder_bytes }
    }
}

/// One model of llama.cpp's, as its file describes it.
#[derive(uniffi::Record)]
pub struct ModelInfo {
    /// llama.cpp's name of its architecture ("qwen2vl"; "qwen2.5vl_merger" for a vision tower).
    pub architecture: String,
    /// Its own name, where it has one.
    pub name: Option<String>,
    /// Numbers that it consists of.
    pub parameters: u64,
    /// The type of most of its bytes ("Q4_K").
    pub quantisation: String,
    /// Bits per parameter, over all tensors.
    pub bits_per_weight: f32,
    /// Transformer blocks.
    pub layers: u32,
    /// Width of the hidden state.
    pub width: u32,
    /// Width of the feed-forward part.
    pub feed_forward: u32,
    /// Attention heads.
    pub heads: u32,
    /// Heads of keys and values, which the KV cache holds.
    pub kv_heads: u32,
    /// Width of one head's key.
    pub key_width: u32,
    /// Width of one head's value.
    pub value_width: u32,
    /// Tokens that it was trained to read at most; 0 for a vision tower.
    pub trained_context: u32,
    /// Tokens that it knows; 0 for a vision tower.
    pub vocabulary: u32,
    /// Bytes of its weights.
    pub bytes: u64,
}

impl From<bundle::ModelInfo> for ModelInfo {
    fn from(info: bundle::ModelInfo) -> Self {
        Self {
            architecture: info.architecture,
            name: info.name,
            parameters: info.parameters,
            quantisation: info.quantisation,
            bits_per_weight: info.bits_per_weight,
            layers: info.layers,
            width: info.width,
            feed_forward: info.feed_forward,
            heads: info.heads,
            kv_heads: info.kv_heads,
            key_width: info.key_width,
            value_width: info.value_width,
            trained_context: info.trained_context,
            vocabulary: info.vocabulary,
            bytes: info.bytes,
        }
    }
}

/// Something that the language model can compute on.
#[derive(uniffi::Record)]
pub struct Device {
    /// llama.cpp's name ("Vulkan0", "CPU").
    pub name: String,
    /// The maker's name.
    pub description: String,
    /// What drives it ("Vulkan", "CUDA", "Metal", "OpenCL", "CPU").
    pub backend: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Bytes of its memory; 0 where it doesn't say.
    pub memory_total: u64,
    /// Bytes of them that are free.
    pub memory_free: u64,
}

impl From<crane_core::Device> for Device {
    fn from(device: crane_core::Device) -> Self {
        let crane_core::Device { name, description, backend, kind, memory_total, memory_free } = device;
        Self { name, description, backend, kind: kind.into(), memory_total, memory_free }
    }
}

/// What a device is.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum DeviceKind {
    /// The processor, or something that helps it.
    Cpu,
    /// A GPU with memory of its own.
    Gpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
}

impl From<crane_core::DeviceKind> for DeviceKind {
    fn from(kind: crane_core::DeviceKind) -> Self {
        match kind {
            crane_core::DeviceKind::Cpu => Self::Cpu,
            crane_core::DeviceKind::Gpu => Self::Gpu,
            crane_core::DeviceKind::IntegratedGpu => Self::IntegratedGpu,
        }
    }
}

#[uniffi::export]
impl Crane {
    /// What the models are, without loading them.
    ///
    /// Fails with `ModelCorrupt`, `StorageFailed`, `Closed`.
    pub fn model_info(&self) -> Result<BundleInfo> {
        Ok(self.runtime.model_info()?.into())
    }

    /// What the language model can compute on; GPUs that crashed an earlier start are left alone and missing.
    ///
    /// Fails with `Backgrounded` where a GPU might be woken, `Closed`.
    pub fn devices(&self) -> Result<Vec<Device>> {
        Ok(self.runtime.devices()?.into_iter().map(Into::into).collect())
    }
}

/// Forgets that a GPU has crashed, so that the next start tries it again.
#[uniffi::export]
pub fn forget_gpu_crash(state: String) -> Result {
    Ok(crane_core::forget_gpu_crash(state.as_ref())?)
}
