//! Where the language model is put: on a GPU as far as it fits and works, else on the processor, and why.

use std::path::Path;

use llama_cpp_2::{LlamaBackendDevice, LlamaBackendDeviceType, list_llama_ggml_backend_devices};

use super::{BATCH, Settings, load};
use crate::bundle::ModelInfo;
use crate::device::{self, CpuReason, Device, DeviceKind, Probe};
use crate::error::Result;
use crate::memory::{Gpu, LanguageNeeds, MemoryShortfall, Plan, Room, Wish, plan};

/// Whether this build can use any GPU. The bindings bring Metal along on Apple's own processors.
pub(crate) const BUILT_IN: bool =
    cfg!(any(feature = "vulkan", feature = "cuda", feature = "metal", feature = "opencl"))
        || cfg!(all(target_os = "macos", target_arch = "aarch64"));

// The bindings leave it to whoever links them to name the loader of OpenCL's drivers.
#[cfg(feature = "opencl")]
#[expect(unsafe_code, reason = "an empty block declares nothing that could be called wrongly")]
#[link(name = "OpenCL")]
unsafe extern "C" {}

/// Tokens of a prompt's words that the smallest context has room for.
const LEAST_PROMPT: u32 = 256;

/// What computes, and in which layout.
pub(super) struct Placement {
    /// llama.cpp's index and the name of the GPU; none: the processor.
    pub(super) gpu: Option<(usize, String)>,
    pub(super) reason: Option<CpuReason>,
    pub(super) plan: Plan,
    /// Until the GPU has proved itself.
    pub(super) probe: Option<Probe>,
}

/// Decides where the model goes.
///
/// # Errors
/// `OutOfMemory` when it goes nowhere; those of [`ModelInfo::read`].
pub(super) fn place(settings: &Settings) -> Result<Placement> {
    let options = &settings.options;
    let state = options.state.as_deref();
    if !BUILT_IN {
        return on_processor(settings, CpuReason::NotBuiltIn);
    }
    if device::has_crashed(state) {
        load::without_gpu();
        return on_processor(settings, CpuReason::CrashedBefore);
    }
    // Listing the devices wakes the driver already.
    let probe = Probe::begin(state);
    load::llama()?;
    let gpu = find();
    if options.gpu_layers == Some(0) {
        return on_processor(settings, CpuReason::AskedFor);
    }
    let Some(gpu) = gpu else { return on_processor(settings, CpuReason::NoDevice) };
    let shared = gpu.device_type == LlamaBackendDeviceType::IntegratedGpu;
    let plan = lay_out(settings, Some(Gpu { free: gpu.memory_free as u64, shared }))?;
    if plan.gpu_layers == 0 && !plan.vision_on_gpu {
        return Ok(Placement { gpu: None, reason: Some(CpuReason::NoMemory), plan, probe: None });
    }
    let name = format!("{} ({})", gpu.description, gpu.backend);
    Ok(Placement { gpu: Some((gpu.index, name)), reason: None, plan, probe: Some(probe) })
}

/// Everything on the processor.
pub(super) fn on_processor(settings: &Settings, reason: CpuReason) -> Result<Placement> {
    Ok(Placement { gpu: None, reason: Some(reason), plan: lay_out(settings, None)?, probe: None })
}

fn lay_out(settings: &Settings, gpu: Option<Gpu>) -> Result<Plan> {
    let (language, vision) = (ModelInfo::read(&settings.language)?, ModelInfo::read(&settings.vision)?);
    let image_tokens = settings.image.token_limits().1;
    let needs = LanguageNeeds::of(&language, &vision, BATCH, image_tokens);
    let least = settings.reply_tokens.saturating_add(image_tokens).saturating_add(LEAST_PROMPT);
    let wish = Wish {
        context: settings.context,
        least_context: least.min(settings.context),
        gpu_layers: settings.options.gpu_layers,
    };
    plan(&needs, &Room { host: settings.options.memory, gpu }, &wish).map_err(MemoryShortfall::into_error)
}

/// The first GPU of its own memory, or else one that shares the processor's.
fn find() -> Option<LlamaBackendDevice> {
    let mut gpus: Vec<_> =
        list_llama_ggml_backend_devices().into_iter().filter(|d| kind(d) != DeviceKind::Cpu).collect();
    gpus.sort_by_key(|device| kind(device) == DeviceKind::IntegratedGpu);
    gpus.into_iter().next()
}

fn kind(device: &LlamaBackendDevice) -> DeviceKind {
    match device.device_type {
        LlamaBackendDeviceType::Gpu => DeviceKind::Gpu,
        LlamaBackendDeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        LlamaBackendDeviceType::Cpu | LlamaBackendDeviceType::Accelerator | LlamaBackendDeviceType::Unknown => {
            DeviceKind::Cpu
        }
    }
}

/// What the language model can compute on. Listing wakes the drivers of GPUs; where that has crashed a process before, they
/// are left alone and missing here. `state` is the folder of [`OpenOptions::state`](crate::OpenOptions::state).
///
/// # Errors
/// `Internal` when llama.cpp can't start.
pub fn devices(state: Option<&Path>) -> Result<Vec<Device>> {
    let _probe = if BUILT_IN && device::has_crashed(state) {
        load::without_gpu();
        None
    } else {
        BUILT_IN.then(|| Probe::begin(state))
    };
    load::llama()?;
    let public = |device: LlamaBackendDevice| Device {
        kind: kind(&device),
        name: device.name,
        description: device.description,
        backend: device.backend,
        memory_total: device.memory_total as u64,
        memory_free: device.memory_free as u64,
    };
    Ok(list_llama_ggml_backend_devices().into_iter().map(public).collect())
}
