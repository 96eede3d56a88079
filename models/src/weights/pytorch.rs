//! What `torch.save` writes of a `state_dict()`: a zip archive, not compressed, with the names and shapes as a pickle in
//! `NAME/data.pkl` and the numbers of each storage in `NAME/data/KEY`.
//!
//! A tensor is a call of `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)`, and a storage is a
//! persistent reference `("storage", type, key, place, elements)`. Both are only read; no other call has a meaning here.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use aees_pickle::{Node, NodeId, Pickle};
use aees_run::artifact::FileError;
use zip::ZipArchive;

use super::{ElementType, FileTensor, WeightFileError, Weights, count};

/// How PyTorch's format before version 1.6 starts: a pickle of the number 0x1950a86a20f9469cfc6c, with protocol 2.
const LEGACY_START: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Reads a `.bin`, `.pt` or `.pth` file that holds a `state_dict()`.
///
/// # Errors
///
/// When the file cannot be read, is damaged, cut off or in the format before PyTorch 1.6, or holds something else.
pub fn read_pytorch(path: &Path) -> Result<Weights, WeightFileError> {
    let corrupt = |reason| WeightFileError::Corrupt { path: path.to_owned(), reason };
    let unread = || FileError::at("read", path);
    let mut file = aees_run::input::open(path).map_err(unread())?;
    let mut start = Vec::new();
    file.by_ref().take(LEGACY_START.len() as u64).read_to_end(&mut start).map_err(unread())?;
    if start == LEGACY_START {
        let reason =
            "in PyTorch's format before version 1.6; load it with a newer PyTorch and save it again".to_owned();
        return Err(corrupt(reason));
    }
    file.rewind().map_err(unread())?;
    let archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| corrupt(format!("not a whole PyTorch file (a zip archive): {error}")))?;
    Archive::new(archive).and_then(|mut archive| archive.weights()).map_err(corrupt)
}

struct Archive<R> {
    zip: ZipArchive<R>,
    /// `NAME/`.
    folder: String,
}

impl<R: Read + Seek> Archive<R> {
    fn new(zip: ZipArchive<R>) -> Result<Self, String> {
        let folder = zip.file_names().flatten().find_map(|name| Some(name.strip_suffix("data.pkl")?.to_owned()));
        let folder = folder.ok_or("a zip archive, but not of PyTorch: there is no data.pkl in it")?;
        Ok(Self { zip, folder })
    }

    /// The content of an entry. The archive's checksum has been verified.
    fn entry(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let name = format!("{}{name}", self.folder);
        let mut entry = self.zip.by_name(&name).map_err(|error| format!("its part {name}: {error}"))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| format!("its part {name}: {error}"))?;
        Ok(bytes)
    }

    fn weights(&mut self) -> Result<Weights, String> {
        // Absent in files of older versions, which were little-endian in practice.
        if self.entry("byteorder").is_ok_and(|order| order != b"little") {
            return Err("saved on a big-endian machine, which is not supported".to_owned());
        }
        let bytes = self.entry("data.pkl")?;
        let pickle = aees_pickle::parse(&bytes).map_err(|reason| format!("its part data.pkl: {reason}"))?;
        let entries = pickle.root_entries().ok_or_else(|| {
            format!("holds {} and not a dict of tensors (a state_dict)", pickle.node(pickle.root).kind())
        })?;
        let mut tensors = Vec::new();
        for (name, id) in entries {
            let name = String::from_utf8_lossy(name).into_owned();
            let tensor = TensorCall::read(&pickle, id).map_err(|reason| format!("`{name}` {reason}"))?;
            tensors.push((name, tensor));
        }
        self.values(tensors)
    }

    /// Reads every storage once, though tensors may share it.
    fn values(&mut self, tensors: Vec<(String, TensorCall)>) -> Result<Weights, String> {
        let mut of_storage: BTreeMap<String, Vec<(String, TensorCall)>> = BTreeMap::new();
        for (name, tensor) in tensors {
            of_storage.entry(tensor.storage.clone()).or_default().push((name, tensor));
        }
        let mut weights = Weights::new();
        for (storage, tensors) in of_storage {
            let bytes = self.entry(&format!("data/{storage}"))?;
            for (name, tensor) in tensors {
                let data = tensor.values(&bytes).map_err(|reason| format!("`{name}` {reason}"))?;
                weights.insert(name, data);
            }
        }
        Ok(weights)
    }
}

/// What the pickle says of a tensor.
struct TensorCall {
    /// Its key in the archive.
    storage: String,
    element_type: ElementType,
    /// First element in the storage.
    offset: usize,
    shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    strides: Vec<usize>,
}

impl TensorCall {
    fn read(pickle: &Pickle<'_>, id: NodeId) -> Result<Self, String> {
        let not_a_tensor = || format!("is {}, not a tensor", pickle.node(id).kind());
        let called = match call(pickle, id) {
            Some((b"_rebuild_parameter", [tensor, ..])) => call(pickle, *tensor),
            called => called,
        };
        let (name, arguments) = called.ok_or_else(not_a_tensor)?;
        match (name, arguments) {
            (b"_rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
                let (storage, element_type) = storage_of(pickle, *storage)?;
                let tensor = Self {
                    storage,
                    element_type,
                    offset: number(pickle, *offset).ok_or("has an offset that is not a number")?,
                    shape: numbers(pickle, *shape).ok_or("has a shape that is not numbers")?,
                    strides: numbers(pickle, *strides).ok_or("has strides that are not numbers")?,
                };
                if tensor.shape.len() != tensor.strides.len() {
                    return Err(format!("has {} strides for the shape {:?}", tensor.strides.len(), tensor.shape));
                }
                Ok(tensor)
            }
            _ => Err(format!("is made by {}, not a plain tensor", String::from_utf8_lossy(name))),
        }
    }

    /// The tensor, of the bytes of its storage.
    fn values(&self, storage: &[u8]) -> Result<FileTensor, String> {
        let size = self.element_type.size();
        let (first, last) = self.ends().ok_or_else(|| {
            format!("has the shape {:?} with the strides {:?}, which no saved weights have", self.shape, self.strides)
        })?;
        let bytes = last.checked_mul(size).and_then(|last| storage.get(first * size..last));
        let bytes = bytes.ok_or_else(|| format!("ends at element {last} of a storage of {}", storage.len() / size))?;
        if self.is_contiguous() {
            return Ok(self.element_type.tensor(bytes, self.shape.clone()));
        }
        let ordered = self.in_row_order(bytes);
        Ok(self.element_type.tensor(&ordered, self.shape.clone()))
    }

    /// The first element of the storage that the tensor uses and the one after the last.
    fn ends(&self) -> Option<(usize, usize)> {
        // Also proves that the number of elements fits, before memory is asked for.
        let elements = count(&self.shape)?;
        if elements == 0 {
            return Some((0, 0));
        }
        let steps = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(0usize, |sum, (&extent, &stride)| sum.checked_add((extent - 1).checked_mul(stride)?))?;
        let last = self.offset.checked_add(steps)?.checked_add(1)?;
        // A stride of 0 makes many elements of one; no weights are saved so.
        (elements <= last - self.offset).then_some((self.offset, last))
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&extent, &stride)| {
            let fits = extent <= 1 || stride == expected;
            expected *= extent;
            fits
        })
    }

    /// The elements in the order of their indices, from a storage that starts with the tensor.
    fn in_row_order(&self, storage: &[u8]) -> Vec<u8> {
        let size = self.element_type.size();
        let mut ordered = Vec::with_capacity(storage.len());
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count(&self.shape).unwrap_or(0) {
            let place: usize = index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            ordered.extend_from_slice(&storage[place * size..][..size]);
            for (index, &extent) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < extent {
                    break;
                }
                *index = 0;
            }
        }
        ordered
    }
}

/// The name of the function that a node calls and the arguments.
fn call<'a>(pickle: &'a Pickle<'_>, id: NodeId) -> Option<(&'a [u8], &'a [NodeId])> {
    let Node::Call { function, arguments, .. } = pickle.node(id) else { return None };
    match (pickle.node(*function), pickle.node(*arguments)) {
        (Node::Global { module: b"torch._utils", name }, Node::Tuple(arguments)) => Some((name, arguments)),
        _ => None,
    }
}

/// Key and element type of a storage.
fn storage_of(pickle: &Pickle<'_>, id: NodeId) -> Result<(String, ElementType), String> {
    let not_a_storage = || format!("has {} for a storage", pickle.node(id).kind());
    let Node::Persistent(parts) = pickle.node(id) else { return Err(not_a_storage()) };
    let Node::Tuple(parts) = pickle.node(*parts) else { return Err(not_a_storage()) };
    let [kind, storage_type, key, ..] = parts[..] else { return Err(not_a_storage()) };
    match (pickle.node(kind), pickle.node(storage_type), pickle.node(key)) {
        (Node::Bytes(b"storage"), Node::Global { name, .. }, Node::Bytes(key)) => {
            let element_type = element_type(name)
                .ok_or_else(|| format!("has a {}, which is not supported", String::from_utf8_lossy(name)))?;
            Ok((String::from_utf8_lossy(key).into_owned(), element_type))
        }
        _ => Err(not_a_storage()),
    }
}

fn element_type(storage: &[u8]) -> Option<ElementType> {
    Some(match storage {
        b"DoubleStorage" => ElementType::F64,
        b"FloatStorage" => ElementType::F32,
        b"HalfStorage" => ElementType::F16,
        b"BFloat16Storage" => ElementType::BF16,
        b"LongStorage" => ElementType::I64,
        b"IntStorage" => ElementType::I32,
        b"ShortStorage" => ElementType::I16,
        b"CharStorage" => ElementType::I8,
        b"ByteStorage" => ElementType::U8,
        b"BoolStorage" => ElementType::Bool,
        _ => return None,
    })
}

fn number(pickle: &Pickle<'_>, id: NodeId) -> Option<usize> {
    match pickle.node(id) {
        Node::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

fn numbers(pickle: &Pickle<'_>, id: NodeId) -> Option<Vec<usize>> {
    let Node::Tuple(items) = pickle.node(id) else { return None };
    items.iter().map(|&item| number(pickle, item)).collect()
}
