//! The tensors of a network on a device, by PyTorch's names and in PyTorch's order: all parameters in one piece of memory, so that
//! an optimizer can pass over them at once, and the buffers beside it.

use std::ops::Range;

use tch::{Device, Kind, Tensor, no_grad};

use super::shim::{TorchError, host_values, host_values_mut};
use crate::tensor_info::check_values;
use crate::{HostTensor, NamedTensors, TensorInfo, TensorKind, WeightError};

/// Each parameter begins at a multiple of so many elements; zeros fill the gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alignment(pub usize);

/// The tensors of one network.
#[derive(Debug)]
pub struct NetworkTensors {
    infos: Vec<TensorInfo>,
    /// All parameters: `[padded]`.
    flat: Tensor,
    /// Where each parameter lies in `flat`; none for a buffer.
    places: Vec<Option<Range<usize>>>,
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
    /// The tensors on a device, with these values.
    ///
    /// # Errors
    /// When a tensor is missing, unexpected or of another shape.
    pub fn new(
        infos: Vec<TensorInfo>,
        values: &NamedTensors,
        alignment: Alignment,
        device: Device,
    ) -> Result<Self, WeightError> {
        check_values(&infos, values)?;
        let mut end = 0;
        let mut place = |info: &TensorInfo| {
            (info.kind == TensorKind::Parameter).then(|| {
                let start = end;
                end += info.elements().next_multiple_of(alignment.0.max(1));
                start..start + info.elements()
            })
        };
        let places: Vec<Option<Range<usize>>> = infos.iter().map(&mut place).collect();
        let flat = Tensor::zeros([signed(end)], (Kind::Float, device));
        let tensors = infos.iter().zip(&places).map(|(info, place)| match place {
            Some(place) => leaf(&flat, place, &info.shape),
            None => Tensor::zeros(sizes(&info.shape), (Kind::Float, device)),
        });
        let mut network = Self { tensors: tensors.collect(), places, flat, infos };
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

    /// All parameters, in PyTorch's order.
    pub fn parameters(&self) -> impl Iterator<Item = Placed<'_>> {
        let all = self.infos.iter().zip(&self.places).zip(&self.tensors);
        all.filter_map(|((info, place), tensor)| Some(Placed { info, place: place.clone()?, tensor }))
    }

    /// Every tensor with its values, read from the device.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn read(&self) -> Result<NamedTensors, TorchError> {
        let flat = self.flat.to_device(Device::Cpu);
        let parameters = host_values(&flat)?;
        let read = |((info, place), tensor): ((&TensorInfo, &Option<Range<usize>>), &Tensor)| {
            let values = match place {
                Some(place) => parameters[place.clone()].to_vec(),
                None => host_values(&tensor.to_device(Device::Cpu))?.to_vec(),
            };
            Ok((info.name.clone(), HostTensor { shape: info.shape.clone(), values }))
        };
        self.infos.iter().zip(&self.places).zip(&self.tensors).map(read).collect()
    }

    /// Gives every tensor the values of its name; its memory stays where it is.
    ///
    /// # Errors
    /// When a tensor is missing, unexpected or of another shape; then nothing has changed.
    pub fn write(&mut self, values: &NamedTensors) -> Result<(), WeightError> {
        check_values(&self.infos, values)?;
        let on_host = self.flat.device() == Device::Cpu;
        let mut staged = if on_host {
            self.flat.shallow_clone()
        } else {
            Tensor::zeros(self.flat.size(), (Kind::Float, Device::Cpu))
        };
        // A tensor that was made as zeros in host memory has plain values.
        let parameters = host_values_mut(&mut staged).unwrap_or_default();
        for ((info, place), tensor) in self.infos.iter().zip(&self.places).zip(&mut self.tensors) {
            let values = &values[&info.name].values;
            match place {
                Some(place) => parameters[place.clone()].copy_from_slice(values),
                None => no_grad(|| tensor.copy_(&Tensor::from_slice(values).view(sizes(&info.shape).as_slice()))),
            }
        }
        if !on_host {
            self.flat.copy_(&staged);
        }
        Ok(())
    }
}

/// A parameter: a part of the memory of all, as a leaf that wants a gradient.
fn leaf(flat: &Tensor, place: &Range<usize>, shape: &[usize]) -> Tensor {
    let part = flat.narrow(0, signed(place.start), signed(place.len()));
    part.view(sizes(shape).as_slice()).detach().set_requires_grad(true)
}

/// A number of elements as libtorch counts them.
pub(crate) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A shape as libtorch takes it.
pub(crate) fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&extent| signed(extent)).collect()
}
