//! The Hugging Face hub's version: parquet tables with the columns `img` {bytes, path}, `fine_label`, `coarse_label`.
//!
//! `img.bytes` is a PNG of 32 x 32 RGB pixels. The column is also taken under the name `image`, which exports of other
//! tools use.

use std::io::Cursor;
use std::path::Path;

use bytes::Bytes;
use parquet::file::reader::FileReader;
use parquet::record::{Field, Row};
use rayon::prelude::*;

use super::classes::{CIFAR100_CLASSES, LabelledImages, is_cifar10, label_out_of_range};
use crate::data_files::guarded;
use crate::error::{DataError, DataResult};
use crate::image::{CHANNELS, IMAGE_BYTES, PLANE_BYTES, SIDE};
use crate::parquet_file::{self, column};

pub(super) fn decode(path: &Path, bytes: Vec<u8>) -> DataResult<LabelledImages> {
    let damaged = |error| parquet_file::damaged(path, &error);
    let (table, columns) = parquet_file::open(path, bytes)?;
    for needed in ["img", "fine_label"] {
        let present = columns.iter().any(|name| name == needed || needed == "img" && name == "image");
        if !present {
            return Err(missing_column(path, needed, &columns));
        }
    }
    let mut images = Vec::new();
    let (mut labels, mut coarse) = (Vec::new(), Vec::new());
    for (record, row) in table.get_row_iter(None).map_err(damaged)?.enumerate() {
        let row = row.map_err(damaged)?;
        labels.push(label(path, record, &row)?);
        coarse.extend(column(&row, "coarse_label").and_then(parquet_file::whole_number));
        images.push((record, png_bytes(path, record, &row)?));
    }
    if labels.is_empty() {
        return Err(DataError::no_records(path));
    }
    let mut pixels = Vec::with_capacity(labels.len() * IMAGE_BYTES);
    let decoded: Vec<_> =
        images.par_iter().map(|(record, png)| guarded(path, || decode_png(path, *record, png))).collect();
    for image in decoded {
        pixels.extend_from_slice(&image?);
    }
    let coarse = if coarse.len() == labels.len() { coarse } else { Vec::new() };
    LabelledImages::new(pixels, labels, &coarse)
}

fn missing_column(path: &Path, needed: &str, columns: &[String]) -> DataError {
    if needed == "fine_label" && columns.iter().any(|name| name == "label") {
        return is_cifar10(path, 10, "a table with \"label\" and no \"fine_label\"");
    }
    parquet_file::no_column(path, needed, columns)
}

fn label(path: &Path, record: usize, row: &Row) -> DataResult<u32> {
    let field = column(row, "fine_label");
    let Some(value) = field.and_then(parquet_file::whole_number) else {
        let found = field.map_or("nothing".to_owned(), ToString::to_string);
        return Err(parquet_file::wrong_value(path, record, "fine_label", "a whole number", &found));
    };
    u32::try_from(value)
        .ok()
        .filter(|&label| label < CIFAR100_CLASSES)
        .ok_or_else(|| label_out_of_range(path, record, "fine_label", value, CIFAR100_CLASSES))
}

/// A cheap handle: the bytes stay in parquet's page.
fn png_bytes(path: &Path, record: usize, row: &Row) -> DataResult<Bytes> {
    let bytes = match column(row, "img").or_else(|| column(row, "image")) {
        Some(Field::Group(image)) => column(image, "bytes"),
        other => other,
    };
    match bytes {
        Some(Field::Bytes(bytes)) => Ok(Bytes::copy_from_slice(bytes.data())),
        _ => Err(parquet_file::wrong_value(path, record, "img", "a struct with the bytes of a PNG", "no bytes")),
    }
}

/// `[3, 32, 32]` from a PNG, which stores `[32, 32, 3]`.
fn decode_png(path: &Path, record: usize, bytes: &[u8]) -> DataResult<[u8; IMAGE_BYTES]> {
    let damaged = |error| DataError::damaged(path, "PNG image", format!("record {record}: {error}"));
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    let color = reader.output_color_type().0;
    if (width, height, color) != (SIDE as u32, SIDE as u32, png::ColorType::Rgb) {
        let found = format!("{width} x {height} {color:?}");
        return Err(parquet_file::wrong_value(path, record, "img", "a PNG of 32 x 32 Rgb pixels", &found));
    }
    let mut interleaved = [0; IMAGE_BYTES];
    reader.next_frame(&mut interleaved).map_err(damaged)?;
    let mut planes = [0; IMAGE_BYTES];
    for (pixel, channels) in interleaved.chunks_exact(CHANNELS).enumerate() {
        for (channel, &value) in channels.iter().enumerate() {
            planes[channel * PLANE_BYTES + pixel] = value;
        }
    }
    Ok(planes)
}
