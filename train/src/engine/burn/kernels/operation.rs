//! A kernel of our own as one operation of burn's stream.
//!
//! Inputs and outputs are named to burn, so that it keeps the order of all operations; what runs is enqueued with the rest,
//! and nothing waits for it.

use burn::backend::fusion::custom::{CustomOpIr, HandleContainer, OperationFn, OperationIr, StreamId, TensorIr};
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{BackendPrimitive, DType, Float, Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::CubeCount;

use crate::engine::EngineError;

/// A tensor of numbers, of any rank, as burn's stream knows it.
pub(in crate::engine::burn) type StreamTensor = <Float as BackendPrimitive<Cube>>::Primitive;

/// Shape and type of an output.
pub(in crate::engine::burn) type StreamOutput = (Shape, DType);

/// What burn said about a tensor that is not its own.
pub(in crate::engine::burn) type Foreign = burn::tensor::PrimitiveConversionError;

/// The engine's error for it.
pub(in crate::engine::burn) fn foreign(activity: &'static str) -> impl Fn(Foreign) -> EngineError {
    move |error| EngineError::Device { activity, reason: format!("{error:?}") }
}

/// Floats without gradients as burn's stream knows them.
pub(in crate::engine::burn) fn floats<const D: usize>(tensor: Tensor<D>) -> Result<StreamTensor, Foreign> {
    tensor.try_into_primitive::<Cube>()
}

/// Integers as burn's stream knows them.
pub(in crate::engine::burn) fn integers<const D: usize>(tensor: Tensor<D, Int>) -> Result<StreamTensor, Foreign> {
    tensor.try_into_primitive::<Cube>()
}

/// A tensor of floats again.
pub(in crate::engine::burn) fn from_floats<const D: usize>(tensor: StreamTensor) -> Tensor<D> {
    Tensor::from_primitive::<Cube>(tensor)
}

/// A tensor of integers again.
pub(in crate::engine::burn) fn from_integers<const D: usize>(tensor: StreamTensor) -> Tensor<D, Int> {
    Tensor::from_primitive::<Cube>(tensor)
}

/// What an output like a tensor is.
pub(in crate::engine::burn) fn like(tensor: &StreamTensor) -> StreamOutput {
    (tensor.shape(), tensor.dtype())
}

/// Enqueues an operation. There is at least one input, and `launch` gives one tensor for each output.
pub(in crate::engine::burn) fn enqueue(
    name: &'static str,
    inputs: Vec<StreamTensor>,
    outputs: Vec<StreamOutput>,
    launch: impl Fn(Vec<CubeTensor>) -> Vec<CubeTensor> + Send + Sync + 'static,
) -> Vec<StreamTensor> {
    let client = inputs[0].client.clone();
    let output = |(shape, dtype)| TensorIr::uninit(client.create_empty_handle(), shape, dtype);
    let outputs: Vec<TensorIr> = outputs.into_iter().map(output).collect();
    let inputs: Vec<TensorIr> = inputs.into_iter().map(|tensor| tensor.into_ir()).collect();
    let description = CustomOpIr::new(name, &inputs, &outputs);
    let run = {
        let description = description.clone();
        move |handles: &mut HandleContainer<_>| {
            // Floats and integers are one type here.
            let inputs =
                description.inputs.iter().map(|input| handles.get_float_tensor::<CubeBackend>(input)).collect();
            for (output, tensor) in description.outputs.iter().zip(launch(inputs)) {
                handles.register_float_tensor::<CubeBackend>(&output.id, tensor);
            }
            Ok(())
        }
    };
    client.register(StreamId::current(), OperationIr::Custom(description), OperationFn(run)).into_iter().collect()
}

/// Uninitialised memory where another tensor is.
pub(in crate::engine::burn) fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype)
}

/// As many cubes of `units` units as hold `elements`, in as many dimensions as a device allows for.
pub(in crate::engine::burn) fn cubes(elements: usize, units: u32) -> CubeCount {
    // WebGPU allows for 65,535 in a dimension.
    const MOST: usize = 32_768;
    let cubes = elements.div_ceil(units as usize);
    CubeCount::Static(cubes.min(MOST) as u32, cubes.div_ceil(MOST) as u32, 1)
}

/// A part of a contiguous tensor from an element on, without a copy. Elements of both have four bytes, and the part begins
/// where the device lets a buffer begin.
pub(in crate::engine::burn) fn part(whole: &CubeTensor, start: usize, (shape, dtype): StreamOutput) -> CubeTensor {
    let elements = shape.num_elements();
    let after = whole.meta.num_elements() - start - elements;
    let handle = whole.handle.clone().offset_start(4 * start as u64).offset_end(4 * after as u64);
    CubeTensor::new_contiguous(whole.client.clone(), whole.device.clone(), shape, handle, dtype)
}
