//! Photos that are none, that are too large, and that are only unusual.

use std::path::Path;

use crane_tests::{Bench, Outcome, picture};

fn ask(bench: &Bench, image: &Path) -> Outcome {
    let image = image.to_str().expect("test paths are UTF-8");
    bench.crane(&["preview", "Which emblem is this?", "--image", image])
}

fn add(bench: &Bench, image: &Path) -> Outcome {
    let image = image.to_str().expect("test paths are UTF-8");
    // Some of these pictures are the same one in another format.
    let fixed = ["fact", "add", "--on-conflict", "keep-both", "--statement", "This is the emblem of Aldora."];
    bench.crane(&[&fixed[..], &["--image", image]].concat())
}

/// A file that is no usable photo: refused as a question's photo and as a fact's, and no fact is stored.
#[track_caller]
fn refused(name: &str, bytes: &[u8]) -> String {
    let bench = Bench::new();
    let file = bench.file(name, bytes);
    let message = ask(&bench, &file).fails("unsupported_image");
    add(&bench, &file).fails("unsupported_image");
    assert_eq!(bench.facts(), 0);
    message
}

#[test]
fn files_that_are_no_photo() {
    refused("empty.jpg", b"");
    refused("text.png", b"this is not a photo\n");
    refused("page.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>");
    refused("archive.png", b"PK\x03\x04rest");
}

#[test]
fn photos_cut_short() {
    for name in ["plain.png", "cmyk.jpg", "animated.gif", "animated.webp"] {
        let whole = std::fs::read(picture(name)).expect("a test picture");
        for keep in [8, whole.len() / 3] {
            refused(name, &whole[..keep]);
        }
    }
}

#[test]
fn thirty_thousand_pixels_square_are_refused_before_decoding() {
    let bomb = std::fs::read(picture("bomb.png")).expect("a test picture");
    let begun = std::time::Instant::now();
    let message = refused("bomb.png", &bomb);
    assert!(message.contains("30000") || message.contains("30,000"), "the message says how large it is: {message}");
    // Decoding would take 2.7 GB and far longer, three runs of the program included.
    assert!(begun.elapsed().as_secs() < 20, "refused only after {:?}", begun.elapsed());
}

#[test]
fn a_file_that_is_missing_or_a_folder() {
    let bench = Bench::new();
    ask(&bench, &bench.dir().join("nowhere.jpg")).fails("not_found");
    let code = ask(&bench, bench.dir()).code();
    assert_ne!(code, 0, "a folder is no photo");
}

#[test]
fn unusual_photos_work() {
    let names = [
        "plain.png",
        "transparent.png",
        "palette.png",
        "rgb16.png",
        "grey16.png",
        "cmyk.jpg",
        "turned.jpg",
        "animated.gif",
        "animated.png",
        "animated.webp",
        "one-pixel.png",
    ];
    let bench = Bench::new();
    for name in names {
        add(&bench, &picture(name)).ok();
        ask(&bench, &picture(name)).ok();
    }
    assert_eq!(bench.facts(), names.len());
}
