//! Going over to other models: every vector is new, the old ones are gone, and what can't be read again is named.

use std::fs;
use std::path::Path;

use crane_core::index::Row;
use crane_core::library::{Library, Material, NewRecord, Unreadable};
use crane_core::{Embedding, Error, ErrorKind, FactState, Fingerprint, Modality, RawEmbedding};

use crate::support::{PRINT, RAW_DIM, image, key, open, raw, record, try_open, try_open_reader, unit};

const NEW_HEAD: Fingerprint = Fingerprint { head: [7; 32], ..PRINT };
const NEW_ENCODERS: Fingerprint = Fingerprint { encoders: [8; 32], head: [7; 32], raw_dim: RAW_DIM + 2 };

/// A photo with a copy; `seed` is what the new encoders see in it.
fn kept_photo(seed: u8) -> crane_core::library::ImageKey {
    let mut photo = image(u64::from(seed));
    photo.thumbnail = Some(vec![0xFF, 0xD8, 0xFF, seed]);
    photo
}

fn filled(path: &Path) -> Library {
    let library = open(path);
    let with_copy = NewRecord { images: vec![kept_photo(1)], ..record("With a copy.", 1) };
    let photo_only = NewRecord { texts: Vec::new(), ..record("By a photo only.", 3) };
    library.add(with_copy).unwrap();
    library.add(record("Without a copy.", 2)).unwrap();
    library.add(photo_only).unwrap();
    library.flush().unwrap();
    library
}

/// What the new models make of a key.
fn fresh(material: Material<'_>) -> crane_core::Result<(RawEmbedding, Embedding)> {
    Ok(match material {
        Material::Raw(raw) => (raw.clone(), unit(9_000 + (raw.0[0].to_bits() % 512) as u64)),
        Material::Text(text) => (RawEmbedding(vec![0.5; RAW_DIM as usize + 2]), unit(9_500 + text.len() as u64)),
        Material::Photo(photo) => (RawEmbedding(vec![0.25; RAW_DIM as usize + 2]), unit(9_600 + u64::from(photo[3]))),
    })
}

fn holds(path: &Path, seed: u64) -> bool {
    let part = &Row::from_embedding(&unit(seed)).0[200..224];
    let files = fs::read_dir(path).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(part.len()).any(|window| window == part))
}

fn sound(path: &Path) {
    let report = Library::check_at_with(path, key().as_ref(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn a_new_head_projects_what_is_kept_and_the_old_vectors_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path());
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    let locked = |result: crane_core::Result<_>| assert_eq!(result.err().unwrap().kind(), ErrorKind::LibraryLocked);
    let run =
        |policy| Library::reembed_at(folder.path(), &NEW_HEAD, key().as_ref(), policy, &mut fresh, &mut |_, _| Ok(()));
    locked(run(Unreadable::Refuse));
    library.close().unwrap();
    assert_eq!(try_open(folder.path(), &NEW_HEAD).err().unwrap().kind(), ErrorKind::FingerprintMismatch);
    assert_eq!(Library::unreadable_at(folder.path(), &NEW_HEAD, key().as_ref()).unwrap(), []);
    assert!(holds(folder.path(), 2) || key().is_some(), "the scan finds what is there");
    drop(reader);
    let report = run(Unreadable::Refuse).unwrap();
    assert_eq!((report.keys, report.projected, report.erased.len()), (5, 5, 0));
    assert!(!holds(folder.path(), 1) && !holds(folder.path(), 2) && !holds(folder.path(), 1_000_002));
    sound(folder.path());
    assert_eq!(try_open(folder.path(), &PRINT).err().unwrap().kind(), ErrorKind::FingerprintMismatch);
    let library = try_open(folder.path(), &NEW_HEAD).unwrap();
    let kept = half::f16::from_f32(raw(2).0[0]).to_f32();
    let new = unit(9_000 + u64::from(kept.to_bits() % 512));
    assert!(library.search(Modality::Image, &new, 1).unwrap()[0].score > 0.99);
    assert_eq!(library.history(None, 1).unwrap()[0].op, "reembed");
    assert!(library.undo().unwrap().is_none(), "what was before has no vectors of these models");
}

#[test]
fn new_encoders_read_texts_and_copies_again_and_name_what_they_cannot() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).close().unwrap();
    let before = fs::read(folder.path().join("library.db")).unwrap();
    let unreadable = Library::unreadable_at(folder.path(), &NEW_ENCODERS, key().as_ref()).unwrap();
    assert_eq!(unreadable.len(), 2);
    let run = |policy, told: &mut dyn FnMut(u64, u64) -> crane_core::Result<()>| {
        Library::reembed_at(folder.path(), &NEW_ENCODERS, key().as_ref(), policy, &mut fresh, told)
    };
    let refused = run(Unreadable::Refuse, &mut |_, _| Ok(())).unwrap_err();
    assert!(refused.kind() == ErrorKind::InvalidInput && refused.to_string().contains("2 photos"), "{refused}");
    let stop = &mut |done, _| if done < 2 { Ok(()) } else { Err(Error::new(ErrorKind::Cancelled, "enough")) };
    assert_eq!(run(Unreadable::Erase, stop).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(fs::read(folder.path().join("library.db")).unwrap() == before, "it is as it was");

    let report = run(Unreadable::Erase, &mut |_, _| Ok(())).unwrap();
    assert_eq!((report.keys, report.projected, &report.erased), (3, 0, &unreadable));
    sound(folder.path());
    assert!(!holds(folder.path(), 2) && !holds(folder.path(), 3) && !holds(folder.path(), 1));
    let library = try_open(folder.path(), &NEW_ENCODERS).unwrap();
    assert!(library.search(Modality::Image, &unit(9_601), 1).unwrap()[0].score > 0.99);
    assert!(library.search(Modality::Text, &unit(9_500 + "With a copy.".len() as u64), 1).unwrap()[0].score > 0.99);
    let alone = library.lookup("photo only", 1).unwrap().remove(0);
    assert_eq!((alone.state, &report.disabled[..]), (FactState::Disabled, &[alone.id][..]));
    // What it was can be looked at and restored, without the keys that are gone.
    assert_eq!(library.as_of(alone.id, 3).unwrap().state, FactState::Active);
    library.restore(alone.id, 3).unwrap();
    library.close().unwrap();
    sound(folder.path());
}
