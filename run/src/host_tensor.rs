//! Tensors on the host, by name: what checkpoints, weight files and first parameters are made of; and the one way in which
//! they are written.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};

use crate::artifact::{FileError, write_atomically};

/// A tensor of single precision in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// Tensors by PyTorch's names.
pub type NamedTensors = BTreeMap<String, HostTensor>;

impl HostTensor {
    /// The values as little-endian bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(&self.values))
        } else {
            Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    }
}

/// Writes tensors and metadata as a safetensors file, <https://huggingface.co/docs/safetensors>; it is there whole or not at
/// all.
///
/// The crate's own writer leaves a file under a random name behind when it is killed, and its files can be read by
/// their owner only; so the bytes go through [`write_atomically`] like those of every other file here.
///
/// # Errors
/// When the file cannot be written.
pub fn write_safetensors(
    path: &Path,
    tensors: &NamedTensors,
    metadata: HashMap<String, String>,
) -> Result<(), FileError> {
    let header =
        file_header(tensors, metadata).map_err(|error| FileError::at("write", path)(io::Error::other(error)))?;
    write_atomically(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.values().try_for_each(|tensor| out.write_all(&tensor.bytes()))
    })
}

/// The JSON at the beginning of a safetensors file, padded with spaces to a multiple of eight bytes as the format wants.
fn file_header(tensors: &NamedTensors, metadata: HashMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = end;
        end += 4 * tensor.values.len();
        (name.clone(), TensorInfo { dtype: Dtype::F32, shape: tensor.shape.clone(), data_offsets: (start, end) })
    });
    let mut header = serde_json::to_vec(&Metadata::new(Some(metadata), infos.collect())?)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}
