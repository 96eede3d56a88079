//! The binary version: records of 3,074 bytes, one after the other, without a header.
//!
//! A record is the coarse label (0..19), the fine label (0..99) and 3,072 pixels: the red plane, the green one, the blue one,
//! each row by row. There is nothing else to know a file by, so a file counts as binary when no other layout fits and its
//! records make sense.

use std::path::Path;

use super::classes::{CIFAR100_CLASSES, COARSE_CLASSES, LabelledImages, label_out_of_range};
use crate::error::{DataError, DataResult};
use crate::image::IMAGE_BYTES;

const RECORD_BYTES: usize = 2 + IMAGE_BYTES;
/// CIFAR-10 has one label byte.
const CIFAR10_RECORD_BYTES: usize = 1 + IMAGE_BYTES;

/// Whether a file that starts with these bytes may be of this layout.
pub(super) fn may_be_binary(head: &[u8]) -> bool {
    matches!(head, [coarse, fine, ..] if u32::from(*coarse) < COARSE_CLASSES && u32::from(*fine) < CIFAR100_CLASSES)
}

/// Whether the length is that of whole records.
pub(super) fn is_whole_records(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(RECORD_BYTES)
}

pub(super) fn decode(path: &Path, bytes: &[u8]) -> DataResult<LabelledImages> {
    if bytes.is_empty() {
        return Err(DataError::no_records(path));
    }
    if !is_whole_records(bytes) {
        return Err(truncated(path, bytes));
    }
    let records = bytes.len() / RECORD_BYTES;
    let mut pixels = Vec::with_capacity(records * IMAGE_BYTES);
    let (mut labels, mut coarse) = (Vec::with_capacity(records), Vec::with_capacity(records));
    for (record, bytes) in bytes.chunks_exact(RECORD_BYTES).enumerate() {
        for (field, value, classes) in
            [("coarse label", bytes[0], COARSE_CLASSES), ("fine label", bytes[1], CIFAR100_CLASSES)]
        {
            if u32::from(value) >= classes {
                return Err(label_out_of_range(path, record, field, value.into(), classes));
            }
        }
        coarse.push(bytes[0].into());
        labels.push(bytes[1].into());
        pixels.extend_from_slice(&bytes[2..]);
    }
    LabelledImages::new(pixels, labels, &coarse)
}

fn truncated(path: &Path, bytes: &[u8]) -> DataError {
    let records = bytes.len().div_ceil(RECORD_BYTES);
    let looks_like_cifar10 = bytes.len().is_multiple_of(CIFAR10_RECORD_BYTES);
    let hint =
        if looks_like_cifar10 { " (its length is that of CIFAR-10 records, which have one label byte)" } else { "" };
    let (expected, found) = (records * RECORD_BYTES, bytes.len());
    let reason =
        format!("truncated: expected {expected} bytes ({records} records of {RECORD_BYTES}), found {found}{hint}");
    DataError::unusable(path, reason)
}
