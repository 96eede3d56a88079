//! The tensors of a network on a device, by PyTorch's names and in PyTorch's order: all parameters in one piece of memory, so that
//! an optimizer can pass over them at once, and all buffers in another, so that they can be kept and put back at once.

use std::ops::Range;

use tch::{Device, Kind, Tensor, no_grad};

use super::shim::{TorchError, host_values, host_values_mut};
use crate::tensor_info::check_values;
use crate::{HostTensor, NamedTensors, TensorInfo, TensorKind, WeightError};

/// The tensors of one network.
#[derive(Debug)]
pub struct NetworkTensors {
    infos: Vec<TensorInfo>,
    /// All parameters: `[padded]`.
    flat: Tensor,
    /// All buffers: `[padded]`.
    buffers: Tensor,
    /// Where each lies in its memory.
    places: Vec<Range<usize>>,
    /// Of each info. Parameters are leaves that share the memory of `flat` and want gradients.
    tensors: Vec<Tensor>,
}

/// A parameter and where it lies among all.
#[derive(Debug)]
pub struct Placed<'a> {
    /// Name and shape.
    pub info: &'a TensorInfo,
    /// Its elements in [`NetworkTensors::flat`].
    pub place: Range<usize>,
    /// A leaf of the graph.
    pub tensor: &'a Tensor,
}

impl NetworkTensors {
    /// The tensors on a device, with these values. Each begins at a multiple of `alignment` elements; zeros fill the gaps.
    ///
    /// # Errors
    /// When a tensor is missing, unexpected or of another shape.
    pub fn new(
        infos: Vec<TensorInfo>,
        values: &NamedTensors,
        alignment: usize,
        device: Device,
    ) -> Result<Self, WeightError> {
        check_values(&infos, values)?;
        let (mut parameters_end, mut buffers_end) = (0, 0);
        let mut place = |info: &TensorInfo| {
            let end = if is_parameter(info) { &mut parameters_end } else { &mut buffers_end };
            let start = *end;
            *end += info.elements().next_multiple_of(alignment.max(1));
            start..start + info.elements()
        };
        let places: Vec<Range<usize>> = infos.iter().map(&mut place).collect();
        let memory = |end| Tensor::zeros([signed(end)], (Kind::Float, device));
        let (flat, buffers) = (memory(parameters_end), memory(buffers_end));
        let tensors = infos.iter().zip(&places).map(|(info, place)| {
            let of_parameter = is_parameter(info);
            let part = part(if of_parameter { &flat } else { &buffers }, place, &info.shape);
            if of_parameter { part.set_requires_grad(true) } else { part }
        });
        let mut network = Self { tensors: tensors.collect(), places, flat, buffers, infos };
        network.write(values)?;
        Ok(network)
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<Tensor, WeightError> {
        let found = self.infos.iter().zip(&self.tensors).find(|(info, _)| info.name == name);
        found.map(|(_, tensor)| tensor.shallow_clone()).ok_or_else(|| WeightError::Missing { name: name.to_owned() })
    }

    /// Names, kinds and shapes, in PyTorch's order.
    pub fn infos(&self) -> &[TensorInfo] {
        &self.infos
    }

    /// The memory of all parameters.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The same, to be changed.
    pub fn flat_mut(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// The memory of all buffers: running statistics, which a forward pass in training changes.
    pub fn buffers(&self) -> &Tensor {
        &self.buffers
    }

    /// The same, to be changed.
    pub fn buffers_mut(&mut self) -> &mut Tensor {
        &mut self.buffers
    }

    /// All parameters, in PyTorch's order.
    pub fn parameters(&self) -> impl Iterator<Item = Placed<'_>> {
        let all = self.infos.iter().zip(&self.places).zip(&self.tensors);
        let parameters = all.filter(|((info, _), _)| is_parameter(info));
        parameters.map(|((info, place), tensor)| Placed { info, place: place.clone(), tensor })
    }

    /// Every tensor with its values, read from the device.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn read(&self) -> Result<NamedTensors, TorchError> {
        let [flat, buffers] = [&self.flat, &self.buffers].map(|memory| memory.to_device(Device::Cpu));
        let (parameters, buffers) = (host_values(&flat)?, host_values(&buffers)?);
        let read = |(info, place): (&TensorInfo, &Range<usize>)| {
            let memory = if is_parameter(info) { parameters } else { buffers };
            (info.name.clone(), HostTensor { shape: info.shape.clone(), values: memory[place.clone()].to_vec() })
        };
        Ok(self.infos.iter().zip(&self.places).map(read).collect())
    }

    /// Gives every tensor the values of its name; its memory stays where it is.
    ///
    /// # Errors
    /// When a tensor is missing, unexpected or of another shape; then nothing has changed.
    pub fn write(&mut self, values: &NamedTensors) -> Result<(), WeightError> {
        check_values(&self.infos, values)?;
        for (memory, of_parameters) in [(&mut self.flat, true), (&mut self.buffers, false)] {
            let on_host = memory.device() == Device::Cpu;
            let mut staged =
                if on_host { memory.shallow_clone() } else { Tensor::zeros(memory.size(), (Kind::Float, Device::Cpu)) };
            // A tensor that was made as zeros in host memory has plain values.
            let all = host_values_mut(&mut staged).unwrap_or_default();
            let inside = self.infos.iter().zip(&self.places).filter(|(info, _)| is_parameter(info) == of_parameters);
            for (info, place) in inside {
                all[place.clone()].copy_from_slice(&values[&info.name].values);
            }
            if !on_host {
                no_grad(|| memory.copy_(&staged));
            }
        }
        Ok(())
    }
}

fn is_parameter(info: &TensorInfo) -> bool {
    info.kind == TensorKind::Parameter
}

/// A part of the memory of many, in its shape and outside any graph.
fn part(memory: &Tensor, place: &Range<usize>, shape: &[usize]) -> Tensor {
    let part = memory.narrow(0, signed(place.start), signed(place.len()));
    part.view(sizes(shape).as_slice()).detach()
}

/// A number of elements as libtorch counts them.
pub(crate) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A shape as libtorch takes it.
pub(crate) fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&extent| signed(extent)).collect()
}
