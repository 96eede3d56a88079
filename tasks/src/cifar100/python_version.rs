//! The Python version: one pickled dict for each split.
//!
//! Written by Python 2 with protocol 2: the keys `data` (uint8 `[n, 3072]`, channel planes as in the binary version),
//! `fine_labels` and `coarse_labels` (lists of n numbers), `filenames` and `batch_label`. Pickles that Python 3 wrote again
//! with `bytes` keys (protocol 3 or 4) read the same.

use std::path::Path;

use aees_pickle::{self as pickle, Node, NodeId, Pickle};

use super::classes::{CIFAR100_CLASSES, LabelledImages, is_cifar10, label_out_of_range};
use crate::error::{DataError, DataResult, names};
use crate::image::IMAGE_BYTES;

/// Whether a file that starts with these bytes is a pickle of protocol 2 or later.
pub(super) fn may_be_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

pub(super) fn decode(path: &Path, bytes: &[u8]) -> DataResult<LabelledImages> {
    let pickle = pickle::parse(bytes).map_err(|reason| DataError::damaged(path, "pickle", reason))?;
    let entries = pickle
        .root_entries()
        .ok_or_else(|| wrong(path, "pickle", "a dict with string keys", &pickle.node(pickle.root).kind()))?;
    let field = |name: &str| {
        let found = entries.iter().find(|(key, _)| *key == name.as_bytes());
        found.map(|&(_, value)| value).ok_or_else(|| {
            let found: Vec<_> = entries.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
            DataError::unusable(path, format!("no field \"{name}\"; it has {}", names(&found)))
        })
    };
    refuse_cifar10(path, &pickle, &entries)?;
    let labels = labels(path, &pickle, field("fine_labels")?)?;
    if labels.is_empty() {
        return Err(DataError::no_records(path));
    }
    let wrong_data = |found: String| {
        let rows = labels.len();
        let expected = format!("an array of unsigned bytes [{rows}, {IMAGE_BYTES}], one row for each fine label");
        wrong(path, "data", &expected, &found)
    };
    let data = pickle::byte_array(&pickle, field("data")?).map_err(wrong_data)?;
    if (data.rows, data.columns) != (labels.len(), IMAGE_BYTES) {
        return Err(wrong_data(format!("an array of shape [{}, {}]", data.rows, data.columns)));
    }
    let coarse = match field("coarse_labels").map(|id| pickle.node(id)) {
        Ok(Node::List(items)) => items.as_slice(),
        _ => &[],
    };
    let number = |id: &NodeId| if let Node::Int(value) = pickle.node(*id) { Some(*value) } else { None };
    let coarse: Vec<i64> = coarse.iter().filter_map(number).collect();
    let coarse = if coarse.len() == labels.len() { coarse } else { Vec::new() };
    LabelledImages::new(data.bytes.into_owned(), labels, &coarse)
}

fn wrong(path: &Path, field: &str, expected: &str, found: &str) -> DataError {
    DataError::unusable(path, format!("{field}: expected {expected}, found {found}"))
}

fn labels(path: &Path, pickle: &Pickle<'_>, id: NodeId) -> DataResult<Vec<u32>> {
    let Node::List(items) = pickle.node(id) else {
        return Err(wrong(path, "fine_labels", "a list of numbers", &pickle.node(id).kind()));
    };
    let label = |(record, &item): (usize, &NodeId)| match pickle.node(item) {
        Node::Int(value) => u32::try_from(*value)
            .ok()
            .filter(|&label| label < CIFAR100_CLASSES)
            .ok_or_else(|| label_out_of_range(path, record, "fine label", *value, CIFAR100_CLASSES)),
        other => Err(wrong(path, &format!("fine_labels of record {record}"), "a number", &other.kind())),
    };
    items.iter().enumerate().map(label).collect()
}

/// CIFAR-10 has the key `labels` instead of `fine_labels`; say so instead of "no field".
fn refuse_cifar10(path: &Path, pickle: &Pickle<'_>, entries: &[(&[u8], NodeId)]) -> DataResult<()> {
    if entries.iter().any(|(key, _)| *key == b"fine_labels") {
        return Ok(());
    }
    let Some(&(_, id)) = entries.iter().find(|(key, _)| *key == b"labels") else { return Ok(()) };
    let Ok(labels) = labels(path, pickle, id) else { return Ok(()) };
    let classes = labels.iter().max().map_or(0, |&largest| largest + 1);
    Err(is_cifar10(path, classes, "a pickle with \"labels\" and no \"fine_labels\""))
}
