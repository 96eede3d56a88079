//! Convolutions and the batch normalisations after them, as burn knows them: one operation each.
//!
//! Images are `[batch, channels, height, width]` to burn, and lie `[batch, height, width, channels]` in memory: every
//! operation here leaves them so, as a permuted view, and copies what comes otherwise. An operation keeps its input and what the
//! convolution made of it, in whose memory the backward pass puts the gradient.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::{Tensor, TensorData};

use super::convolution::{Convolution, Epilogue};
use super::normalization::{Affine, Behind, Statistics, statistics};
use super::{contiguous, elements, memory, plain, recorded, slice, vector};

/// Images that an operation reads.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// `[batch, channels, height, width]`.
    pub(crate) images: Tensor<4>,
    /// Present if another operation reads them, too.
    pub(crate) shared: Option<SharedGradient>,
}

impl From<Tensor<4>> for Input {
    fn from(images: Tensor<4>) -> Self {
        Self { images, shared: None }
    }
}

/// The gradient of images that two operations read: the one whose turn comes first in the backward pass leaves its part here,
/// the other one adds its own while it computes it. burn would add them in a pass of its own, and in another layout.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedGradient(Arc<Mutex<Option<Vec<f32>>>>);

impl SharedGradient {
    fn part(&self) -> MutexGuard<'_, Option<Vec<f32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sum of both parts; none if this one is the first and waits for the other.
fn joined(shared: Option<&SharedGradient>, mine: impl FnOnce(Option<Vec<f32>>) -> Vec<f32>) -> Option<Vec<f32>> {
    let Some(shared) = shared else { return Some(mine(None)) };
    let first = shared.part().take();
    let is_first = first.is_none();
    let gradient = mine(first);
    if is_first {
        *shared.part() = Some(gradient);
        return None;
    }
    Some(gradient)
}

/// A square convolution without bias, padded so that stride 1 keeps the image size; the batch normalisation of what it gives; the
/// sum with a shortcut and ReLU, where they follow.
pub(crate) struct NormalizedConvolution<'a> {
    /// Weights of the convolution: `[outputs, inputs, side, side]`.
    pub(crate) kernel: &'a Tensor<4>,
    /// Of the convolution, in both directions.
    pub(crate) stride: usize,
    /// Scale of each channel.
    pub(crate) weight: &'a Tensor<1>,
    /// Shift of each channel.
    pub(crate) bias: &'a Tensor<1>,
    /// Added to the variance.
    pub(crate) epsilon: f32,
    /// What is added. ReLU follows it.
    pub(crate) shortcut: Option<&'a Input>,
    /// Whether ReLU comes last.
    pub(crate) relu: bool,
}

impl NormalizedConvolution<'_> {
    /// Normalises by the statistics of the batch, with gradients. Gives mean and biased variance, too.
    pub(crate) fn train(&self, x: &Input) -> Option<(Tensor<4>, Tensor<1>, Tensor<1>)> {
        let device = x.images.device();
        let shared = [x.shared.clone(), self.shortcut.and_then(|shortcut| shortcut.shared.clone())];
        let (x, kernel) = (recorded(&x.images)?, recorded(self.kernel)?);
        let (weight, bias) = (recorded(self.weight)?, recorded(self.bias)?);
        let shortcut = match self.shortcut {
            Some(shortcut) => Some(recorded(&shortcut.images)?),
            None => None,
        };
        let nodes = [x.node(), kernel.node(), weight.node(), bias.node()];
        let x = channels_last(x.into_primitive());
        let [weight, bias] = [weight, bias].map(|tensor| contiguous(&tensor.into_primitive()));
        let kernel = contiguous(&kernel.into_primitive());
        let shortcut = shortcut.map(|shortcut| (shortcut.node(), channels_last(shortcut.into_primitive())));

        let convolution = Convolution::of(&x, &kernel, self.stride);
        let y = convolution.forward(slice(&x), slice(&kernel), &Epilogue::default());

        let statistics = statistics(&y, convolution.outputs);
        let (mean, variance) = (statistics.mean.clone(), statistics.variance.clone());
        let affine =
            Affine { statistics: &statistics, weight: slice(&weight), bias: slice(&bias), epsilon: self.epsilon };
        let mut output = memory::take(y.len());
        affine.apply(&y, shortcut.as_ref().map(|(_, shortcut)| slice(shortcut)), self.relu, &mut output);
        let output = channels_first(output, convolution.output_shape());

        let behind = shortcut.is_some().then(|| output.clone());
        let (epsilon, relu) = (self.epsilon, self.relu);
        let state = Made { convolution, x, kernel, y, statistics, weight, bias, epsilon, relu, output: behind, shared };
        let output = match shortcut {
            None => recording(nodes, state, output),
            Some((node, _)) => {
                let [x, kernel, weight, bias] = nodes;
                recording([x, kernel, weight, bias, node], state, output)
            }
        };
        let channels = |values: Vec<f32>| {
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), &device)
        };
        Some((Tensor::from_primitive::<Autodiff<Flex>>(output), channels(mean), channels(variance)))
    }

    /// Normalises by known statistics, in one with the convolution. Without gradients only.
    pub(crate) fn evaluate(&self, x: &Tensor<4>, mean: &Tensor<1>, variance: &Tensor<1>) -> Option<Tensor<4>> {
        let values = |tensor: &Tensor<1>| Some(slice(&contiguous(&plain(tensor)?)).to_vec());
        let statistics = Statistics { mean: values(mean)?, variance: values(variance)? };
        let (weight, bias) = (values(self.weight)?, values(self.bias)?);
        let affine = Affine { statistics: &statistics, weight: &weight, bias: &bias, epsilon: self.epsilon };
        let (factors, offsets) = affine.line();
        let (x, kernel) = (channels_last(plain(x)?), contiguous(&plain(self.kernel)?));
        let shortcut = match self.shortcut {
            Some(shortcut) => Some(channels_last(plain(&shortcut.images)?)),
            None => None,
        };
        let convolution = Convolution::of(&x, &kernel, self.stride);
        let size = slice(&kernel).len() / factors.len();
        let folded: Vec<f32> = slice(&kernel)
            .chunks(size)
            .zip(&factors)
            .flat_map(|(kernel, factor)| kernel.iter().map(move |weight| weight * factor))
            .collect();
        let epilogue = Epilogue { offsets: Some(&offsets), shortcut: shortcut.as_ref().map(slice), relu: self.relu };
        let output = convolution.forward(slice(&x), &folded, &epilogue);
        Some(Tensor::from_primitive::<Flex>(channels_first(output, convolution.output_shape())))
    }
}

// ------------------------------------------------------------------------------------------------------------ backward

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct Made {
    convolution: Convolution,
    /// The input, as it lies in memory.
    x: FlexTensor,
    kernel: FlexTensor,
    /// What the convolution gave.
    y: Vec<f32>,
    statistics: Statistics,
    weight: FlexTensor,
    bias: FlexTensor,
    epsilon: f32,
    relu: bool,
    /// Present behind a sum.
    output: Option<FlexTensor>,
    /// Of the input and of the shortcut.
    shared: [Option<SharedGradient>; 2],
}

#[derive(Debug)]
struct MadeBackward;

/// The parents are input, kernel, weight and bias, and the shortcut if there is one.
impl<const N: usize> Backward<Flex, N> for MadeBackward {
    type State = Made;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let Made { convolution, x, kernel, mut y, statistics, weight, bias, epsilon, relu, output, shared } = ops.state;
        let [of_input, of_shortcut] = &shared;
        let mut gradient = channels_last(gradients.consume::<Flex>(&ops.node));
        let output = output.map(channels_last);
        let behind = match &output {
            Some(output) => Behind::SumAndRelu(slice(output)),
            None if relu => Behind::Relu,
            None => Behind::Nothing,
        };
        let affine = Affine { statistics: &statistics, weight: slice(&weight), bias: slice(&bias), epsilon };
        let found = affine.gradients(&mut y, behind, gradient.storage_mut());
        output.into_iter().for_each(give_back);
        let mut register = |parent: usize, values: &mut dyn FnMut() -> Option<FlexTensor>| {
            if let Some(Some(node)) = ops.parents.get(parent)
                && let Some(gradient) = values()
            {
                gradients.register::<Flex>(node.id, gradient);
            }
        };
        register(2, &mut || Some(vector(found.weight.clone())));
        register(3, &mut || Some(vector(found.bias.clone())));
        let mut gradient = Some(gradient);
        if N == 5 {
            register(4, &mut || {
                // Of another type it would be empty, and refused where it is used.
                let gradient = gradient.take()?.into_data().try_into_vec().unwrap_or_default();
                let sum = joined(of_shortcut.as_ref(), |first| added(gradient, first))?;
                Some(channels_first(sum, convolution.output_shape()))
            });
        }
        register(1, &mut || {
            let values = convolution.weight_gradient(slice(&x), &y);
            Some(FlexTensor::from_data(TensorData::new(values, kernel.shape())))
        });
        register(0, &mut || {
            let sum = joined(of_input.as_ref(), |first| convolution.input_gradient(&y, slice(&kernel), first))?;
            Some(channels_first(sum, convolution.input_shape()))
        });
        memory::give(y);
        [Some(x), gradient].into_iter().flatten().for_each(give_back);
    }
}

fn added(mut gradient: Vec<f32>, first: Option<Vec<f32>>) -> Vec<f32> {
    if let Some(first) = first {
        gradient.iter_mut().zip(&first).for_each(|(sum, part)| *sum += part);
        memory::give(first);
    }
    gradient
}

/// The output of an operation with these parents.
fn recording<const N: usize>(nodes: [NodeGuard; N], state: Made, output: FlexTensor) -> FloatTensor<Autodiff<Flex>> {
    match MadeBackward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(operation) => operation.finish(state, output),
        OpsKind::UnTracked(operation) => operation.finish(output),
    }
}

// ------------------------------------------------------------------------------------------------------------- layouts

impl Convolution {
    /// The convolution of an input `[batch, height, width, channels]` with weights `[outputs, inputs, side, side]`.
    fn of(x: &FlexTensor, weight: &FlexTensor, stride: usize) -> Self {
        let [batch, height, width, inputs] = x.shape().dims();
        let [outputs, _, kernel, _] = weight.shape().dims();
        Self { batch, height, width, inputs, outputs, kernel, stride }
    }

    fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.inputs, self.height, self.width]
    }

    fn output_shape(&self) -> [usize; 4] {
        let [height, width] = self.output_size();
        [self.batch, self.outputs, height, width]
    }
}

/// From burn's `[batch, channels, height, width]` to `[batch, height, width, channels]`, in row order; a copy only if it is
/// not so already.
fn channels_last(tensor: FlexTensor) -> FlexTensor {
    let permuted = tensor.permute(&[0, 2, 3, 1]);
    drop(tensor);
    contiguous(&permuted)
}

/// Values `[batch, height, width, channels]` as burn's `[batch, channels, height, width]`.
fn channels_first(values: Vec<f32>, [batch, channels, height, width]: [usize; 4]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, [batch, height, width, channels])).permute(&[0, 3, 1, 2])
}

/// Keeps the memory of images that the caller has no more use for.
pub(crate) fn reuse(images: Tensor<4>) {
    if let Some(tensor) = plain(&images) {
        drop(images);
        let permuted = tensor.permute(&[0, 2, 3, 1]);
        drop(tensor);
        give_back(permuted);
    }
}

/// Keeps the memory of a tensor, in row order, if nobody else holds it.
fn give_back(tensor: FlexTensor) {
    let whole = tensor.layout().is_contiguous() && tensor.storage::<f32>().len() == elements(&tensor);
    if tensor.is_unique()
        && whole
        && let Ok(values) = tensor.into_data().try_into_vec()
    {
        memory::give(values);
    }
}
