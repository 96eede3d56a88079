//! Linear layers, GELU, embeddings, convolutions and batch normalisation on burn's CPU back end, Flex, as operations of our
//! own with their own backward passes.
//!
//! burn gives the gradient of a weight `[out, in]` as the transposed view of an `[in, out]` matrix, which the optimizer has
//! to copy: at 212 tokens and 3072 inputs the backward pass takes half as long again. Its GELU computes the error function
//! element by element on one thread, in both passes: 11 ms a layer at 212 tokens, beside 33 ms for all matrix products. And
//! it writes zeros over the whole gradient of the word embeddings, 94 MB in DistilBERT, where a step uses some hundred rows ([`row_gradient`]). Its convolutions make new buffers for every pass, and
//! take four times the multiplications that tiles of 4x4 pixels need for 3x3 kernels ([`convolution`]).
//! Other back ends fuse element-wise operations themselves: there, and with gradient checkpointing, each function
//! returns `None` and the caller composes burn's operations. burn's layer norm is good as it is.

mod convolution;
mod images;
mod kernels;
mod memory;
mod normalization;

pub(crate) use images::{Input, NormalizedConvolution, SharedGradient, reuse};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::{DType, Int, Tensor, TensorData};

use crate::row_gradient;

/// `x weight^T + bias`: from `[rows, in]` to `[rows, out]`, with the weight as PyTorch stores it, `[out, in]`.
pub(crate) fn linear(x: &Tensor<2>, weight: &Tensor<2>, bias: &Tensor<1>) -> Option<Tensor<2>> {
    let Some(x) = recorded(x) else {
        let output = linear_forward(plain(x)?, plain(weight)?, &plain(bias)?);
        return Some(Tensor::from_primitive::<Flex>(output));
    };
    let (weight, bias) = (recorded(weight)?, recorded(bias)?);
    let nodes = [x.node(), weight.node(), bias.node()];
    let (x, weight) = (x.into_primitive(), weight.into_primitive());
    let output = linear_forward(x.clone(), weight.clone(), bias.primitive());
    Some(Tensor::from_primitive::<Autodiff<Flex>>(
        match LinearBackward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish((x, weight), output),
            OpsKind::UnTracked(operation) => operation.finish(output),
        },
    ))
}

/// `x Phi(x)`, element by element.
pub(crate) fn gelu(x: &Tensor<2>) -> Option<Tensor<2>> {
    let Some(x) = recorded(x) else {
        return Some(Tensor::from_primitive::<Flex>(gelu_forward(&contiguous(&plain(x)?))));
    };
    let node = x.node();
    let x = contiguous(x.primitive());
    let output = gelu_forward(&x);
    Some(Tensor::from_primitive::<Autodiff<Flex>>(
        match GeluBackward.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish(x, output),
            OpsKind::UnTracked(operation) => operation.finish(output),
        },
    ))
}

/// Rows of `weight`, `[entries, width]`, by their numbers. The gradient of a large table is a [`crate::RowGradient`].
pub(crate) fn embedding(weight: &Tensor<2>, entries: &Tensor<1, Int>) -> Option<Tensor<2>> {
    let weight = recorded(weight)?;
    let entries = entries.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
    let node = weight.node();
    let shape = weight.shape();
    let output = Flex::float_select(weight.into_primitive(), 0, entries.clone());
    Some(Tensor::from_primitive::<Autodiff<Flex>>(
        match EmbeddingBackward.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish((shape[0], entries), output),
            OpsKind::UnTracked(operation) => operation.finish(output),
        },
    ))
}

// ------------------------------------------------------------------------------------------------------------ backward

#[derive(Debug)]
struct LinearBackward;

impl Backward<Flex, 3> for LinearBackward {
    /// Input and weight.
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (x, weight) = ops.state;
        let [x_node, weight_node, bias_node] = ops.parents;
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let Some(node) = x_node {
            gradients.register::<Flex>(node.id, Flex::float_matmul(gradient.clone(), weight));
        }
        if let Some(node) = weight_node {
            // This way round the result is `[out, in]` in memory, too.
            let by_output = Flex::float_swap_dims(gradient.clone(), 0, 1);
            gradients.register::<Flex>(node.id, Flex::float_matmul(by_output, x));
        }
        if let Some(node) = bias_node {
            let gradient = contiguous(&gradient);
            let width = gradient.shape()[1];
            gradients.register::<Flex>(node.id, vector(kernels::column_sums(slice(&gradient), width)));
        }
    }
}

#[derive(Debug)]
struct GeluBackward;

impl Backward<Flex, 1> for GeluBackward {
    /// Input.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, gradients, |gradient| {
            let mut gradient = contiguous(&gradient);
            kernels::gelu_backward(slice(&ops.state), gradient.storage_mut());
            gradient
        });
    }
}

#[derive(Debug)]
struct EmbeddingBackward;

impl Backward<Flex, 1> for EmbeddingBackward {
    /// Rows of the table, and the numbers of those that were used.
    type State = (usize, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (rows, entries) = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, gradients, |gradient| {
            let gradient = contiguous(&gradient);
            let width = gradient.shape()[1];
            let entries = entries.into_data();
            let entries = entries.iter::<i64>().map(|entry| entry as usize);
            if row_gradient::pays(rows, width, gradient.shape()[0]) {
                let kept = row_gradient::kept(entries, slice(&gradient), width);
                let used = kept.len() / (1 + width);
                return FlexTensor::from_data(TensorData::new(kept, [used, 1 + width]));
            }
            let mut table = vec![0.0; rows * width];
            for (entry, gradient) in entries.zip(slice(&gradient).chunks(width)) {
                let row = &mut table[entry * width..][..width];
                for (sum, &value) in row.iter_mut().zip(gradient) {
                    *sum += value;
                }
            }
            FlexTensor::from_data(TensorData::new(table, [rows, width]))
        });
    }
}

fn linear_forward(x: FlexTensor, weight: FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let [outputs, inputs] = weight.shape().dims();
    let mut output = if inputs > outputs {
        // gemm is twice as slow at [212, 3072] times the transpose of [768, 3072] as the other way round.
        let transposed = Flex::float_matmul(weight, Flex::float_swap_dims(x, 0, 1));
        contiguous(&Flex::float_swap_dims(transposed, 0, 1))
    } else {
        Flex::float_matmul(x, Flex::float_swap_dims(weight, 0, 1))
    };
    kernels::add_bias(output.storage_mut(), slice(&contiguous(bias)));
    output
}

fn gelu_forward(x: &FlexTensor) -> FlexTensor {
    let mut output = vec![0.0; elements(x)];
    kernels::gelu(slice(x), &mut output);
    tensor(output, x)
}

// ------------------------------------------------------------------------------------------------------------- tensors

/// The tensor as Flex and its autodiff know it; none if it is on another back end or not of single precision.
fn recorded<const D: usize>(tensor: &Tensor<D>) -> Option<FloatTensor<Autodiff<Flex>>> {
    if tensor.dtype() != DType::F32 {
        return None;
    }
    tensor.clone().try_into_primitive::<Autodiff<Flex>>().ok()
}

/// The tensor as Flex knows it, without autodiff.
fn plain<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    if tensor.dtype() != DType::F32 {
        return None;
    }
    tensor.clone().try_into_primitive::<Flex>().ok()
}

/// The tensor in row order from the start of its memory and nothing behind it; a copy only if it is not so already.
fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    let layout = tensor.layout();
    let exact =
        layout.is_contiguous() && layout.start_offset() == 0 && tensor.storage::<f32>().len() == elements(tensor);
    if exact { tensor.clone() } else { FlexTensor::from_data(tensor.clone().into_data()) }
}

fn elements(tensor: &FlexTensor) -> usize {
    tensor.shape().num_elements()
}

/// The elements of a tensor that [`contiguous`] gave.
fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.storage()
}

fn tensor(values: Vec<f32>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, like.shape()))
}

fn vector(values: Vec<f32>) -> FlexTensor {
    let length = values.len();
    FlexTensor::from_data(TensorData::new(values, [length]))
}
