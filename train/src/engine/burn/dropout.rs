//! Dropout masks for burn's networks: the host's own on the CPU, and the same ones made by a kernel elsewhere, so that a step
//! uploads none.

use aees_models::burn::{DropoutMask, DropoutMasks};
#[cfg(feature = "gpu")]
use burn::tensor::{DType, Device, Tensor};
#[cfg(feature = "gpu")]
use cubecl::prelude::CubeDim;

#[cfg(feature = "gpu")]
use super::kernels::mask::{UNITS, dropout_mask};
#[cfg(feature = "gpu")]
use super::kernels::operation::{StreamTensor, cubes, empty, enqueue, floats, foreign, from_floats};
use crate::dropout::StepDropout;
#[cfg(feature = "gpu")]
use crate::dropout::threshold_and_kept;
#[cfg(feature = "gpu")]
use crate::engine::EngineError;

/// The masks of one step.
pub(super) struct BurnDropout {
    pub(super) masks: StepDropout,
    pub(super) place: MaskPlace,
}

/// Where masks are made.
#[derive(Clone)]
pub(super) enum MaskPlace {
    /// In host memory.
    Host,
    /// On the device of this tensor, which holds nothing: an operation knows its device from its inputs.
    #[cfg(feature = "gpu")]
    Device(StreamTensor),
}

#[cfg(feature = "gpu")]
impl MaskPlace {
    /// A device without gradients.
    ///
    /// # Errors
    /// When it is not one for kernels of our own.
    pub(super) fn on(device: &Device) -> Result<Self, EngineError> {
        let anchor = floats(Tensor::<1>::zeros([1], device)).map_err(foreign("made the dropout masks"))?;
        Ok(Self::Device(anchor))
    }
}

impl DropoutMasks for BurnDropout {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask {
        match &self.place {
            MaskPlace::Host => {
                let mut mask = vec![0.0; elements];
                self.masks.fill(site, drop_probability, &mut mask);
                DropoutMask::Host(mask)
            }
            #[cfg(feature = "gpu")]
            MaskPlace::Device(anchor) => {
                let mask = device_mask(self.masks, anchor.clone(), site, drop_probability, elements);
                DropoutMask::Device(Tensor::from_inner(mask))
            }
        }
    }
}

#[cfg(feature = "gpu")]
fn device_mask(
    masks: StepDropout,
    anchor: StreamTensor,
    site: u32,
    drop_probability: f64,
    elements: usize,
) -> Tensor<1> {
    let (threshold, kept) = threshold_and_kept(drop_probability);
    let output = ([elements].into(), DType::F32);
    let mut made = enqueue("aees_dropout_mask", vec![anchor], vec![output], move |inputs| {
        let mask = empty(&inputs[0], [elements], DType::F32);
        dropout_mask::launch(
            &mask.client,
            // A unit makes four elements, a cube whole tiles.
            cubes(elements.div_ceil(4), UNITS),
            CubeDim::new_1d(UNITS),
            mask.clone().into_buffer_arg(),
            masks.key[0],
            masks.key[1],
            masks.step as u32,
            (masks.step >> 32) as u32,
            site,
            threshold,
            kept,
            elements as u32,
        );
        vec![mask]
    });
    from_floats(made.swap_remove(0))
}
