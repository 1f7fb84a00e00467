//! Figures of generation: two questions on one photo, then a third on another, then unloading. `tools/bench/generate.py`
//! runs it beside llama.cpp's own program.
//!
//! `generate_bench LANGUAGE.gguf VISION.gguf PHOTO SIDE CONTEXT TOKENS THREADS`; prints one JSON object.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

#[cfg(not(feature = "llama"))]
fn main() {}

#[cfg(feature = "llama")]
fn main() {
    bench::run();
}

#[cfg(feature = "llama")]
mod bench {
    use std::path::Path;
    use std::time::Instant;

    use crane_core::CancelToken;
    use crane_core::backend::{LlamaGenerator, LlamaOptions};
    use crane_core::bundle::LanguageSpec;
    use crane_core::image::Rgb;
    use crane_core::model::{GenerateRequest, Generator, PromptPart, Sampling};
    use serde_json::{Value, json};

    const BEFORE: &str = "<|im_start|>system\nLook, think, then answer.<|im_end|>\n<|im_start|>user\n";
    const AFTER: &str = "<|im_end|>\n<|im_start|>assistant\n<think>";

    pub(super) fn run() {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [language, vision, photo, side, context, tokens, threads] = words.as_slice() else {
            panic!("LANGUAGE.gguf VISION.gguf PHOTO SIDE CONTEXT TOKENS THREADS")
        };
        let photo = Rgb::decode(&std::fs::read(photo).unwrap()).unwrap();
        let tokens: u32 = tokens.parse().unwrap();
        let spec = LanguageSpec {
            context: context.parse().unwrap(),
            image_size: Some(side.parse().unwrap()),
            min_tokens: None,
            max_tokens: None,
            thought_tokens: tokens,
            answer_tokens: 1,
            temperature: 0.0,
            replies: Vec::new(),
        };
        let before = memory("VmRSS");
        let start = Instant::now();
        let options = LlamaOptions { threads: threads.parse().ok(), ..LlamaOptions::default() };
        let model = LlamaGenerator::open_files(Path::new(language), Path::new(vision), &spec, options).unwrap();
        let load = start.elapsed().as_secs_f64();
        let first = ask(&model, &photo, "What is in the picture?", tokens);
        let second = ask(&model, &photo, "Which colour is the field?", tokens);
        let other = photo.resize(photo.width() / 2 + 1, photo.height());
        let third = ask(&model, &other, "What is in the picture?", tokens);
        let (resident, peak, foreseen) = (memory("VmRSS"), memory("VmHWM"), model.memory_usage());
        drop(model);
        let figures = json!({
            "load_s": load, "first": first, "second": second, "other_photo": third,
            "before": before, "resident": resident, "peak": peak, "unloaded": memory("VmRSS"),
            "foreseen": foreseen, "foreseen_total": foreseen.total(),
        });
        println!("{figures}");
    }

    fn ask(model: &LlamaGenerator, photo: &Rgb, question: &str, tokens: u32) -> Value {
        let parts = vec![
            PromptPart::Template(BEFORE),
            PromptPart::Image(photo),
            PromptPart::Data(question),
            PromptPart::Template(AFTER),
        ];
        let sampling = Sampling::default();
        let request = GenerateRequest { parts, thought_tokens: tokens, answer_tokens: 1, sampling };
        let (start, mut first) = (Instant::now(), None);
        let mut say = |_: &str| {
            first.get_or_insert_with(|| start.elapsed().as_secs_f64());
        };
        let done = model.generate(&request, &CancelToken::new(), &mut say).unwrap();
        json!({
            "first_token_s": first, "image_s": done.image_us as f64 / 1e6, "prompt_s": done.prompt_us as f64 / 1e6,
            "prompt_tokens": done.prompt_tokens, "reply_tokens": done.reply_tokens,
            "tokens_per_s": f64::from(done.reply_tokens) / (done.generate_us as f64 / 1e6),
        })
    }

    /// Bytes, as Linux tells them; null elsewhere.
    fn memory(name: &str) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
    }
}
