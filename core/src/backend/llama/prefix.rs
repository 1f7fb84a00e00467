//! What the model computed for the system message, kept on disk: the next start of the app needn't compute it again.
//!
//! The file holds nothing personal: the system message is the bundle's. It is trusted only where it is whole and was
//! written for the same tokens by the same model, device and version; otherwise it is ignored and written anew. Layout:
//! 8 bytes `CRANEKV1`, 32 of SHA-256 over what it was written for, 32 of SHA-256 over the state, then llama.cpp's state.

use std::fs;
use std::path::{Path, PathBuf};

use llama_cpp_2::token::LlamaToken;
use sha2::{Digest, Sha256};

use super::reader::Reader;

const MAGIC: &[u8; 8] = b"CRANEKV1";
const HEADER: usize = MAGIC.len() + 32 + 32;
/// The binding whose llama.cpp writes and reads the state.
const LLAMA: &str = "llama-cpp-2 0.1.160";
/// A state that is larger is no system message's.
const LARGEST: u64 = 1 << 30;

/// The one file of a state folder.
pub(super) struct PrefixFile {
    path: PathBuf,
    /// SHA-256 over model, device and version.
    made_by: [u8; 32],
}

impl PrefixFile {
    pub(super) fn new(folder: &Path, model: &[u8; 32], device: &str) -> Self {
        let made_by = Sha256::new().chain_update(concat!(env!("CARGO_PKG_VERSION"), "\0")).chain_update(LLAMA);
        let made_by = made_by.chain_update(model).chain_update(device).finalize().into();
        Self { path: folder.join("system-prompt.kv"), made_by }
    }

    /// Puts a reader that has read nothing to where it would be after these tokens. False: it has read nothing still.
    pub(super) fn restore(&self, reader: &mut Reader<'_>, tokens: &[LlamaToken]) -> bool {
        self.state(tokens).is_some_and(|state| reader.restore(&state, tokens.len()))
    }

    /// Keeps what a reader has read: these tokens and no more. Where it can't be written, the next start computes it again.
    pub(super) fn save(&self, reader: &Reader<'_>, tokens: &[LlamaToken]) {
        let state = reader.state();
        let digest: [u8; 32] = Sha256::digest(&state).into();
        let bytes = [MAGIC.as_slice(), &self.purpose(tokens), &digest, &state].concat();
        let temporary = self.path.with_extension("new");
        // No sync: a file that a power cut leaves half written is noticed by its digest.
        let folder = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let written =
            folder.and_then(|()| fs::write(&temporary, bytes)).and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = written {
            tracing::debug!(%error, "the system message's state is not kept");
        }
    }

    fn state(&self, tokens: &[LlamaToken]) -> Option<Vec<u8>> {
        if fs::metadata(&self.path).ok()?.len() > LARGEST {
            return None;
        }
        let bytes = fs::read(&self.path).ok()?;
        let state = bytes.get(HEADER..)?;
        let digest: [u8; 32] = Sha256::digest(state).into();
        let header = [MAGIC.as_slice(), &self.purpose(tokens), &digest].concat();
        (bytes[..HEADER] == header).then(|| state.to_vec())
    }

    fn purpose(&self, tokens: &[LlamaToken]) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.made_by);
        tokens.iter().fold(hash, |hash, token| hash.chain_update(token.0.to_le_bytes())).finalize().into()
    }
}
