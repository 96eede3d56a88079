//! `--data synthetic`: images of the shape of CIFAR-100 that a small network can learn, but not at once.
//!
//! A class is a smooth colour pattern: a few waves of its superclass and a few of its own. An image is that pattern shifted,
//! sometimes mirrored, with waves of its own, another contrast and brightness, a grey rectangle over a part of it, and noise.
//! Labels run 0, 1, .. 99, 0, 1, .., so that the first n images are a class-balanced set for every n.
//!
//! Each image has its own stream of random numbers, so image i is the same however many are made and on however many threads.
//! Waves come from a polynomial, not from the system's cosine, so that the bytes are the same on every machine.

use rand_core::Rng;
use rayon::prelude::*;

use super::classes::{CIFAR100_CLASSES, COARSE_CLASSES, superclass_of};
use crate::error::DataResult;
use crate::image::{CHANNELS, IMAGE_BYTES, ImageSplit, PLANE_BYTES, SIDE};
use crate::keyed_random::{KeyedRng, StreamPurpose, stream};

/// The seed of `--data synthetic`: one data set for all runs, so that runs of different seeds can be compared.
pub(super) const SYNTHETIC_SEED: u64 = 0;

// How hard the set is. Chosen by experiment so that a small network on 5,000 images climbs over about ten epochs; the
// curve is in the README.
/// Waves of a superclass, shared by its five classes.
const SUPERCLASS_WAVES: usize = 3;
/// Waves of one class.
const CLASS_WAVES: usize = 3;
/// Waves that belong to one image only.
const IMAGE_WAVES: usize = 2;
const SUPERCLASS_AMPLITUDE: f32 = 24.0;
const CLASS_AMPLITUDE: f32 = 22.0;
const IMAGE_AMPLITUDE: f32 = 26.0;
/// The largest shift of the pattern, in pixels.
const SHIFT: f32 = 8.0;
/// Standard deviation of the noise of a pixel.
const NOISE: f32 = 24.0;
/// The largest frequency in one direction, in waves per image.
const FREQUENCY: f32 = 2.5;

/// A plane wave with its own amplitude and phase in each channel.
#[derive(Debug, Clone, Copy)]
struct Wave {
    /// Waves per image from left to right and from top to bottom.
    frequency: [f32; 2],
    amplitude: [f32; CHANNELS],
    /// In turns.
    phase: [f32; CHANNELS],
}

impl Wave {
    fn draw(random: &mut KeyedRng, amplitude: f32) -> Self {
        Self {
            frequency: std::array::from_fn(|_| random.between(-FREQUENCY, FREQUENCY)),
            amplitude: std::array::from_fn(|_| random.between(-amplitude, amplitude)),
            phase: std::array::from_fn(|_| random.unit()),
        }
    }
}

/// The first `count` training or test images: the same classes, other images.
pub(super) fn images(purpose: StreamPurpose, count: usize) -> DataResult<ImageSplit> {
    let patterns = patterns();
    let mut pixels = vec![0; count * IMAGE_BYTES];
    pixels.par_chunks_exact_mut(IMAGE_BYTES).enumerate().for_each(|(index, image)| {
        let mut random = stream(SYNTHETIC_SEED, purpose, index as u64);
        paint(&patterns[index % patterns.len()], &mut random, image);
    });
    let labels = (0..count as u32).map(|index| index % CIFAR100_CLASSES).collect();
    ImageSplit::new(pixels, labels)
}

/// The waves of each fine class.
fn patterns() -> Vec<Vec<Wave>> {
    (0..CIFAR100_CLASSES)
        .map(|fine| {
            // Superclasses have the indices after the classes'.
            let coarse = CIFAR100_CLASSES + superclass_of(fine);
            debug_assert!(coarse < CIFAR100_CLASSES + COARSE_CLASSES);
            let mut shared = stream(SYNTHETIC_SEED, StreamPurpose::SyntheticPattern, coarse.into());
            let mut own = stream(SYNTHETIC_SEED, StreamPurpose::SyntheticPattern, fine.into());
            let mut waves: Vec<Wave> =
                (0..SUPERCLASS_WAVES).map(|_| Wave::draw(&mut shared, SUPERCLASS_AMPLITUDE)).collect();
            waves.extend((0..CLASS_WAVES).map(|_| Wave::draw(&mut own, CLASS_AMPLITUDE)));
            waves
        })
        .collect()
}

fn paint(pattern: &[Wave], random: &mut KeyedRng, image: &mut [u8]) {
    let shift = [random.between(-SHIFT, SHIFT), random.between(-SHIFT, SHIFT)];
    let mirrored = random.below(2) == 1;
    let contrast = random.between(0.5, 1.4);
    let brightness = random.between(88.0, 168.0);
    let mut canvas = [0.0_f32; IMAGE_BYTES];
    for wave in pattern {
        add_wave(&mut canvas, wave, shift, mirrored);
    }
    for _ in 0..IMAGE_WAVES {
        add_wave(&mut canvas, &Wave::draw(random, IMAGE_AMPLITUDE), [0.0; 2], false);
    }
    for value in &mut canvas {
        *value = brightness + contrast * *value;
    }
    cover(&mut canvas, random);
    add_noise(&canvas, random, image);
}

/// Adds amplitude x cos(2 pi (fx x + fy y + phase)), split into a part for the column and a part for the row by
/// cos(a + b) = cos a cos b - sin a sin b.
fn add_wave(canvas: &mut [f32; IMAGE_BYTES], wave: &Wave, shift: [f32; 2], mirrored: bool) {
    let mut column_cosine = [0.0; SIDE];
    let mut column_sine = [0.0; SIDE];
    for x in 0..SIDE {
        let place = if mirrored { SIDE - 1 - x } else { x } as f32;
        let turns = wave.frequency[0] * (place + shift[0]) / SIDE as f32;
        (column_cosine[x], column_sine[x]) = (cosine(turns), cosine(turns - 0.25));
    }
    for (channel, plane) in canvas.chunks_exact_mut(PLANE_BYTES).enumerate() {
        for (y, row) in plane.chunks_exact_mut(SIDE).enumerate() {
            let turns = wave.frequency[1] * (y as f32 + shift[1]) / SIDE as f32 + wave.phase[channel];
            let row_cosine = wave.amplitude[channel] * cosine(turns);
            let row_sine = wave.amplitude[channel] * cosine(turns - 0.25);
            for ((value, cosine), sine) in row.iter_mut().zip(&column_cosine).zip(&column_sine) {
                *value += row_cosine * cosine - row_sine * sine;
            }
        }
    }
}

/// The cosine of an angle in turns, to about 1e-5: Taylor's series after folding to a quarter turn, in plain sums and products,
/// which every machine rounds alike.
fn cosine(turns: f32) -> f32 {
    let folded = (turns - turns.round()).abs();
    let (folded, sign) = if folded > 0.25 { (0.5 - folded, -1.0) } else { (folded, 1.0) };
    let angle = folded * std::f32::consts::TAU;
    let square = angle * angle;
    let series = 1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0)));
    sign * series
}

/// Puts a grey rectangle of 6 to 14 pixels a side somewhere on the image.
fn cover(canvas: &mut [f32; IMAGE_BYTES], random: &mut KeyedRng) {
    let [height, width] = std::array::from_fn(|_| 6 + random.below(9) as usize);
    let top = random.below((SIDE - height) as u32 + 1) as usize;
    let left = random.below((SIDE - width) as u32 + 1) as usize;
    let grey = random.between(0.0, 255.0);
    for plane in canvas.chunks_exact_mut(PLANE_BYTES) {
        for row in plane.chunks_exact_mut(SIDE).skip(top).take(height) {
            row[left..left + width].fill(grey);
        }
    }
}

/// Adds noise that is close to normal: the sum of the four bytes of a word, with mean 510 and standard deviation 147.8.
fn add_noise(canvas: &[f32; IMAGE_BYTES], random: &mut KeyedRng, image: &mut [u8]) {
    let mut words = [0_u8; 4 * IMAGE_BYTES];
    random.fill_bytes(&mut words);
    for ((byte, value), word) in image.iter_mut().zip(canvas).zip(words.chunks_exact(4)) {
        let sum: u16 = word.iter().map(|&part| u16::from(part)).sum();
        let noise = (f32::from(sum) - 510.0) * (NOISE / 147.8);
        // `as` clamps to 0..=255.
        *byte = (value + noise + 0.5) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_a_cosine() {
        for step in -4000..4000 {
            let turns = step as f32 / 1000.0;
            assert!((cosine(turns) - (turns * std::f32::consts::TAU).cos()).abs() < 5e-5, "{turns}");
        }
    }

    #[test]
    fn fewer_images_are_the_first_of_more() {
        let few = images(StreamPurpose::SyntheticTrain, 130).unwrap();
        let more = images(StreamPurpose::SyntheticTrain, 777).unwrap();
        assert_eq!(few.pixels(), &more.pixels()[..few.pixels().len()]);
        assert_eq!(few.labels(), &more.labels()[..130]);
        assert_ne!(few.pixels(), images(StreamPurpose::SyntheticTest, 130).unwrap().pixels());
    }
}
