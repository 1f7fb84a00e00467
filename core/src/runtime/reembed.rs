//! A library goes over to the models of another bundle.

use super::{OpenOptions, Runtime};
use crate::bundle::Bundle;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::image::Rgb;
use crate::library::{Library, Material, Progress, ReembedReport, Unreadable};
use crate::load;
use crate::pipeline::Encoders;
use crate::types::{Embedding, FactId, KeyId, Modality, RawEmbedding};

impl Runtime {
    /// The keys that the encoders of these options could not read again, each with its fact: photos of which the library keeps
    /// no copy. None, where only the head differs, or nothing.
    ///
    /// # Errors
    /// As [`Bundle::open`] and [`Library::unreadable_at`].
    pub fn unreadable(options: &OpenOptions) -> Result<Vec<(FactId, KeyId)>> {
        let fingerprint = Bundle::open(&options.models)?.fingerprint();
        Library::unreadable_at(&options.library, &fingerprint, options.key.as_ref())
    }

    /// Makes every vector of a library anew with the encoders and head of these options, when [`Runtime::open`] says
    /// `FingerprintMismatch`. All of it is one transaction: cancelled or interrupted, the library is as it was.
    ///
    /// # Errors
    /// As [`Bundle::open`] and [`Library::reembed_at`]; `Cancelled` within one key of the token being set.
    pub fn reembed(
        options: &OpenOptions,
        unreadable: Unreadable,
        cancel: &CancelToken,
        progress: Progress<'_>,
    ) -> Result<ReembedReport> {
        let bundle = Bundle::open(&options.models)?;
        let encoders = load::encoders(&bundle, options)?;
        let mut embed = |material: Material<'_>| {
            cancel.check()?;
            embed(&encoders, material)
        };
        let (fingerprint, key) = (bundle.fingerprint(), options.key.as_ref());
        Library::reembed_at(&options.library, &fingerprint, key, unreadable, &mut embed, progress)
    }
}

fn embed(encoders: &Encoders, material: Material<'_>) -> Result<(RawEmbedding, Embedding)> {
    let raw = match material {
        Material::Raw(raw) => raw.clone(),
        Material::Text(text) => {
            (encoders.warm_up)(Modality::Text)?;
            encoders.text.embed_text(text)?
        }
        Material::Photo(photo) => {
            (encoders.warm_up)(Modality::Image)?;
            encoders.image.embed_image(&Rgb::decode(photo)?)?
        }
    };
    let projected = encoders.head.project(&raw)?;
    Ok((raw, projected))
}
