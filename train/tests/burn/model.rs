//! A module of three trained tensors and one that no loss depends on, with gradients given by the test.

use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
use aees_train::optimizer::StepControl;
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, TensorData};

#[derive(Module, Debug)]
pub(crate) struct Model {
    pub(crate) matrix: Param<Tensor<2>>,
    pub(crate) vector: Param<Tensor<1>>,
    pub(crate) kernel: Param<Tensor<4>>,
    pub(crate) unused: Param<Tensor<1>>,
}

/// Shapes of the three trained tensors.
#[derive(Clone, Copy)]
pub(crate) struct Shapes {
    pub(crate) matrix: [usize; 2],
    pub(crate) vector: [usize; 1],
    pub(crate) kernel: [usize; 4],
}

/// The shapes of the PyTorch fixture.
pub(crate) const SMALL: Shapes = Shapes { matrix: [3, 5], vector: [7], kernel: [2, 3, 2, 2] };

/// More than one tile, more than one chunk, and a last tile that is not full.
pub(crate) const LARGE: Shapes = Shapes { matrix: [123, 457], vector: [300], kernel: [8, 5, 3, 3] };

impl Shapes {
    pub(crate) fn lengths(&self) -> [usize; 3] {
        [self.matrix.iter().product(), self.vector[0], self.kernel.iter().product()]
    }

    /// The module with these values.
    pub(crate) fn model(&self, values: [Vec<f32>; 3], device: &Device) -> Model {
        let [matrix, vector, kernel] = values;
        Model {
            matrix: Param::from_data(TensorData::new(matrix, self.matrix), device),
            vector: Param::from_data(TensorData::new(vector, self.vector), device),
            kernel: Param::from_data(TensorData::new(kernel, self.kernel), device),
            unused: Param::from_data([1.0_f32, -2.0], device),
        }
    }

    /// Deterministic numbers between -1 and 1, different for each `salt`.
    pub(crate) fn values(&self, salt: u32) -> [Vec<f32>; 3] {
        let mut state = salt.wrapping_mul(0x9E37_79B9) | 1;
        self.lengths().map(|length| {
            (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 23) as f32 - 1.0
                })
                .collect()
        })
    }

    /// A loss with exactly these gradients: their inner product with the parameters.
    pub(crate) fn loss(&self, model: &Model, gradients: &[Vec<f32>; 3]) -> Tensor<1> {
        let device = model.vector.device();
        let [matrix, vector, kernel] = gradients.clone();
        let matrix = Tensor::<2>::from_data(TensorData::new(matrix, self.matrix), &device);
        let vector = Tensor::<1>::from_data(TensorData::new(vector, self.vector), &device);
        let kernel = Tensor::<4>::from_data(TensorData::new(kernel, self.kernel), &device);
        (model.matrix.val() * matrix).sum() + (model.vector.val() * vector).sum() + (model.kernel.val() * kernel).sum()
    }

    /// One step with these gradients.
    pub(crate) fn step(
        &self,
        optimizer: &mut Optimizer,
        model: Model,
        gradients: &[Vec<f32>; 3],
        control: &StepControl,
    ) -> (Model, SquaredNorm) {
        let gradients = self.loss(&model, gradients).backward();
        let (model, norms) = optimizer.step(model, gradients, control).unwrap();
        (model, norms.update)
    }
}

/// The values of the three trained tensors.
pub(crate) fn values(model: &Model) -> [Vec<f32>; 3] {
    [
        model.matrix.val().into_data().try_into_vec().unwrap(),
        model.vector.val().into_data().try_into_vec().unwrap(),
        model.kernel.val().into_data().try_into_vec().unwrap(),
    ]
}

/// One squared norm, read.
pub(crate) fn read(norm: SquaredNorm) -> f64 {
    SquaredNorm::read_all(vec![norm]).unwrap()[0]
}

/// Asserts that numbers agree within `tolerance`, relative to the larger of the expected number and `floor`.
pub(crate) fn assert_close(found: &[Vec<f32>; 3], expected: &[Vec<f32>; 3], tolerance: f64, floor: f64, what: &str) {
    for (tensor, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let (found, expected) = (f64::from(*found), f64::from(*expected));
            let error = (found - expected).abs() / expected.abs().max(floor);
            assert!(error <= tolerance, "{what}, tensor {tensor}, element {index}: {found} for {expected}");
        }
    }
}
