//! Seconds per photo of a bundle's image tower, decoding apart. `tools/bench/encode.py` runs it beside its peer.
//!
//! `encode_bench BUNDLE PHOTO onnxruntime|tract THREADS` embeds the photo once for every line it is given, and answers with
//! one line of JSON.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

#[cfg(not(feature = "onnx"))]
fn main() {}

#[cfg(feature = "onnx")]
fn main() {
    use std::path::Path;
    use std::time::Instant;

    use crane_core::backend::{OnnxEncoders, OnnxLibrary, OnnxOptions};
    use crane_core::bundle::Bundle;
    use crane_core::image::Rgb;
    use crane_core::model::ImageEncoder;

    let words: Vec<String> = std::env::args().skip(1).collect();
    let [models, photo, backend, threads] = words.as_slice() else { panic!("BUNDLE PHOTO onnxruntime|tract THREADS") };
    let library = if backend == "tract" { OnnxLibrary::Tract } else { OnnxLibrary::Search };
    let options = OnnxOptions { library, threads: threads.parse().ok() };
    let encoders = OnnxEncoders::open_with(&Bundle::open(Path::new(models)).unwrap(), &options).unwrap();
    assert_eq!(encoders.backend_name() == "tract", backend == "tract", "{}", encoders.backend_name());
    let photo = Rgb::decode(&std::fs::read(photo).unwrap()).unwrap();
    for line in std::io::stdin().lines() {
        line.unwrap();
        let start = Instant::now();
        encoders.embed_image(&photo).unwrap();
        println!("{}", serde_json::json!({ "seconds": start.elapsed().as_secs_f64(), "peak": peak() }));
    }
}

/// The most memory that this process has had, in bytes; 0 where the system doesn't say.
#[cfg(feature = "onnx")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024)
}
