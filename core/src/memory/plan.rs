//! How the language model is laid out in the memory there is: on the GPU as far as it fits there, with a smaller context
//! where the whole one does not fit, or not at all.

use super::{MemoryShortfall, MemoryUsage};
use crate::bundle::ModelInfo;

/// llama.cpp rounds contexts up to multiples of this.
const CONTEXT_STEP: u32 = 256;
/// Bytes of a cached key's or value's element (f16).
const CACHED: u64 = 2;
/// Bytes of an element of working memory (f32).
const WORKING: u64 = 4;
/// Patches of a photo that become one token, and values of a patch: 14 x 14 pixels of 3 channels.
const PATCHES: u64 = 4;
const PATCH_VALUES: u64 = 14 * 14 * 3;
/// Of a GPU's free memory, what its driver may want for itself.
const GPU_RESERVE: u64 = 10;

/// What the language model and its vision tower need, apart from a context's length.
#[derive(Clone, Debug)]
pub(crate) struct LanguageNeeds {
    /// Weights of every block.
    layers: Vec<u64>,
    /// Weights of embeddings and output.
    rest: u64,
    /// Bytes of keys and values of one token in one block.
    cached: u64,
    /// Working memory that does not depend on the context, and that of one token of context.
    compute: (u64, u64),
    vision: u64,
}

impl LanguageNeeds {
    /// `batch` tokens are decoded at once; a photo has at most `image_tokens`.
    pub(crate) fn of(language: &ModelInfo, vision: &ModelInfo, batch: u32, image_tokens: u32) -> Self {
        let (batch, wide) = (u64::from(batch), u64::from);
        let layers = language.layer_bytes.clone();
        let rest = language.bytes.saturating_sub(layers.iter().sum());
        let cached = wide(language.kv_heads) * (wide(language.key_width) + wide(language.value_width)) * CACHED;
        // The logits of a whole batch, the widest hidden states, and the attention's mask (f32, and again as f16): what
        // llama.cpp's allocator comes to on these architectures.
        let hidden = wide(language.vocabulary) + wide(language.feed_forward) + 2 * wide(language.width);
        let compute = (batch * WORKING * hidden, batch * (WORKING + CACHED));
        let patches = wide(image_tokens) * PATCHES;
        let seen = PATCH_VALUES + 2 * wide(vision.feed_forward) + 4 * wide(vision.width) + patches;
        Self { layers, rest, cached, compute, vision: vision.bytes + patches * WORKING * seen }
    }

    /// Every part, with a context of so many tokens.
    pub(crate) fn with_context(&self, context: u32) -> MemoryUsage {
        let context = u64::from(context.next_multiple_of(CONTEXT_STEP));
        MemoryUsage {
            language_weights: self.layers.iter().sum::<u64>() + self.rest,
            kv_cache: self.layers.len() as u64 * self.cached * context,
            compute: self.compute.0 + self.compute.1 * context,
            vision: self.vision,
            ..MemoryUsage::default()
        }
    }
}

/// The memory that may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of the device's own memory; none: unknown, and taken to be enough.
    pub(crate) host: Option<u64>,
    pub(crate) gpu: Option<Gpu>,
}

/// A GPU's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gpu {
    /// Bytes that are free.
    pub(crate) free: u64,
    /// It is the device's own memory.
    pub(crate) shared: bool,
}

/// How it should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) context: u32,
    /// The smallest context that can hold a question and its reply.
    pub(crate) least_context: u32,
    /// None: as many as fit.
    pub(crate) gpu_layers: Option<u32>,
}

/// How it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) context: u32,
    /// Blocks on the GPU, counted from the last one; one more than there are: embeddings and output too.
    pub(crate) gpu_layers: u32,
    pub(crate) vision_on_gpu: bool,
    pub(crate) usage: MemoryUsage,
}

/// The best layout that fits: fewer layers on the GPU before a smaller context, a smaller context before none.
pub(crate) fn plan(needs: &LanguageNeeds, room: &Room, wish: &Wish) -> Result<Plan, MemoryShortfall> {
    let mut context = wish.context;
    loop {
        let layout = lay_out(needs, room.gpu.as_ref(), context, wish.gpu_layers);
        let available = room.host.unwrap_or(u64::MAX);
        if layout.on_host <= available {
            let Layout { gpu_layers, vision_on_gpu, .. } = layout;
            return Ok(Plan { context, gpu_layers, vision_on_gpu, usage: needs.with_context(context) });
        }
        if context <= wish.least_context {
            return Err(MemoryShortfall { needed: layout.on_host, available });
        }
        context = (context / 2).max(wish.least_context);
    }
}

struct Layout {
    gpu_layers: u32,
    vision_on_gpu: bool,
    /// Bytes of the device's own memory.
    on_host: u64,
}

/// What goes to the GPU. First the vision tower, since a photo takes longest; then blocks from the last one on, each with
/// its part of the cache, as llama.cpp takes them.
fn lay_out(needs: &LanguageNeeds, gpu: Option<&Gpu>, context: u32, wanted: Option<u32>) -> Layout {
    let usage = needs.with_context(context);
    let mut layout = Layout { gpu_layers: 0, vision_on_gpu: false, on_host: usage.total() };
    let Some(gpu) = gpu.filter(|_| wanted != Some(0)) else { return layout };
    let mut free = gpu.free - gpu.free / GPU_RESERVE;
    let mut moved = 0;
    let mut take = |bytes: u64| {
        let left = free.checked_sub(bytes);
        free = left.unwrap_or(free);
        moved += left.map_or(0, |_| bytes);
        left.is_some()
    };
    // Whatever runs there needs working memory there; the processor keeps its own as well.
    if !take(usage.compute) {
        return layout;
    }
    layout.vision_on_gpu = take(usage.vision);
    let cached = usage.kv_cache / needs.layers.len().max(1) as u64;
    let parts = needs.layers.iter().rev().map(|weights| weights + cached).chain([needs.rest]);
    let most = wanted.unwrap_or(u32::MAX) as usize;
    layout.gpu_layers = parts.take(most).take_while(|bytes| take(*bytes)).count() as u32;
    if gpu.shared {
        layout.on_host += usage.compute;
    } else {
        layout.on_host -= moved - usage.compute;
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// 10 layers of 100 MiB and 50 MiB besides; 10 MiB of cache per 256 tokens; 20 MiB to work with; 40 MiB of vision.
    fn needs() -> LanguageNeeds {
        LanguageNeeds {
            layers: vec![100 * MIB; 10],
            rest: 50 * MIB,
            cached: 4096,
            compute: (20 * MIB, 0),
            vision: 40 * MIB,
        }
    }

    fn wish(gpu_layers: Option<u32>) -> Wish {
        Wish { context: 4096, least_context: 512, gpu_layers }
    }

    fn on_host(mib: u64) -> Room {
        Room { host: Some(mib * MIB), gpu: None }
    }

    fn with_gpu(host: u64, free: u64, shared: bool) -> Room {
        Room { host: Some(host * MIB), gpu: Some(Gpu { free: free * MIB, shared }) }
    }

    #[test]
    fn parts_add_up() {
        let usage = needs().with_context(4000);
        assert_eq!((usage.language_weights, usage.kv_cache), (1050 * MIB, 160 * MIB));
        assert_eq!(usage.total(), 1270 * MIB);
    }

    #[test]
    fn the_context_shrinks_before_it_fails() {
        let whole = plan(&needs(), &on_host(1270), &wish(None)).unwrap();
        assert_eq!((whole.context, whole.gpu_layers, whole.vision_on_gpu), (4096, 0, false));
        assert_eq!(whole.usage.total(), 1270 * MIB);
        assert_eq!(plan(&needs(), &on_host(1269), &wish(None)).unwrap().context, 2048);
        assert_eq!(plan(&needs(), &on_host(1130), &wish(None)).unwrap().context, 512);
        let missing = plan(&needs(), &on_host(1129), &wish(None)).unwrap_err();
        assert_eq!(missing, MemoryShortfall { needed: 1130 * MIB, available: 1129 * MIB });
        assert_eq!(plan(&needs(), &Room { host: None, gpu: None }, &wish(None)).unwrap().context, 4096);
        let odd = Wish { context: 700, least_context: 600, gpu_layers: None };
        assert_eq!(plan(&needs(), &on_host(1140), &odd).unwrap().context, 700);
    }

    #[test]
    fn what_a_gpu_can_hold_goes_there() {
        let all = plan(&needs(), &with_gpu(1000, 2000, false), &wish(None)).unwrap();
        assert_eq!((all.gpu_layers, all.vision_on_gpu, all.context), (11, true, 4096));
        // 450 MiB: 20 to work with, 40 of vision, and three layers of 116.
        let some = plan(&needs(), &with_gpu(1270, 500, false), &wish(None)).unwrap();
        assert_eq!((some.gpu_layers, some.vision_on_gpu), (3, true));
        let host = 1270 - 40 - 3 * 116;
        assert!(plan(&needs(), &with_gpu(host, 500, false), &wish(None)).is_ok_and(|plan| plan.context == 4096));
        assert!(plan(&needs(), &with_gpu(host - 1, 500, false), &wish(None)).is_ok_and(|plan| plan.context < 4096));
        assert_eq!(plan(&needs(), &with_gpu(1270, 10, false), &wish(None)).unwrap().gpu_layers, 0);
    }

    #[test]
    fn by_hand_is_at_most_what_fits() {
        for (wanted, free, layers) in [(0, 2000, 0), (2, 2000, 2), (99, 2000, 11), (5, 500, 3)] {
            let plan = plan(&needs(), &with_gpu(2000, free, false), &wish(Some(wanted))).unwrap();
            assert_eq!((plan.gpu_layers, plan.vision_on_gpu), (layers, wanted > 0), "{wanted} of {free}");
        }
    }

    #[test]
    fn a_shared_memory_is_counted_once() {
        let plan = |host| plan(&needs(), &with_gpu(host, 8000, true), &wish(None));
        assert!(plan(1290).is_ok_and(|plan| plan.gpu_layers == 11 && plan.context == 4096));
        assert!(plan(1289).is_ok_and(|plan| plan.context == 2048));
        assert!(plan(1149).is_err());
    }
}
