//! The tensors of a module as the optimizer meets them: in visiting order, with the names and places that they have
//! outside burn.

use aees_models::burn::tensor_infos;
use aees_models::{RowGradient, TensorInfo, parameter_numbers};
use burn::module::Module;
use burn::tensor::{DType, TensorData};

use super::OptimizerError;
use crate::optimizer::Gradient;

/// One tensor of a module.
#[derive(Clone, Debug)]
pub(super) struct VisitedTensor {
    pub(super) info: TensorInfo,
    /// Its place in PyTorch's `parameters()`, which keys its noise; none for a buffer.
    pub(super) number: Option<u32>,
}

impl VisitedTensor {
    /// All tensors of a module.
    pub(super) fn of<M: Module>(module: &M) -> Vec<Self> {
        let infos = tensor_infos(module);
        let numbers = parameter_numbers(&infos);
        let numbers = numbers.into_iter().map(|number| number.map(|number| number as u32));
        infos.into_iter().zip(numbers).map(|(info, number)| Self { info, number }).collect()
    }

    /// The numbers of its gradient.
    pub(super) fn gradient<'a>(&self, gradient: &'a TensorData) -> Result<Gradient<'a>, OptimizerError> {
        let numbers = gradient.as_slice::<f32>().map_err(|_| self.unfit_gradient(None))?;
        let rows = || match self.info.shape[..] {
            [rows, width] => RowGradient::new(numbers, [rows, width]).map(Gradient::Rows),
            _ => None,
        };
        let whole = (numbers.len() == self.info.elements()).then_some(Gradient::Whole(numbers));
        whole.or_else(rows).ok_or_else(|| self.unfit_gradient(Some(numbers.len())))
    }

    /// What is wrong with its gradient, or with its memory: so many numbers, or none that are `f32`.
    pub(super) fn unfit_gradient(&self, found: Option<usize>) -> OptimizerError {
        OptimizerError::Gradient { parameter: self.info.name.clone(), expected: self.info.elements(), found }
    }

    /// Whether a tensor that has a gradient is this parameter; gives its place.
    pub(super) fn check(&self, dtype: DType, elements: usize) -> Result<u32, OptimizerError> {
        let parameter = || self.info.name.clone();
        if dtype != DType::F32 {
            return Err(OptimizerError::ParameterType { parameter: parameter(), found: dtype });
        }
        match self.number {
            Some(number) if elements == self.info.elements() => Ok(number),
            _ => {
                let expected = self.info.shape.clone();
                Err(OptimizerError::OtherModule { parameter: parameter(), expected, found: elements })
            }
        }
    }
}
