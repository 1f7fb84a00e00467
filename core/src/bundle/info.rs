//! What a bundle's models are, read from the heads of their files: no model is loaded.

use std::fs::File;
use std::io::{BufReader, ErrorKind as IoKind};
use std::path::Path;

use serde::Serialize;

use super::gguf::{Defect, Gguf};
use super::{Bundle, Role};
use crate::error::{Error, ErrorKind, Result};

/// A bundle and its models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BundleInfo {
    /// Short name ("tiny").
    pub name: String,
    /// Version of the bundle.
    pub version: String,
    /// What it is, in a sentence; may be empty.
    pub description: String,
    /// SPDX expression of the bundle as a whole.
    pub licence: String,
    /// Tokens that prompt and reply may have together.
    pub context: u32,
    /// The language model.
    pub language: ModelInfo,
    /// Its vision tower.
    pub vision: ModelInfo,
    /// Bytes of the files of the retrieval encoders: both towers, head and tokenizer.
    pub encoder_bytes: u64,
}

/// One model of llama.cpp's, as its GGUF file describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// llama.cpp's name of its architecture ("qwen2vl"; "qwen2.5vl_merger" for a vision tower).
    pub architecture: String,
    /// Its own name, where it has one.
    pub name: Option<String>,
    /// Numbers that it consists of.
    pub parameters: u64,
    /// The type of most of its bytes ("Q4_K").
    pub quantisation: String,
    /// Bits per parameter, over all tensors.
    pub bits_per_weight: f32,
    /// Transformer blocks.
    pub layers: u32,
    /// Width of the hidden state.
    pub width: u32,
    /// Width of the feed-forward part.
    pub feed_forward: u32,
    /// Attention heads.
    pub heads: u32,
    /// Heads of keys and values, which the KV cache holds.
    pub kv_heads: u32,
    /// Width of one head's key.
    pub key_width: u32,
    /// Width of one head's value.
    pub value_width: u32,
    /// Tokens that it was trained to read at most; 0 for a vision tower.
    pub trained_context: u32,
    /// Tokens that it knows; 0 for a vision tower.
    pub vocabulary: u32,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Bytes of each block's weights, in order; the rest are embeddings and output.
    #[serde(skip)]
    pub layer_bytes: Vec<u64>,
}

impl Bundle {
    /// What the models are, without loading them. Their hashes were compared when the bundle was opened.
    ///
    /// # Errors
    /// `ModelCorrupt` when a file is no GGUF, or one of a model without attention; `StorageFailed`.
    pub fn info(&self) -> Result<BundleInfo> {
        let encoders = [Role::ImageEncoder, Role::TextEncoder, Role::Head, Role::Tokenizer];
        Ok(BundleInfo {
            name: self.name().to_owned(),
            version: self.version().to_owned(),
            description: self.description().to_owned(),
            licence: self.licence().to_owned(),
            context: self.language().context,
            language: ModelInfo::read(&self.path(Role::Language))?,
            vision: ModelInfo::read(&self.path(Role::Vision))?,
            encoder_bytes: encoders.map(|role| self.size(role)).iter().sum(),
        })
    }
}

impl ModelInfo {
    /// Reads the head of a GGUF file, whatever its bytes are.
    ///
    /// # Errors
    /// `ModelCorrupt`, `ModelMissing`, `StorageFailed`; the message names the file.
    pub fn read(path: &Path) -> Result<Self> {
        let open = || {
            let file = File::open(path).map_err(Defect::Io)?;
            let length = file.metadata().map_err(Defect::Io)?.len();
            Self::describe(&Gguf::read(BufReader::new(file), length)?)
        };
        open().map_err(|defect| unreadable(path, defect))
    }

    pub(super) fn describe(file: &Gguf) -> Result<Self, Defect> {
        let architecture = file.text("general.architecture").ok_or(Defect::Format("it names no architecture"))?;
        // A vision tower's figures are named after what it sees, and its kind is that of its projector.
        let is_vision = architecture == "clip";
        let prefix = if is_vision { "clip.vision" } else { architecture };
        let figure = |name: &str| -> Result<Option<u32>, Defect> {
            let value = file.number(&format!("{prefix}.{name}")).map(u32::try_from).transpose();
            value.map_err(|_| Defect::Format("a figure of it is impossible"))
        };
        let needed = |name: &str| {
            let value = figure(name)?.filter(|value| (1..=1 << 20).contains(value));
            value.ok_or(Defect::Format("it doesn't say how large it is"))
        };
        let (layers, width, heads) =
            (needed("block_count")?, needed("embedding_length")?, needed("attention.head_count")?);
        let key_width = figure("attention.key_length")?.unwrap_or(width / heads);
        let kv_heads = figure("attention.head_count_kv")?.unwrap_or(heads);
        let vocabulary = file.length("tokenizer.ggml.tokens").unwrap_or(0);
        let kind = if is_vision { file.text("clip.projector_type").unwrap_or(architecture) } else { architecture };
        let parameters: u64 = sum(file.tensors.iter().map(|tensor| tensor.elements))?;
        let bytes = sum(file.tensors.iter().map(|tensor| tensor.bytes))?;
        Ok(Self {
            architecture: kind.to_owned(),
            name: file.text("general.name").map(str::to_owned),
            parameters,
            quantisation: quantisation(file),
            bits_per_weight: if parameters == 0 { 0.0 } else { (bytes as f64 * 8.0 / parameters as f64) as f32 },
            layers,
            width,
            feed_forward: needed("feed_forward_length")?,
            heads,
            kv_heads,
            key_width,
            value_width: figure("attention.value_length")?.unwrap_or(key_width),
            trained_context: figure("context_length")?.unwrap_or(0),
            vocabulary: u32::try_from(vocabulary).map_err(|_| Defect::Format("its vocabulary is too long"))?,
            bytes,
            layer_bytes: layer_bytes(file, layers)?,
        })
    }
}

/// The type that most bytes are of.
fn quantisation(file: &Gguf) -> String {
    let mut by_kind = std::collections::BTreeMap::<&str, u64>::new();
    for tensor in &file.tensors {
        let bytes = by_kind.entry(tensor.kind).or_default();
        *bytes = bytes.saturating_add(tensor.bytes);
    }
    by_kind.into_iter().max_by_key(|(_, bytes)| *bytes).map_or_else(String::new, |(kind, _)| kind.to_owned())
}

/// llama.cpp names a block's tensors `blk.N.…`, a vision tower's `v.blk.N.…`.
fn layer_bytes(file: &Gguf, layers: u32) -> Result<Vec<u64>, Defect> {
    let mut bytes = vec![0_u64; layers as usize];
    for tensor in &file.tensors {
        let rest = tensor.name.strip_prefix("v.").unwrap_or(&tensor.name).strip_prefix("blk.");
        let number = rest.and_then(|rest| rest.split('.').next()).and_then(|number| number.parse::<usize>().ok());
        if let Some(layer) = number {
            let layer = bytes.get_mut(layer).ok_or(Defect::Format("it has more blocks than it says"))?;
            *layer = layer.saturating_add(tensor.bytes);
        }
    }
    Ok(bytes)
}

fn sum(values: impl Iterator<Item = u64>) -> Result<u64, Defect> {
    let mut values = values;
    values.try_fold(0_u64, u64::checked_add).ok_or(Defect::Format("it is larger than any file"))
}

fn unreadable(path: &Path, defect: Defect) -> Error {
    let path = path.display();
    match defect {
        Defect::Format(why) => {
            let message = format!("{path} is no model that this version can read ({why}): install the bundle again");
            Error::new(ErrorKind::ModelCorrupt, message)
        }
        Defect::Io(error) => {
            let (kind, what) = match error.kind() {
                IoKind::NotFound => (ErrorKind::ModelMissing, "is missing: install the bundle again"),
                IoKind::UnexpectedEof => (ErrorKind::ModelCorrupt, "is cut short: install the bundle again"),
                _ => (ErrorKind::StorageFailed, "can't be read: check the disk and its permissions"),
            };
            Error::new(kind, format!("{path} {what}")).with_source(error)
        }
    }
}
