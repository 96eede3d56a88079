//! Which slots are taken. A run that needs a device alone waits until nobody is left on one, which takes no further run
//! meanwhile.

use super::slot::Slot;

/// The slots and who is in them.
#[derive(Clone)]
pub(super) struct Occupancy {
    slots: Vec<Slot>,
    /// For each slot, whether its run is alone on its device; none: free.
    taken: Vec<Option<Alone>>,
}

/// Whether a run is to be alone on its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alone(pub(super) bool);

impl Occupancy {
    pub(super) fn new(slots: Vec<Slot>) -> Self {
        Self { taken: vec![None; slots.len()], slots }
    }

    pub(super) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    /// How many further runs could start at once, behind those that wait.
    pub(super) fn free(&self, waiting: &[Alone]) -> usize {
        let (mut after, mut kept) = (self.clone(), Vec::new());
        for alone in waiting {
            after.place_one(*alone, &mut kept);
        }
        let is_free = |slot: &usize| after.taken[*slot].is_none() && after.is_open(*slot) && !kept.contains(slot);
        (0..after.slots.len()).filter(is_free).count()
    }

    /// Gives each of those who wait a slot, as long as there is one. Who comes later may go first, but not on a device that an
    /// earlier one waits for.
    pub(super) fn place(&mut self, waiting: &[Alone]) -> Vec<Option<usize>> {
        let mut kept = Vec::new();
        waiting.iter().map(|alone| self.place_one(*alone, &mut kept)).collect()
    }

    /// Places one, if it can be, or else keeps the slots of a device for it.
    fn place_one(&mut self, alone: Alone, kept: &mut Vec<usize>) -> Option<usize> {
        let is_open = |slot: &usize| self.is_open(*slot) && !kept.contains(slot);
        let open = (0..self.slots.len()).filter(is_open).filter(|slot| alone.0 || self.taken[*slot].is_none());
        let slot = open.min_by_key(|slot| (self.beside(*slot), *slot))?;
        if alone.0 && self.beside(slot) > 0 {
            kept.extend(self.on_device_of(slot));
            return None;
        }
        self.taken[slot] = Some(alone);
        Some(slot)
    }

    pub(super) fn leave(&mut self, slot: usize) {
        self.taken[slot] = None;
    }

    /// How many slots of a slot's device are taken.
    pub(super) fn beside(&self, slot: usize) -> usize {
        self.on_device_of(slot).filter(|other| self.taken[*other].is_some()).count()
    }

    /// Whether nobody is alone on its device.
    fn is_open(&self, slot: usize) -> bool {
        self.on_device_of(slot).all(|other| self.taken[other] != Some(Alone(true)))
    }

    /// The slots of a slot's device, itself among them.
    pub(super) fn on_device_of(&self, slot: usize) -> impl Iterator<Item = usize> {
        let device = &self.slots[slot].device;
        (0..self.slots.len()).filter(move |other| self.slots[*other].device == *device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: Alone = Alone(false);
    const ALONE: Alone = Alone(true);

    fn two_devices() -> Occupancy {
        Occupancy::new(Slot::in_turn(&["cuda:0", "cuda:1"].map(str::to_owned), 4, 4))
    }

    #[test]
    fn runs_go_where_the_fewest_are() {
        let mut places = two_devices();
        assert_eq!(places.place(&[SHARED, SHARED, SHARED]), [Some(0), Some(1), Some(2)]);
        places.leave(1);
        assert_eq!(places.place(&[SHARED]), [Some(1)], "cuda:1 is empty, cuda:0 has two");
        assert_eq!(places.free(&[]), 1);
    }

    #[test]
    fn a_run_that_must_be_alone_keeps_a_device_from_others() {
        let mut places = two_devices();
        places.place(&[SHARED, SHARED, SHARED]);
        // cuda:1 has one run and will be empty first: its free slot is kept, and cuda:0 is full.
        assert_eq!(places.place(&[ALONE, SHARED]), [None, None]);
        assert_eq!(places.free(&[ALONE]), 0);
        places.leave(0);
        assert_eq!(places.free(&[ALONE]), 1, "cuda:0 has one run as well and comes first; a slot of cuda:1 is free");
        assert_eq!(places.place(&[ALONE, SHARED]), [None, Some(3)]);
        places.leave(2);
        assert_eq!(places.place(&[ALONE]), [Some(0)]);
        assert_eq!(places.free(&[]), 0, "its device is its own, and the other one is full");
        places.leave(0);
        assert_eq!(places.free(&[]), 2);
    }

    #[test]
    fn each_device_has_one_that_is_alone() {
        let mut places = two_devices();
        assert_eq!(places.place(&[ALONE, ALONE, ALONE]), [Some(0), Some(1), None]);
        assert_eq!(places.free(&[]), 0);
    }
}
