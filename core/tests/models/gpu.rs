//! A GPU's replies beside the processor's, on the tiny model. A device in software will do: `cargo xtask test-vulkan`.
//!
//! They are not the same by construction: the processor rounds activations to eight bits and a GPU does not, so that a
//! decision between two tokens that are nearly equally likely may fall the other way.
#![allow(clippy::print_stderr, reason = "what a device says is what the test is run for")]

use crane_core::backend::{Guessing, LlamaGenerator, LlamaOptions};
use crane_core::bundle::Bundle;

use crate::generation::assert_form;
use crate::small::{greedy, photos, prompts};

fn model(gpu_layers: Option<u32>, guessing: Guessing) -> LlamaGenerator {
    let bundle = Bundle::open(&crate::tiny()).expect("the tiny bundle");
    LlamaGenerator::open(&bundle, LlamaOptions { gpu_layers, guessing, ..LlamaOptions::default() }).expect("loads")
}

#[test]
fn a_gpu_replies_as_the_processor_does() {
    let (processor, photos) = (model(Some(0), Guessing::Never), photos());
    for (guessing, count) in [(Guessing::Never, 40), (Guessing::Always, 20)] {
        let gpu = model(None, guessing);
        assert_eq!(gpu.cpu_reason(), None, "it runs on a GPU");
        let (mut same, mut seen) = (0, [0, 0]);
        for asked in prompts(count) {
            let parts = asked.parts(&photos);
            let (expected, alone) = greedy(&processor, &parts);
            let (text, figures) = greedy(&gpu, &parts);
            assert_eq!(figures.prompt_tokens, alone.prompt_tokens, "{asked:?}");
            assert_form(&text);
            same += usize::from(text == expected);
            seen[usize::from(asked.photo.is_some())] += 1;
            if text != expected {
                eprintln!("{asked:?}\n  processor: {expected}\n  GPU:       {text}");
            }
        }
        eprintln!("{}, {guessing:?}: {same} of {count} replies are the processor's", gpu.device());
        assert!(seen[0] > 0 && seen[1] > 0, "with a photo and without");
        assert!(same * 10 >= count * 9);
    }
}
