//! Pixels against Pillow's bicubic, values against Hugging Face's SigLIP processor.

use std::fs;

use crane_core::image::Rgb;

use crate::{golden, golden_floats, greatest_difference};

fn picture(name: &str) -> Rgb {
    let bytes = fs::read(golden(&format!("images/{name}.png"))).expect("a golden picture");
    Rgb::decode(&bytes).expect("decodes")
}

/// Stems of the golden pictures that have a file with this ending.
fn stems(ending: &str) -> Vec<String> {
    let files = fs::read_dir(golden("images")).expect("golden pictures");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a UTF-8 name"));
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn resizing_is_pillows_to_the_bit() {
    let stems = stems(".bicubic.png");
    assert!(stems.len() >= 5, "{stems:?}");
    for name in stems {
        let expected = picture(&format!("{name}.bicubic"));
        assert!(picture(&name).resize(expected.width(), expected.height()) == expected, "{name} differs");
    }
}

#[test]
fn normalised_values_are_siglips() {
    let stems = stems(".siglip.f32");
    assert!(!stems.is_empty());
    for name in stems {
        let resized = picture(&format!("{name}.bicubic"));
        let difference = greatest_difference(
            &resized.normalised([0.5; 3], [0.5; 3]),
            &golden_floats(&format!("images/{name}.siglip.f32")),
        );
        assert!(difference <= 1e-6, "{name} differs by {difference}");
    }
}
