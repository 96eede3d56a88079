//! The update of one parameter in host memory: its values, gradient and slots as plain slices of `f32`, changed in place
//! by [`super::chunk`] on all threads. Where the slices come from is the engine's business.
//!
//! The result does not depend on the number of threads: chunks are fixed, and their norms are added in order.

use pulp::Arch;
use rayon::prelude::*;

use super::Gradient;
use super::chunk::{CHUNK, Chunk, Noise};
use super::noise::TILE;
use super::rule::{Rule, StepRule};

/// One parameter's buffers.
pub(crate) struct ParameterUpdate<'a> {
    /// The instruction set.
    pub(crate) arch: Arch,
    /// Noise to add to the gradient.
    pub(crate) noise: Option<Noise>,
    /// Changed in place.
    pub(crate) values: &'a mut [f32],
    /// As long as the values.
    pub(crate) gradient: &'a Gradient<'a>,
    /// What the gradient is multiplied by; 1 unless it is clipped.
    pub(crate) scale: f32,
    /// One for each slot of the rule, each as long as the values; changed in place.
    pub(crate) slots: &'a mut [Vec<f32>],
}

impl ParameterUpdate<'_> {
    /// Updates the parameter and gives the squared norm of the change.
    pub(crate) fn apply(self, rule: StepRule) -> f64 {
        match rule {
            StepRule::AdamW(rule) => self.update::<_, 2>(rule),
            StepRule::Momentum(rule) => self.update::<_, 1>(rule),
            StepRule::Sgd(rule) => self.update::<_, 0>(rule),
        }
    }

    fn update<R: Rule<SLOTS> + Send, const SLOTS: usize>(self, rule: R) -> f64 {
        let Self { arch, noise, values, gradient, scale, slots } = self;
        let mut slots = slots.iter_mut();
        let mut slots: [&mut [f32]; SLOTS] =
            std::array::from_fn(|_| slots.next().map(Vec::as_mut_slice).unwrap_or_default());
        let chunks: Vec<_> = (0..)
            .zip(values.chunks_mut(CHUNK))
            .map(|(number, values)| {
                let slots = slots.each_mut().map(|rest| rest.split_off_mut(..values.len()).unwrap_or_default());
                (number, values, slots)
            })
            .collect();
        let update = |(number, parameter, slots): (usize, _, _)| {
            let first_tile = (number * (CHUNK / TILE)) as u32;
            arch.dispatch(Chunk { rule, noise, first_tile, parameter, gradient: &gradient.chunk(number), scale, slots })
        };
        if chunks.len() == 1 {
            return chunks.into_iter().map(update).sum();
        }
        let partial: Vec<f64> = chunks.into_par_iter().map(update).collect();
        partial.iter().sum()
    }
}
