//! Dropout masks for burn's networks: the host's own on the CPU, the same ones as tensor operations elsewhere, so that a
//! step uploads none.

use aees_models::burn::{DropoutMask, DropoutMasks};
use burn::Tensor;
use burn::tensor::Device;

use super::philox::{Word, in_tiles, philox4x32};
use crate::dropout::{StepDropout, threshold_and_kept};
use crate::optimizer::{TILE, TILE_BLOCKS};

/// The masks of one step, where they are made.
pub(super) struct BurnDropout {
    masks: StepDropout,
    on_device: Option<OnDevice>,
}

/// What the masks of a step have in common, on the device.
struct OnDevice {
    device: Device,
    /// Low and high half.
    step: [Word; 2],
}

impl BurnDropout {
    /// Masks in host memory.
    pub(super) fn host(masks: StepDropout) -> Self {
        Self { masks, on_device: None }
    }

    /// Masks on a device without gradients, for a network on the same device with them.
    pub(super) fn device(masks: StepDropout, device: &Device) -> Self {
        let step = [masks.step as u32, (masks.step >> 32) as u32].map(|word| Word::upload(&[word], device));
        Self { masks, on_device: Some(OnDevice { device: device.clone(), step }) }
    }
}

impl DropoutMasks for BurnDropout {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask {
        match &self.on_device {
            None => {
                let mut mask = vec![0.0; elements];
                self.masks.fill(site, drop_probability, &mut mask);
                DropoutMask::Host(mask)
            }
            Some(place) => {
                let mask = place.mask(self.masks.key, site, drop_probability, elements);
                DropoutMask::Device(Tensor::from_inner(mask))
            }
        }
    }
}

impl OnDevice {
    fn mask(&self, key: [u32; 2], site: u32, drop_probability: f64, elements: usize) -> Tensor<1> {
        let (threshold, kept) = threshold_and_kept(drop_probability);
        let blocks = Word::counting(elements.div_ceil(TILE) * TILE_BLOCKS, &self.device);
        let [step_low, step_high] = self.step.clone();
        let words = philox4x32([blocks, Word::upload(&[site], &self.device), step_low, step_high], key);
        let mask = words.map(|word| word.at_least(threshold).float() * kept);
        in_tiles(mask).narrow(0, 0, elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through the device's path on the CPU, where both are at hand.
    #[test]
    fn the_device_makes_the_hosts_masks_to_the_bit() {
        let device = Device::flex();
        for (seed, step) in [(0, 0), (7, (3 << 32) + 5)] {
            let masks = StepDropout::new(seed, step);
            for (site, probability, elements) in [(0, 0.1, 3 * TILE + 77), (5, 0.5, 1), (70_000, 0.2, TILE)] {
                let mut host = vec![0.0; elements];
                masks.fill(site, probability, &mut host);
                let made = BurnDropout::device(masks, &device).mask(site, probability, elements);
                let DropoutMask::Device(made) = made else { panic!("it was made on the host") };
                assert_eq!(made.into_data().as_slice::<f32>().unwrap(), host);
            }
        }
    }
}
