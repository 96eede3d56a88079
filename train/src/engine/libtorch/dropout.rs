//! Dropout masks for libtorch's networks: the host's own on the CPU, the same ones as tensor operations on a GPU.

use aees_models::libtorch::DropoutMasks;
use aees_models::libtorch::shim::host_values_mut;
use tch::{Device, Kind, Tensor, no_grad};

use super::philox::{in_tiles, philox4x32};
use crate::dropout::{StepDropout, threshold_and_kept};
use crate::optimizer::{TILE, TILE_BLOCKS};

/// The masks of one step, on the device where they are wanted.
pub(super) struct TorchDropout {
    masks: StepDropout,
    device: Device,
}

impl TorchDropout {
    pub(super) fn new(masks: StepDropout, device: Device) -> Self {
        Self { masks, device }
    }

    fn on_device(&self, site: u32, drop_probability: f64, elements: usize) -> Tensor {
        let StepDropout { key, step } = self.masks;
        let (threshold, kept) = threshold_and_kept(drop_probability);
        let integers = (Kind::Int64, self.device);
        let blocks = Tensor::arange((elements.div_ceil(TILE) * TILE_BLOCKS) as i64, integers);
        let number = |value: u32| Tensor::full([1], i64::from(value), integers);
        let counter = [blocks, number(site), number(step as u32), number((step >> 32) as u32)];
        let keep = |word: Tensor| word.ge(i64::from(threshold)).to_kind(Kind::Float) * f64::from(kept);
        in_tiles(philox4x32(counter, key).map(keep)).narrow(0, 0, elements as i64)
    }
}

impl DropoutMasks for TorchDropout {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> Tensor {
        no_grad(|| {
            if self.device == Device::Cpu {
                let mut mask = Tensor::empty([elements as i64], (Kind::Float, Device::Cpu));
                if let Ok(values) = host_values_mut(&mut mask) {
                    self.masks.fill(site, drop_probability, values);
                    return mask;
                }
            }
            self.on_device(site, drop_probability, elements)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through the device's path on the CPU, where both are at hand.
    #[test]
    fn a_device_makes_the_hosts_masks_to_the_bit() {
        for (seed, step) in [(0, 0), (7, (3 << 32) + 5)] {
            let dropout = TorchDropout::new(StepDropout::new(seed, step), Device::Cpu);
            for (site, probability, elements) in [(0, 0.1, 3 * TILE + 77), (5, 0.5, 1), (70_000, 0.2, TILE)] {
                let host = dropout.mask(site, probability, elements);
                assert!(host == dropout.on_device(site, probability, elements));
                assert!(host.eq(0.0).any().int64_value(&[]) == 1 || elements == 1);
            }
        }
    }
}
