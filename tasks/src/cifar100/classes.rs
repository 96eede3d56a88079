//! The classes of CIFAR-100: which fine classes form which superclass.
//!
//! Fine labels are in alphabetical order of the class names, superclasses likewise. The order of the fine classes within a
//! superclass is that of the reference's asymmetric noise, which turns each into the next.

/// The number of fine classes.
pub const CIFAR100_CLASSES: u32 = 100;

/// The number of superclasses.
pub(crate) const COARSE_CLASSES: u32 = 20;

/// Five fine classes that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superclass {
    /// Its official name.
    pub name: &'static str,
    /// Its fine labels, in the order of the noise cycle.
    pub members: [u32; 5],
}

/// The superclasses; the place in this list is the coarse label.
pub const SUPERCLASSES: [Superclass; COARSE_CLASSES as usize] = [
    superclass("aquatic_mammals", [4, 30, 55, 72, 95]),
    superclass("fish", [1, 32, 67, 73, 91]),
    superclass("flowers", [54, 62, 70, 82, 92]),
    superclass("food_containers", [9, 10, 16, 28, 61]),
    superclass("fruit_and_vegetables", [0, 51, 53, 57, 83]),
    superclass("household_electrical_devices", [22, 39, 40, 86, 87]),
    superclass("household_furniture", [5, 20, 25, 84, 94]),
    superclass("insects", [6, 7, 14, 18, 24]),
    superclass("large_carnivores", [3, 42, 43, 88, 97]),
    superclass("large_man-made_outdoor_things", [12, 17, 37, 68, 76]),
    superclass("large_natural_outdoor_scenes", [23, 33, 49, 60, 71]),
    superclass("large_omnivores_and_herbivores", [15, 19, 21, 31, 38]),
    superclass("medium_mammals", [34, 63, 64, 66, 75]),
    superclass("non-insect_invertebrates", [26, 45, 77, 79, 99]),
    superclass("people", [2, 11, 35, 46, 98]),
    superclass("reptiles", [27, 29, 44, 78, 93]),
    superclass("small_mammals", [36, 50, 65, 74, 80]),
    superclass("trees", [47, 52, 56, 59, 96]),
    superclass("vehicles_1", [8, 13, 48, 58, 90]),
    superclass("vehicles_2", [41, 69, 81, 85, 89]),
];

const fn superclass(name: &'static str, members: [u32; 5]) -> Superclass {
    Superclass { name, members }
}

/// The coarse label of each fine label.
const COARSE_OF_FINE: [u32; CIFAR100_CLASSES as usize] = {
    let mut table = [COARSE_CLASSES; CIFAR100_CLASSES as usize];
    let mut coarse = 0;
    while coarse < SUPERCLASSES.len() {
        let mut place = 0;
        while place < 5 {
            table[SUPERCLASSES[coarse].members[place] as usize] = coarse as u32;
            place += 1;
        }
        coarse += 1;
    }
    table
};

/// The coarse label of a fine label.
///
/// # Panics
/// If `fine` is 100 or more.
#[must_use]
pub const fn superclass_of(fine: u32) -> u32 {
    COARSE_OF_FINE[fine as usize]
}

/// What asymmetric noise turns each fine label into: the next one of its superclass, the first after the last.
#[must_use]
pub fn next_in_superclass() -> [u32; CIFAR100_CLASSES as usize] {
    let mut next = [0; CIFAR100_CLASSES as usize];
    for superclass in &SUPERCLASSES {
        for (place, &fine) in superclass.members.iter().enumerate() {
            next[fine as usize] = superclass.members[(place + 1) % superclass.members.len()];
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
