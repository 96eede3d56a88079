//! Weight files: tensors by name, on the host.
//!
//! Two kinds are read: `model.safetensors`, and PyTorch's `pytorch_model.bin`, a zip archive with a pickle in it, of which
//! nothing is ever run. Single, half and double precision become `f32`; integers, which old files have among the weights,
//! become `i64`. What the names mean is left to [`pretrained`](crate::pretrained).

mod pytorch;
mod safetensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;
use half::{bf16, f16};
use thiserror::Error;

pub use pytorch::read_pytorch;
pub use safetensors::{is_export, read_safetensors, write_safetensors};

use crate::HostTensor;

/// Tensors of a weight file by name.
pub type Weights = BTreeMap<String, FileTensor>;

/// A tensor of a weight file.
#[derive(Debug, Clone, PartialEq)]
pub enum FileTensor {
    /// Floating-point numbers, whatever their precision in the file.
    Float(HostTensor),
    /// Integers, whatever their width in the file.
    Integer {
        /// Outermost dimension first.
        shape: Vec<usize>,
        /// Row by row.
        values: Vec<i64>,
    },
}

impl FileTensor {
    /// Outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Float(tensor) => &tensor.shape,
            Self::Integer { shape, .. } => shape,
        }
    }
}

/// File names that a folder is searched for, in this order.
const FILE_NAMES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Why a weight file cannot be read or written.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Error)]
pub enum WeightFileError {
    /// The system refuses.
    #[error("cannot {} the weight file {}: {}", .0.action, .0.path.display(), .0.source)]
    File(#[from] FileError),
    /// A folder has no weight file.
    #[error("no weights in {}: neither model.safetensors nor pytorch_model.bin is there", path.display())]
    NotFound { path: PathBuf },
    /// The name of a file does not tell its format.
    #[error(
        "weight file {}: expected a name that ends in .safetensors, .bin, .pt or .pth",
        path.display()
    )]
    UnknownFormat { path: PathBuf },
    /// The content is damaged, cut off, or of another format.
    #[error("weight file {}: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
}

/// Reads a weight file by the end of its name, or the one in a folder.
///
/// # Errors
///
/// When there is none, or it cannot be read.
pub fn read(path: &Path) -> Result<Weights, WeightFileError> {
    if path.is_dir() {
        let inside = FILE_NAMES.into_iter().map(|name| path.join(name)).find(|file| file.exists());
        return read(&inside.ok_or_else(|| WeightFileError::NotFound { path: path.to_owned() })?);
    }
    let read = match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => read_safetensors,
        Some("bin" | "pt" | "pth") => read_pytorch,
        _ => return Err(WeightFileError::UnknownFormat { path: path.to_owned() }),
    };
    let corrupt = |reason| Err(WeightFileError::Corrupt { path: path.to_owned(), reason });
    aees_run::caught::caught(|| read(path)).unwrap_or_else(corrupt)
}

/// The element types of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementType {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl ElementType {
    fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Little-endian elements as a tensor. Bytes beyond the last whole element are ignored.
    fn tensor(self, bytes: &[u8], shape: Vec<usize>) -> FileTensor {
        let float = |values, shape| FileTensor::Float(HostTensor { shape, values });
        let integer = |values, shape| FileTensor::Integer { shape, values };
        match self {
            Self::F64 => float(elements(bytes, |bytes| f64::from_le_bytes(bytes) as f32), shape),
            Self::F32 => float(elements(bytes, f32::from_le_bytes), shape),
            Self::F16 => float(elements(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()), shape),
            Self::BF16 => float(elements(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()), shape),
            Self::I64 => integer(elements(bytes, i64::from_le_bytes), shape),
            Self::I32 => integer(elements(bytes, |bytes| i32::from_le_bytes(bytes).into()), shape),
            Self::I16 => integer(elements(bytes, |bytes| i16::from_le_bytes(bytes).into()), shape),
            Self::I8 => integer(elements(bytes, |bytes| i8::from_le_bytes(bytes).into()), shape),
            Self::U8 | Self::Bool => integer(elements(bytes, |[byte]| byte.into()), shape),
        }
    }
}

fn elements<N, const SIZE: usize>(bytes: &[u8], element: impl Fn([u8; SIZE]) -> N) -> Vec<N> {
    bytes.as_chunks().0.iter().map(|chunk| element(*chunk)).collect()
}

/// Number of elements of a shape; none beyond the range of numbers.
fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
}
