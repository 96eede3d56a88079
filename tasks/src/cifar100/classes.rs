//! The classes of CIFAR-100: which fine classes form which superclass.
//!
//! Fine labels are in alphabetical order of the class names, superclasses likewise. The order of the fine classes within a
//! superclass is that of the reference's asymmetric noise, which turns each into the next.

use std::path::Path;

use crate::error::{DataError, DataResult};
use crate::image::ImageSplit;

/// The number of fine classes.
pub const CIFAR100_CLASSES: u32 = 100;

/// The number of superclasses.
pub(super) const COARSE_CLASSES: u32 = 20;

/// The fine classes of each superclass, whose place in this list is the coarse label, in the order of the noise cycle.
const SUPERCLASSES: [[u32; 5]; COARSE_CLASSES as usize] = [
    [4, 30, 55, 72, 95],  // aquatic_mammals
    [1, 32, 67, 73, 91],  // fish
    [54, 62, 70, 82, 92], // flowers
    [9, 10, 16, 28, 61],  // food_containers
    [0, 51, 53, 57, 83],  // fruit_and_vegetables
    [22, 39, 40, 86, 87], // household_electrical_devices
    [5, 20, 25, 84, 94],  // household_furniture
    [6, 7, 14, 18, 24],   // insects
    [3, 42, 43, 88, 97],  // large_carnivores
    [12, 17, 37, 68, 76], // large_man-made_outdoor_things
    [23, 33, 49, 60, 71], // large_natural_outdoor_scenes
    [15, 19, 21, 31, 38], // large_omnivores_and_herbivores
    [34, 63, 64, 66, 75], // medium_mammals
    [26, 45, 77, 79, 99], // non-insect_invertebrates
    [2, 11, 35, 46, 98],  // people
    [27, 29, 44, 78, 93], // reptiles
    [36, 50, 65, 74, 80], // small_mammals
    [47, 52, 56, 59, 96], // trees
    [8, 13, 48, 58, 90],  // vehicles_1
    [41, 69, 81, 85, 89], // vehicles_2
];

/// The coarse label of a fine label.
pub(super) fn superclass_of(fine: u32) -> u32 {
    let place = SUPERCLASSES.iter().position(|members| members.contains(&fine));
    place.map_or(COARSE_CLASSES, |place| place as u32)
}

/// The images of a file, and what its coarse labels say against the fine ones.
pub(super) struct LabelledImages {
    pub(super) images: ImageSplit,
    /// The first record whose two labels contradict each other, and how many such records there are.
    pub(super) contradicting: Option<(usize, usize)>,
}

impl LabelledImages {
    /// `coarse` is empty where the file has none.
    pub(super) fn new(pixels: Vec<u8>, labels: Vec<u32>, coarse: &[i64]) -> DataResult<Self> {
        let differs = |(fine, coarse): (&u32, &i64)| i64::from(superclass_of(*fine)) != *coarse;
        let mut wrong =
            labels.iter().zip(coarse).enumerate().filter(|(_, pair)| differs(*pair)).map(|(record, _)| record);
        let contradicting = wrong.next().map(|first| (first, 1 + wrong.count()));
        Ok(Self { images: ImageSplit::new(pixels, labels)?, contradicting })
    }
}

/// A label that is no class.
pub(super) fn label_out_of_range(path: &Path, record: usize, field: &str, value: i64, classes: u32) -> DataError {
    DataError::unusable(path, format!("record {record}: {field} is {value}, expected 0 to {}", classes - 1))
}

/// A file of CIFAR-10.
pub(super) fn is_cifar10(path: &Path, classes: u32, why: &str) -> DataError {
    DataError::unusable(path, format!("labels of {classes} classes, expected {CIFAR100_CLASSES} ({why} is CIFAR-10)"))
}

/// What asymmetric noise turns each fine label into: the next one of its superclass, the first after the last.
pub fn next_in_superclass() -> [u32; CIFAR100_CLASSES as usize] {
    let mut next = [0; CIFAR100_CLASSES as usize];
    for members in &SUPERCLASSES {
        for (place, &fine) in members.iter().enumerate() {
            next[fine as usize] = members[(place + 1) % members.len()];
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_in_one_superclass_and_in_one_cycle() {
        assert!((0..CIFAR100_CLASSES).all(|fine| superclass_of(fine) < COARSE_CLASSES));
        let next = next_in_superclass();
        for fine in 0..CIFAR100_CLASSES {
            let mut label = fine;
            for step in 1..=5 {
                label = next[label as usize];
                assert_eq!(label == fine, step == 5);
                assert_eq!(superclass_of(label), superclass_of(fine));
            }
        }
    }
}
