//! How long a person waits for the first words about a photo that was never seen before, and for what.
//!
//! `first_text_bench BUNDLE PHOTO PHOTOS`; every photo is a little narrower than the one before it. Prints medians in
//! milliseconds as one JSON object.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

#[cfg(not(all(feature = "llama", feature = "onnx")))]
fn main() {}

#[cfg(all(feature = "llama", feature = "onnx"))]
fn main() {
    use crane_core::image::Rgb;
    use crane_core::{CancelToken, OpenOptions, Question, Runtime, StageTimes};

    let words: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, photo, photos] = words.as_slice() else { panic!("BUNDLE PHOTO PHOTOS") };
    let folder = std::env::temp_dir().join(format!("crane-first-text-{}", std::process::id()));
    let crane = Runtime::open(OpenOptions::new(bundle, &folder)).unwrap();
    let photo = Rgb::decode(&std::fs::read(photo).unwrap()).unwrap();
    let ask = |number: u32| {
        let (width, height) = (photo.width() - number, photo.height());
        let jpeg = photo.resize(width, height).thumbnail(width.max(height)).unwrap();
        let question = Question { text: "Whose emblem is this?".into(), image: Some(jpeg), ..Question::default() };
        crane.ask(&question, &CancelToken::new(), &mut |_| ()).unwrap().trace.times
    };
    ask(0);
    let times: Vec<StageTimes> = (1..=photos.parse().unwrap()).map(ask).collect();
    let median = |of: fn(&StageTimes) -> u64| {
        let mut all: Vec<u64> = times.iter().map(of).collect();
        all.sort_unstable();
        all[all.len() / 2] as f64 / 1e3
    };
    println!(
        "{}",
        serde_json::json!({
            "first_text": median(|times| times.first_text_us), "decode": median(|times| times.decode_us),
            "embed": median(|times| times.embed_us), "image": median(|times| times.image_us),
            "prompt": median(|times| times.prompt_us), "backend": crane.backends(),
        })
    );
    drop(crane);
    std::fs::remove_dir_all(&folder).unwrap();
}
