use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::bundle::ModelInfo;

/// A file with these metadata and tensors, whose data is as long as it has to be.
#[derive(Default)]
struct File {
    values: Vec<u8>,
    count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data: u64,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl File {
    fn value(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.values.extend([&text(key), &kind.to_le_bytes()[..], value].concat());
        self.count += 1;
        self
    }

    fn number(self, key: &str, number: u32) -> Self {
        self.value(key, 4, &number.to_le_bytes())
    }

    fn tensor(mut self, name: &str, kind: u32, shape: &[u64], bytes: u64) -> Self {
        let shape_bytes: Vec<u8> = shape.iter().flat_map(|side| side.to_le_bytes()).collect();
        let (dimensions, offset) = ((shape.len() as u32).to_le_bytes(), self.data.to_le_bytes());
        self.tensors.extend([&text(name), &dimensions[..], &shape_bytes, &kind.to_le_bytes(), &offset].concat());
        self.tensor_count += 1;
        self.data += bytes.next_multiple_of(32);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let counts = [self.tensor_count.to_le_bytes(), self.count.to_le_bytes()].concat();
        let mut bytes = [b"GGUF", &3_u32.to_le_bytes()[..], &counts, &self.values, &self.tensors].concat();
        bytes.resize(bytes.len().next_multiple_of(32) + self.data as usize, 0);
        bytes
    }
}

fn read(bytes: &[u8]) -> Result<Gguf> {
    Gguf::read(bytes, bytes.len() as u64)
}

#[track_caller]
fn refused(bytes: &[u8]) -> &'static str {
    match read(bytes).map(drop) {
        Err(Defect::Format(why)) => why,
        Err(Defect::Io(error)) => panic!("{error}"),
        Ok(()) => panic!("it was read"),
    }
}

fn small() -> File {
    let words = [&8_u32.to_le_bytes()[..], &3_u64.to_le_bytes(), &text("a"), &text(""), &text("long")].concat();
    File::default()
        .value("general.architecture", 8, &text("qwen2vl"))
        .value("tokenizer.ggml.tokens", 9, &words)
        .value("qwen2vl.rope.freq_base", 6, &1e6_f32.to_le_bytes())
        .number("qwen2vl.block_count", 2)
        .number("qwen2vl.embedding_length", 512)
        .number("qwen2vl.feed_forward_length", 768)
        .number("qwen2vl.attention.head_count", 8)
        .number("qwen2vl.attention.head_count_kv", 2)
        .number("qwen2vl.context_length", 4096)
        .tensor("token_embd.weight", 12, &[512, 3], 6 * 144)
        .tensor("blk.0.attn_norm.weight", 0, &[512], 2048)
        .tensor("blk.1.attn_q.weight", 8, &[512, 512], 512 * 16 * 34)
}

#[test]
fn a_model_says_what_it_is() {
    let info = ModelInfo::describe(&read(&small().bytes()).unwrap()).unwrap();
    assert_eq!((info.architecture.as_str(), info.quantisation.as_str()), ("qwen2vl", "Q8_0"));
    assert_eq!((info.layers, info.width, info.heads, info.kv_heads, info.key_width), (2, 512, 8, 2, 64));
    assert_eq!((info.vocabulary, info.trained_context), (3, 4096));
    assert_eq!(info.parameters, 512 * 3 + 512 + 512 * 512);
    assert_eq!(info.layer_bytes, [2048, 512 * 16 * 34]);
    assert_eq!(info.bytes, 6 * 144 + 2048 + 512 * 16 * 34);
}

#[test]
fn the_tiny_models_are_read() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny");
    let info = crate::bundle::Bundle::open(&tiny).unwrap().info().unwrap();
    assert_eq!(
        (info.language.architecture.as_str(), info.vision.architecture.as_str()),
        ("qwen2vl", "qwen2.5vl_merger")
    );
    assert!(info.language.layers > 0 && info.language.vocabulary > 1000 && info.vision.vocabulary == 0);
    // All of a file is its weights but for the head.
    let size = std::fs::metadata(tiny.join("language.gguf")).unwrap().len();
    assert!(info.language.bytes < size && info.language.bytes > size * 9 / 10);
}

#[test]
fn what_can_not_be_is_refused() {
    let good = small().bytes();
    assert!(refused(b"GGUF\x07\0\0\0").contains("version"));
    assert!(refused(b"PK\x03\x04").contains("begin"));
    for cut in [3, 20, 100, good.len() / 2, good.len() - 33] {
        refused(&good[..cut]);
    }
    let tensor = |kind, shape: &[u64], bytes| refused(&File::default().tensor("t", kind, shape, bytes).bytes());
    assert!(tensor(12, &[100], 144).contains("shape"));
    assert!(tensor(0, &[u64::MAX, 2], 0).contains("shape"));
    assert!(tensor(0, &[1 << 40], 64).contains("outside"));
    assert!(tensor(77, &[1], 4).contains("type"));
    assert!(tensor(0, &[1; 5], 4).contains("dimensions"));
    let nested = [&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat();
    assert!(refused(&File::default().value("a", 9, &nested).bytes()).contains("type"));
    let endless = [&8_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    refused(&File::default().value("a", 9, &endless).bytes());
    let huge = [&10_u32.to_le_bytes()[..], &(u64::MAX / 4).to_le_bytes()].concat();
    refused(&File::default().value("a", 9, &huge).bytes());
    assert!(refused(&small().number("general.alignment", 0).bytes()).contains("alignment"));

    let without = File::default().value("general.architecture", 8, &text("qwen2vl"));
    assert!(ModelInfo::describe(&read(&without.bytes()).unwrap()).is_err());
    let more = small().tensor("blk.7.attn_q.weight", 0, &[1], 4);
    assert!(ModelInfo::describe(&read(&more.bytes()).unwrap()).is_err());
    let zero = small().number("qwen2vl.attention.head_count", 0);
    assert!(ModelInfo::describe(&read(&zero.bytes()).unwrap()).is_err());
}

proptest! {
    /// Whatever the bytes are, reading ends, without a panic and without more memory than the file is long.
    #[test]
    fn any_bytes(at in 0..600_usize, with in proptest::collection::vec(any::<u8>(), 1..12)) {
        let mut bytes = small().bytes();
        for (place, byte) in bytes.iter_mut().skip(at).zip(with) {
            *place = byte;
        }
        if let Ok(file) = read(&bytes) {
            let _ = ModelInfo::describe(&file);
        }
    }
}
