//! A GPU's replies beside the processor's, on the tiny model. A device in software will do: `cargo xtask test-vulkan`.

use crane_core::backend::{Guessing, LlamaGenerator, LlamaOptions};
use crane_core::bundle::Bundle;

use crate::small::{greedy, photos, prompts};

fn model(gpu_layers: Option<u32>, guessing: Guessing) -> LlamaGenerator {
    let bundle = Bundle::open(&crate::tiny()).expect("the tiny bundle");
    LlamaGenerator::open(&bundle, LlamaOptions { gpu_layers, guessing, ..LlamaOptions::default() }).expect("loads")
}

#[test]
fn a_gpu_replies_as_the_processor_does() {
    let (processor, photos) = (model(Some(0), Guessing::Never), photos());
    for (guessing, count) in [(Guessing::Never, 60), (Guessing::Always, 30)] {
        let gpu = model(None, guessing);
        assert_eq!(gpu.cpu_reason(), None, "it runs on a GPU");
        let (mut same, mut seen) = (0, [0, 0]);
        for asked in prompts(count) {
            let parts = asked.parts(&photos);
            let (expected, alone) = greedy(&processor, &parts);
            let (text, figures) = greedy(&gpu, &parts);
            assert_eq!((figures.prompt_tokens, figures.finish), (alone.prompt_tokens, alone.finish), "{asked:?}");
            same += usize::from(text == expected);
            seen[usize::from(asked.photo.is_some())] += 1;
            if text != expected {
                eprintln!("{asked:?}\n  processor: {expected}\n  GPU:       {text}");
            }
        }
        eprintln!("{}, {guessing:?}: {same} of {count} replies are the processor's", gpu.device());
        assert!(seen[0] > 0 && seen[1] > 0, "with a photo and without");
        assert_eq!(same, count);
    }
}
