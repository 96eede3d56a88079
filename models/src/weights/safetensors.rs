//! The safetensors format, <https://huggingface.co/docs/safetensors>.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::{ElementType, WeightFileError, Weights};
use crate::NamedTensors;

/// Reads a `.safetensors` file.
///
/// # Errors
///
/// When the file cannot be read, its header is damaged, it is cut off, or a tensor is of a type that no weights have.
pub fn read_safetensors(path: &Path) -> Result<Weights, WeightFileError> {
    let corrupt = |reason| WeightFileError::Corrupt { path: path.to_owned(), reason };
    let bytes = aees_run::input::read(path)?;
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

/// The key of the metadata that says who wrote a file.
const WRITER: &str = "written_by";

/// Whether a file is one that [`write_safetensors`] wrote.
pub fn is_export(path: &Path) -> bool {
    let mark = format!("\"{WRITER}\":\"aees\"");
    aees_run::input::head(path, 1 << 16).is_ok_and(|head| head.windows(mark.len()).any(|it| it == mark.as_bytes()))
}

/// Writes tensors as a `.safetensors` file with the metadata that `transformers` asks for. The file appears whole or not at
/// all.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_safetensors(path: &Path, tensors: &NamedTensors) -> Result<(), WeightFileError> {
    // What wrote the file, not what it holds: without it `transformers` refuses to guess.
    let metadata =
        HashMap::from([("format", "pt"), (WRITER, "aees")].map(|(key, word)| (key.to_owned(), word.to_owned())));
    Ok(aees_run::host_tensor::write_safetensors(path, tensors, metadata)?)
}
