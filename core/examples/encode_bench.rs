//! Seconds per photo of a bundle's image tower, decoding apart. `tools/bench/encode.py` runs it beside its peer.
//!
//! `encode_bench BUNDLE PHOTO onnxruntime|tract THREADS PHOTOS`; prints one JSON object.
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
    let [models, photo, backend, threads, photos] = words.as_slice() else {
        panic!("BUNDLE PHOTO onnxruntime|tract THREADS PHOTOS")
    };
    let library = if backend == "tract" { OnnxLibrary::Tract } else { OnnxLibrary::Search };
    let options = OnnxOptions { library, threads: threads.parse().ok() };
    let encoders = OnnxEncoders::open_with(&Bundle::open(Path::new(models)).unwrap(), &options).unwrap();
    assert_eq!(encoders.backend_name() == "tract", backend == "tract", "{}", encoders.backend_name());
    let photo = Rgb::decode(&std::fs::read(photo).unwrap()).unwrap();
    encoders.embed_image(&photo).unwrap();
    let seconds = (0..photos.parse().unwrap()).map(|_| {
        let start = Instant::now();
        encoders.embed_image(&photo).unwrap();
        start.elapsed().as_secs_f64()
    });
    let seconds: Vec<f64> = seconds.collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024);
    println!("{}", serde_json::json!({ "seconds": seconds, "peak": peak, "backend": encoders.backend_name() }));
}
