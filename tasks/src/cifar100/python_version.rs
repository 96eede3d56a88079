//! The Python version: one pickled dict for each split.
//!
//! Written by Python 2 with protocol 2: the keys `data` (uint8 `[n, 3072]`, channel planes as in the binary version),
//! `fine_labels` and `coarse_labels` (lists of n numbers), `filenames` and `batch_label`. Pickles that Python 3 wrote again
//! with `bytes` keys (protocol 3 or 4) read the same.

use std::path::Path;

use super::classes::CIFAR100_CLASSES;
use crate::error::{DataError, Result};
use crate::image::{IMAGE_BYTES, ImageSplit};
use aees_pickle::{self as pickle, Node, NodeId, Pickle};

/// Whether a file that starts with these bytes is a pickle of protocol 2 or later.
pub(super) fn may_be_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<ImageSplit> {
    let corrupt = |reason| DataError::Corrupt { path: path.to_owned(), layer: "pickle", reason };
    let pickle = pickle::parse(bytes).map_err(corrupt)?;
    let entries = pickle.root_entries().ok_or_else(|| DataError::WrongShape {
        path: path.to_owned(),
        field: "pickle".to_owned(),
        expected: "a dict with string keys".to_owned(),
        found: pickle.node(pickle.root).kind(),
    })?;
    let field = |name: &'static str| {
        let found = entries.iter().find(|(key, _)| *key == name.as_bytes());
        found.map(|&(_, value)| value).ok_or_else(|| DataError::MissingField {
            path: path.to_owned(),
            field: name,
            found: entries.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect(),
        })
    };
    refuse_cifar10(path, &pickle, &entries)?;
    let labels = labels(path, &pickle, field("fine_labels")?)?;
    if labels.is_empty() {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    let wrong_data = |found| DataError::WrongShape {
        path: path.to_owned(),
        field: "data".to_owned(),
        expected: format!("an array of unsigned bytes [{}, {IMAGE_BYTES}], one row for each fine label", labels.len()),
        found,
    };
    let data = pickle::byte_array(&pickle, field("data")?).map_err(wrong_data)?;
    if (data.rows, data.columns) != (labels.len(), IMAGE_BYTES) {
        return Err(wrong_data(format!("an array of shape [{}, {}]", data.rows, data.columns)));
    }
    ImageSplit::new(data.bytes.into_owned(), labels)
}

fn labels(path: &Path, pickle: &Pickle<'_>, id: NodeId) -> Result<Vec<u32>> {
    let wrong = |expected: &str, field: String, found| DataError::WrongShape {
        path: path.to_owned(),
        field,
        expected: expected.to_owned(),
        found,
    };
    let Node::List(items) = pickle.node(id) else {
        return Err(wrong("a list of numbers", "fine_labels".to_owned(), pickle.node(id).kind()));
    };
    let label = |(record, &item): (usize, &NodeId)| match pickle.node(item) {
        Node::Int(value) => u32::try_from(*value).ok().filter(|&label| label < CIFAR100_CLASSES).ok_or_else(|| {
            DataError::LabelOutOfRange {
                path: path.to_owned(),
                record,
                field: "fine label",
                value: *value,
                classes: CIFAR100_CLASSES,
            }
        }),
        other => Err(wrong("a number", format!("fine_labels of record {record}"), other.kind())),
    };
    items.iter().enumerate().map(label).collect()
}

/// CIFAR-10 has the key `labels` instead of `fine_labels`; say so instead of "no field".
fn refuse_cifar10(path: &Path, pickle: &Pickle<'_>, entries: &[(&[u8], NodeId)]) -> Result<()> {
    if entries.iter().any(|(key, _)| *key == b"fine_labels") {
        return Ok(());
    }
    let Some(&(_, id)) = entries.iter().find(|(key, _)| *key == b"labels") else { return Ok(()) };
    let Ok(labels) = labels(path, pickle, id) else { return Ok(()) };
    Err(DataError::WrongClassCount {
        path: path.to_owned(),
        expected: CIFAR100_CLASSES,
        found: labels.iter().max().map_or(0, |&largest| largest + 1),
        hint: "a pickle with \"labels\" and no \"fine_labels\" is CIFAR-10",
    })
}
