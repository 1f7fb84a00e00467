//! Memory on the real models of `models/tiny`: foreseen before loading, told part by part, and really given back.
#![cfg(all(feature = "onnx", feature = "llama"))]

use std::error::Error as _;
use std::path::{Path, PathBuf};

use crane_core::backend::{LlamaGenerator, LlamaOptions};
use crane_core::bundle::Bundle;
use crane_core::{
    CancelToken, CpuReason, DeviceKind, ErrorKind, MemoryShortfall, MemoryUsage, OpenOptions, Question, Runtime,
    TrimLevel, devices,
};
use tempfile::TempDir;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny")
}

fn open(budget: Option<u64>) -> (TempDir, Runtime) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut options = OpenOptions::new(models(), folder.path().join("library"));
    options.memory_budget = budget;
    let runtime = Runtime::open(options).expect("opens");
    (folder, runtime)
}

fn generator(memory: Option<u64>) -> crane_core::Result<LlamaGenerator> {
    let bundle = Bundle::open(&models()).expect("the models are whole");
    LlamaGenerator::open(&bundle, LlamaOptions { memory, ..LlamaOptions::default() })
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_it_is_loaded() {
    let (_folder, runtime) = open(Some(1 << 20));
    let error = runtime.warm_up(&CancelToken::new()).expect_err("a MiB holds no model");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    let missing =
        error.source().and_then(|source| source.downcast_ref::<MemoryShortfall>()).expect("how much is missing");
    assert!(missing.available <= 1 << 20 && missing.needed > 4 << 20, "{missing:?}");
    assert!(error.to_string().contains(&format!("{} MiB", missing.needed.div_ceil(1 << 20))), "{error}");
    // Nothing is stuck: what needs no language model works.
    let question = Question { text: "Whose emblem is this?".into(), ..Question::default() };
    runtime.preview(&question).expect("retrieval needs none");
}

#[test]
fn a_smaller_context_comes_before_none_at_all() {
    let whole = generator(None).expect("loads");
    let usage = whole.memory_usage();
    assert_eq!(whole.context(), 768);
    drop(whole);
    let less = generator(Some(usage.total() - 1)).expect("loads with less");
    assert!(less.context() < 768 && less.memory_usage().kv_cache < usage.kv_cache);
    assert!(less.memory_usage().total() < usage.total());
}

#[test]
fn every_part_is_told_and_goes_with_its_models() {
    let (_folder, runtime) = open(None);
    let empty = MemoryUsage { index: runtime.memory_usage().index, ..MemoryUsage::default() };
    assert_eq!(runtime.memory_usage(), empty);

    let mut told = Vec::new();
    runtime.warm_up_with(&CancelToken::new(), &mut |share| told.push(share)).expect("loads");
    assert!(
        told.is_sorted() && told.last() == Some(&1.0) && told.first().is_some_and(|share| *share < 1.0),
        "{told:?}"
    );

    let usage = runtime.memory_usage();
    let info = runtime.model_info().expect("readable");
    assert_eq!(usage.language_weights, info.language.bytes);
    // 5 layers, 768 tokens, keys and values of 2 heads of 64, two bytes each.
    assert_eq!(usage.kv_cache, 5 * 768 * 2 * 2 * 64 * 2);
    assert!(usage.vision > info.vision.bytes && usage.encoders > info.encoder_bytes / 2 && usage.compute > 0);

    // The language model's own thread gives the context back when it comes to it.
    runtime.trim_memory(TrimLevel::Context);
    while runtime.memory_usage().kv_cache > 0 {
        std::thread::yield_now();
    }
    let trimmed = runtime.memory_usage();
    assert_eq!((trimmed.compute, trimmed.language_weights), (0, usage.language_weights));
    let question = Question { text: "Where is it?".into(), ..Question::default() };
    runtime.ask(&question, &CancelToken::new(), &mut |_| ()).expect("answered");
    assert_eq!(runtime.memory_usage().kv_cache, usage.kv_cache);

    runtime.trim_memory(TrimLevel::Models);
    assert_eq!(runtime.memory_usage(), empty);
}

#[test]
fn the_processor_is_listed_and_the_reason_for_it_told() {
    let listed = devices(None).expect("llama.cpp starts");
    assert!(listed.iter().any(|device| device.kind == DeviceKind::Cpu && device.memory_total > 0), "{listed:?}");
    let language = generator(None).expect("loads");
    let built_in = cfg!(any(feature = "vulkan", feature = "cuda", feature = "metal", feature = "opencl"));
    if !built_in && !cfg!(target_os = "macos") {
        assert_eq!(language.cpu_reason(), Some(CpuReason::NotBuiltIn));
    }
    assert_eq!(language.cpu_reason().is_some(), language.device().starts_with("CPU"));
}

/// Bytes of this process that lie in memory, and whether any part of the language model's file is mapped into it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn resident() -> (u64, bool) {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs");
    (kib * 1024, maps.contains("models/tiny/language.gguf"))
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn unloading_returns_memory() {
    // In a process of its own, since tests run beside each other in this one; and with one heap for all threads: how glibc
    // spreads memory over many changes from run to run by more than these small models take.
    const ALONE: &str = "CRANE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let me = std::env::current_exe().expect("a running test has a path");
        let mut command = std::process::Command::new(me);
        command.args(["--exact", "unloading_returns_memory"]).env(ALONE, "1").env("MALLOC_ARENA_MAX", "1");
        assert!(command.status().expect("it runs").success());
        return;
    }
    let (_folder, runtime) = open(None);
    let cycle = || {
        runtime.warm_up(&CancelToken::new()).expect("loads");
        let (loaded, mapped) = resident();
        assert!(mapped, "this is how the weights are read");
        runtime.trim_memory(TrimLevel::Models);
        let (unloaded, mapped) = resident();
        assert!(!mapped, "the file is still mapped");
        (loaded, unloaded)
    };
    // What libraries keep once they have run is there after the first two.
    let _ = cycle();
    let (loaded, settled) = cycle();
    let weights = runtime.model_info().expect("readable").language.bytes;
    assert!(settled + weights < loaded, "of {loaded} bytes {settled} are left");
    let last = (0..8).fold(0, |_, _| cycle().1);
    assert!(last < settled + weights / 4, "eight loads have left {} KiB", last.saturating_sub(settled) >> 10);
}
