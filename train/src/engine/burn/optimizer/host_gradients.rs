//! The gradients of a step on the host: taken out of burn's container as plain memory, those of several micro-batches added up.

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, TensorData};
use pulp::Arch;

use super::OptimizerError;
use super::tensors::VisitedTensor;
use crate::optimizer::{Gradient, add_gradient, sum_of_squares};

/// A gradient for each tensor of a module, in its order; none for one that no loss depends on.
#[derive(Debug, Default)]
pub(super) struct HostGradients(Vec<Option<TensorData>>);

impl HostGradients {
    /// Adds the gradients of a module to those that are there.
    pub(super) fn add<M: Module>(
        &mut self,
        module: &M,
        gradients: Gradients,
        tensors: &[VisitedTensor],
    ) -> Result<(), OptimizerError> {
        let mut taken = TakenGradients { gradients, taken: Vec::with_capacity(tensors.len()) };
        module.visit(&mut taken);
        if self.0.is_empty() {
            self.0 = taken.taken;
            return Ok(());
        }
        for ((sum, gradient), tensor) in self.0.iter_mut().zip(taken.taken).zip(tensors) {
            match (sum.as_mut(), gradient) {
                (Some(sum), Some(gradient)) => {
                    if let rows @ Gradient::Rows(_) = tensor.gradient(sum)? {
                        let mut whole = vec![0.0; rows.len()];
                        add_gradient(&mut whole, &rows);
                        *sum = TensorData::new(whole, tensor.info.shape.clone());
                    }
                    let numbers = sum.as_mut_slice::<f32>().map_err(|_| tensor.unfit_gradient(None))?;
                    add_gradient(numbers, &tensor.gradient(&gradient)?);
                }
                (None, gradient) => *sum = gradient,
                (Some(_), None) => {}
            }
        }
        Ok(())
    }

    /// The sum of all squares, tensor by tensor in the module's order.
    pub(super) fn squared_norm(&self, arch: Arch, tensors: &[VisitedTensor]) -> Result<f64, OptimizerError> {
        let known = self.0.iter().zip(tensors);
        let of_tensors = known.filter_map(|(gradient, tensor)| Some((gradient.as_ref()?, tensor)));
        of_tensors.map(|(gradient, tensor)| Ok(sum_of_squares(arch, &tensor.gradient(gradient)?))).sum()
    }

    /// Takes them all, in the module's order.
    pub(super) fn take(&mut self) -> std::vec::IntoIter<Option<TensorData>> {
        std::mem::take(&mut self.0).into_iter()
    }
}

/// Takes gradients out of burn's container: what nobody else holds is not copied.
struct TakenGradients {
    gradients: Gradients,
    taken: Vec<Option<TensorData>>,
}

impl ModuleVisitor for TakenGradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad_remove(&mut self.gradients);
        self.taken.push(gradient.map(Tensor::into_data));
    }
}
