//! The squared norms of one step, left where they were computed.

use burn::Tensor;

use super::OptimizerError;

/// The norms of one step.
#[derive(Clone, Debug)]
pub struct StepNorms {
    /// Of the change of all parameters.
    pub update: SquaredNorm,
    /// Of all gradients before they were clipped; none if they are not to be.
    pub gradient: Option<SquaredNorm>,
}

/// A sum of squares over all parameters.
///
/// On the host it is a number. Elsewhere it is a tensor of one element that the device may not have computed yet, so that
/// a training step waits for nothing; [`SquaredNorm::read_all`] reads those of many steps at once.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each step since the last read; a box would cost more")]
pub enum SquaredNorm {
    /// Computed on the host: single-precision squares, added in double precision.
    Host(f64),
    /// One `f32` on the device.
    Device(Tensor<1>),
}

impl SquaredNorm {
    /// Reads the squared norms of many steps, in order, with at most one transfer from the device.
    ///
    /// # Errors
    ///
    /// When the device failed at any operation up to here.
    pub fn read_all(norms: Vec<Self>) -> Result<Vec<f64>, OptimizerError> {
        let pending: Vec<Tensor<1>> = norms.iter().filter_map(Self::pending).collect();
        let mut read = if pending.is_empty() {
            Vec::new()
        } else {
            let device = |message: String| OptimizerError::Device { what: "the update norms", message };
            Tensor::cat(pending, 0)
                .try_into_data()
                .map_err(|error| device(error.to_string()))?
                .try_into_vec::<f32>()
                .map_err(|error| device(error.to_string()))?
        }
        .into_iter()
        .map(f64::from);
        Ok(norms
            .into_iter()
            .map(|norm| match norm {
                Self::Host(value) => value,
                Self::Device(_) => read.next().unwrap_or(f64::NAN),
            })
            .collect())
    }

    fn pending(&self) -> Option<Tensor<1>> {
        match self {
            Self::Host(_) => None,
            Self::Device(tensor) => Some(tensor.clone()),
        }
    }
}
