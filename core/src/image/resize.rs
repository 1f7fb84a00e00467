//! Pillow 13's bicubic resize, bit for bit.
//!
//! The towers were trained on pictures that Pillow resized. Pillow works in fixed point and rounds to bytes between its
//! two passes; resizers that keep more precision differ from it by up to 21 of 255 when
//! enlarging, so none of them serves here.

use super::Rgb;

/// Fraction bits of the weights: 32, less 8 of the pixel and 2 that the filter's overshoot needs.
const PRECISION: u32 = 22;
const HALF: i32 = 1 << (PRECISION - 1);
/// The filter's reach in source pixels when enlarging.
const SUPPORT: f64 = 2.0;
/// Starting threads takes longer than resizing anything smaller, in bytes.
const WORTH_THREADS: usize = 1 << 21;

/// Weights of the source pixels `start..start + weights.len()` in one output pixel.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

pub(super) fn bicubic(source: &Rgb, width: u32, height: u32) -> Rgb {
    if (width, height) == (source.width, source.height) {
        return source.clone();
    }
    let from_width = source.width as usize;
    let columns = windows(from_width, width as usize);
    let rows = windows(source.height as usize, height as usize);
    let pixels = if vertical_first(source, width, height) {
        horizontal(&vertical(&source.pixels, from_width * 3, &rows), from_width, &columns)
    } else {
        vertical(&horizontal(&source.pixels, from_width, &columns), width as usize * 3, &rows)
    };
    Rgb { width, height, pixels }
}

/// The order matters, since bytes are rounded in between. Earlier Pillows always began with the rows; Pillow 13 begins
/// with the columns where more than twice as many rows go as columns.
fn vertical_first(source: &Rgb, width: u32, height: u32) -> bool {
    let fewer = |from: u32, to: u32| i64::from(from) - i64::from(to);
    source.height > height && 2 * fewer(source.width, width) < fewer(source.height, height)
}

/// Every row by itself, so that large photos are shared out among the cores.
fn horizontal(pixels: &[u8], width: usize, columns: &[Window]) -> Vec<u8> {
    let height = pixels.len() / (width * 3);
    let mut out = vec![0; height * columns.len() * 3];
    let share = height.div_ceil(threads(pixels.len()));
    let sources = pixels.chunks(share * width * 3);
    let targets = out.chunks_mut(share * columns.len() * 3);
    std::thread::scope(|scope| {
        for (source, target) in sources.zip(targets) {
            scope.spawn(move || horizontal_rows(source, width, columns, target));
        }
    });
    out
}

fn threads(bytes: usize) -> usize {
    if bytes < WORTH_THREADS { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

fn horizontal_rows(pixels: &[u8], width: usize, columns: &[Window], out: &mut [u8]) {
    let rows = pixels.chunks_exact(width * 3).zip(out.chunks_exact_mut(columns.len() * 3));
    for (row, out) in rows {
        for (window, out) in columns.iter().zip(out.chunks_exact_mut(3)) {
            let taps = row[window.start * 3..].chunks_exact(3);
            let mut sums = [HALF; 3];
            for (pixel, &weight) in taps.zip(&window.weights) {
                for channel in 0..3 {
                    sums[channel] += i32::from(pixel[channel]) * weight;
                }
            }
            out.copy_from_slice(&sums.map(to_byte));
        }
    }
}

/// `stride` is the length of a row in bytes. Rows are added up whole, which the compiler turns into vector code.
fn vertical(pixels: &[u8], stride: usize, rows: &[Window]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * stride);
    let mut sums = vec![0; stride];
    for window in rows {
        sums.fill(HALF);
        let taps = pixels[window.start * stride..].chunks_exact(stride);
        for (row, &weight) in taps.zip(&window.weights) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    out
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// One window per output pixel; when shrinking, the filter widens to cover every source pixel.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let widening = scale.max(1.0);
    let reach = SUPPORT * widening;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            let start = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let exact: Vec<f64> = (start..end).map(|x| cubic((x as f64 - centre + 0.5) * (1.0 / widening))).collect();
            Window { start, weights: fixed_point(&exact) }
        })
        .collect()
}

fn fixed_point(exact: &[f64]) -> Vec<i32> {
    let total: f64 = exact.iter().sum();
    let norm = if total == 0.0 { 1.0 } else { total };
    // Away from zero at halves, as Pillow rounds.
    exact.iter().map(|weight| (weight / norm * f64::from(1 << PRECISION)).round() as i32).collect()
}

/// Keys' cubic convolution with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Rgb {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        Rgb::new(width, height, pixels).expect("sizes agree")
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        for (from, to) in
            [((1, 1), (112, 112)), ((5000, 1), (112, 112)), ((1, 5000), (112, 7)), ((640, 480), (384, 384))]
        {
            let small = photo(from.0, from.1, |_, _| [3, 128, 255]).resize(to.0, to.1);
            assert!(small.pixels().chunks_exact(3).all(|pixel| pixel == [3, 128, 255]), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn windows_weigh_one_and_lie_inside() {
        for (from, to) in [(1, 1), (1, 9), (9, 1), (20_000, 112), (112, 113), (384, 384)] {
            for window in windows(from, to) {
                assert!(window.start + window.weights.len() <= from);
                let total: i64 = window.weights.iter().copied().map(i64::from).sum();
                let slack = window.weights.len() as i64;
                assert!((total - (1 << PRECISION)).abs() <= slack, "{from} to {to}: {total}");
            }
        }
    }

    #[test]
    fn overshoot_is_clipped() {
        let edge = photo(8, 1, |x, _| if x < 4 { [0; 3] } else { [255; 3] });
        let large = edge.resize(64, 1);
        assert_eq!(large.pixels()[0], 0);
        assert_eq!(large.pixels()[63 * 3], 255);
    }
}
