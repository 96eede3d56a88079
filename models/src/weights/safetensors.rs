//! The safetensors format, <https://huggingface.co/docs/safetensors>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};

use super::{ElementType, WeightFileError, Weights};
use crate::{HostTensor, NamedTensors};

/// Reads a `.safetensors` file.
///
/// # Errors
///
/// When the file cannot be read, its header is damaged, it is cut off, or a tensor is of a type that no weights have.
pub fn read_safetensors(path: &Path) -> Result<Weights, WeightFileError> {
    let corrupt = |reason| WeightFileError::Corrupt { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|source| WeightFileError::System {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| corrupt(format!("not a whole safetensors file of {} bytes: {error}", bytes.len())))?;
    let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let element_type = element_type(view.dtype())
            .ok_or_else(|| corrupt(format!("tensor `{name}` is of type {:?}, which is not supported", view.dtype())))?;
        Ok((name.to_owned(), element_type.tensor(view.data(), view.shape().to_vec())))
    };
    file.iter().map(tensor).collect()
}

fn element_type(dtype: Dtype) -> Option<ElementType> {
    Some(match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::BF16,
        Dtype::I64 => ElementType::I64,
        Dtype::I32 => ElementType::I32,
        Dtype::I16 => ElementType::I16,
        Dtype::I8 => ElementType::I8,
        Dtype::U8 => ElementType::U8,
        Dtype::BOOL => ElementType::Bool,
        _ => return None,
    })
}

/// Writes `f32` tensors as a `.safetensors` file with the metadata that `transformers` asks for. The file appears whole or
/// not at all.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_safetensors(path: &Path, tensors: &NamedTensors) -> Result<(), WeightFileError> {
    let views = tensors.iter().map(|(name, tensor)| (name, F32View(tensor)));
    // What wrote the file, not what it holds: without it `transformers` refuses to guess.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let partial = path.with_extension("safetensors.partial");
    let system = |source| WeightFileError::System { action: "write", path: path.to_owned(), source };
    let written = safetensors::serialize_to_file(views, Some(metadata), &partial);
    written.map_err(|error| match error {
        safetensors::SafeTensorError::IoError(source) => system(source),
        other => WeightFileError::Corrupt { path: path.to_owned(), reason: other.to_string() },
    })?;
    std::fs::rename(&partial, path).map_err(system)
}

/// An `f32` tensor as the format sees it. Memory is little-endian on every platform that is supported.
struct F32View<'a>(&'a HostTensor);

impl View for F32View<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(&self.0.values))
    }

    fn data_len(&self) -> usize {
        4 * self.0.values.len()
    }
}
