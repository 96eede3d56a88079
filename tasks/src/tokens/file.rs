//! The layout of a token file.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `AEESTOKS` |
//! | 4 | version, 1 |
//! | 4 | length of the header |
//! | header | JSON ([`Header`]), filled with blanks up to a multiple of 8 |
//! | each split | u32: offsets `[sentences + 1]`, labels and clean labels `[sentences]`; u16 or u32: ids `[tokens]` |
//! | with label noise | the corrupted indices in the order of their draws, as u32 |
//! | 32 | SHA-256 of all before it |
//!
//! Numbers are little-endian; every array begins at a multiple of 8. A file is whole and ours, or it is refused with a
//! reason: magic, version, length and digest are checked, then the key, then all that an access relies on.

use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::data::TokenData;
use super::key::TokenKey;
use super::split::{IdWidth, TokenSplit, TokenTable};
use crate::data_source::DataOrigin;
use crate::label_noise::{LabelNoise, LabelNoiseReport, LabelNoiseType, report};

const MAGIC: &[u8; 8] = b"AEESTOKS";
const VERSION: u32 = 1;
const PREFIX_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const ALIGNMENT: usize = 8;

/// The header: what the file is, and how long its arrays are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    key: TokenKey,
    vocabulary_size: usize,
    id_bytes: usize,
    splits: Vec<SplitHeader>,
    /// How many labels were corrupted; None without label noise.
    corrupted_labels: Option<usize>,
    /// Where the text came from when the file was made: for people, never read back.
    origin: serde_json::Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitHeader {
    name: String,
    sentences: usize,
    tokens: usize,
}

/// Writes a whole file.
pub(super) fn write(out: &mut dyn Write, key: &TokenKey, data: &TokenData) -> io::Result<()> {
    let header = serde_json::to_vec(&Header {
        key: key.clone(),
        vocabulary_size: data.vocabulary_size,
        id_bytes: data.train.table().width().bytes(),
        splits: data.splits().map(|(name, split)| SplitHeader::of(name, split)).collect(),
        corrupted_labels: data.label_noise.as_ref().map(|report| report.corrupted_indices.len()),
        origin: serde_json::to_value(&data.origin)?,
    })?;
    let mut out = Hashed { out, digest: Sha256::new() };
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    let padded = header.len().next_multiple_of(ALIGNMENT);
    let length = u32::try_from(padded).map_err(|_| io::Error::other("a header of 4 GiB"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&header)?;
    out.write_all(&b"        "[..padded - header.len()])?;
    for (_, split) in data.splits() {
        out.write_array(&numbers(split.table().offsets()))?;
        out.write_array(&numbers(split.labels()))?;
        out.write_array(&numbers(split.clean_labels()))?;
        out.write_array(split.table().id_bytes())?;
    }
    if let Some(report) = &data.label_noise {
        out.write_array(&numbers(&report.corrupted_indices))?;
    }
    let Hashed { out, digest } = out;
    out.write_all(&digest.finalize())
}

impl SplitHeader {
    fn of(name: &str, split: &TokenSplit) -> Self {
        Self { name: name.to_owned(), sentences: split.len(), tokens: split.table().tokens() }
    }
}

/// Passes bytes on and hashes them.
struct Hashed<'out> {
    out: &'out mut dyn Write,
    digest: Sha256,
}

impl Hashed<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }

    fn write_array(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)?;
        self.write_all(&[0; ALIGNMENT][..bytes.len().next_multiple_of(ALIGNMENT) - bytes.len()])
    }
}

fn numbers(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a whole file, or says why it is not the one that `key` names.
pub(super) fn read(bytes: &Bytes, key: &TokenKey, origin: DataOrigin) -> Result<TokenData, String> {
    let (header, body) = read_header(bytes)?;
    if let Some(difference) = key.difference(&header.key) {
        return Err(difference);
    }
    let width = match header.id_bytes {
        2 => IdWidth::Two,
        4 => IdWidth::Four,
        other => return Err(format!("ids of {other} bytes")),
    };
    if i32::try_from(header.vocabulary_size).is_err() {
        return Err(format!("a vocabulary of {} tokens", header.vocabulary_size));
    }
    let mut arrays = Arrays { bytes, next: body.start, end: body.end };
    let mut splits = Vec::new();
    for split in &header.splits {
        splits.push(
            read_split(&mut arrays, split, width, &header).map_err(|reason| format!("{}: {reason}", split.name))?,
        );
    }
    let corrupted = header.corrupted_labels.map(|count| arrays.numbers(count)).transpose()?;
    if arrays.next != arrays.end {
        return Err(format!("{} bytes too long", arrays.end - arrays.next));
    }
    let names: Vec<&str> = header.splits.iter().map(|split| split.name.as_str()).collect();
    let mut splits = splits.into_iter();
    let (Some(train), Some(validation), ["train", "validation"] | ["train", "validation", "test"]) =
        (splits.next(), splits.next(), names.as_slice())
    else {
        return Err(format!("splits {names:?}"));
    };
    Ok(TokenData {
        label_noise: noise_report(key, &train, corrupted)?,
        train,
        validation,
        test: splits.next(),
        fingerprint: key.data_fingerprint.clone(),
        origin,
        tokenizer_digest: key.tokenizer_digest.clone(),
        vocabulary_size: header.vocabulary_size,
        max_length: key.max_length,
    })
}

/// Checks that the file is whole, and gives its header and where its arrays lie.
fn read_header(bytes: &[u8]) -> Result<(Header, Range<usize>), String> {
    let Some((prefix, _)) = bytes.split_at_checked(PREFIX_BYTES) else {
        return Err(format!("truncated: {} bytes", bytes.len()));
    };
    if &prefix[..8] != MAGIC {
        return Err("not a token file".to_owned());
    }
    let number = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    if number(8) != VERSION {
        return Err(format!("version {} of the layout, not {VERSION}", number(8)));
    }
    let body = PREFIX_BYTES.saturating_add(number(12) as usize);
    let Some(end) = bytes.len().checked_sub(DIGEST_BYTES).filter(|&end| end >= body) else {
        return Err(format!("truncated: {} bytes", bytes.len()));
    };
    if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
        return Err("damaged or truncated: its digest does not fit".to_owned());
    }
    let header =
        serde_json::from_slice(&bytes[PREFIX_BYTES..body]).map_err(|error| format!("damaged header: {error}"))?;
    Ok((header, body..end))
}

/// The arrays of a file, one after the other.
struct Arrays<'file> {
    bytes: &'file Bytes,
    next: usize,
    end: usize,
}

impl Arrays<'_> {
    fn take(&mut self, count: usize, width: usize) -> Result<Bytes, String> {
        let length = count.checked_mul(width);
        let stop = length.and_then(|length| self.next.checked_add(length));
        let padded = stop.and_then(|stop| stop.checked_next_multiple_of(ALIGNMENT));
        match (stop, padded) {
            (Some(stop), Some(padded)) if padded <= self.end => {
                let array = self.bytes.slice(self.next..stop);
                self.next = padded;
                Ok(array)
            }
            _ => Err(format!("shorter than its header says ({count} numbers)")),
        }
    }

    fn numbers(&mut self, count: usize) -> Result<Vec<u32>, String> {
        Ok(self.take(count, 4)?.as_chunks().0.iter().map(|&number| u32::from_le_bytes(number)).collect())
    }
}

fn read_split(
    arrays: &mut Arrays<'_>,
    split: &SplitHeader,
    width: IdWidth,
    header: &Header,
) -> Result<TokenSplit, String> {
    let offsets = arrays.numbers(split.sentences.saturating_add(1))?;
    let labels = arrays.numbers(split.sentences)?;
    let clean_labels = arrays.numbers(split.sentences)?;
    let ids = arrays.take(split.tokens, width.bytes())?;
    if offsets.first() != Some(&0) || offsets.last().map(|&end| end as usize) != Some(split.tokens) {
        return Err("offsets that do not span the ids".to_owned());
    }
    let fits =
        |length: Option<u32>| length.is_some_and(|length| (2..=header.key.max_length).contains(&(length as usize)));
    if !offsets.windows(2).all(|ends| fits(ends[1].checked_sub(ends[0]))) {
        return Err("offsets that make a sentence of an impossible length".to_owned());
    }
    if split.tokens > 0 && width.largest(&ids) as usize >= header.vocabulary_size {
        return Err("an id outside the vocabulary".to_owned());
    }
    Ok(TokenSplit::new(TokenTable::from_parts(offsets, ids, width), labels, clean_labels))
}

/// Rebuilds the report: all but the order of the draws follows from the labels and the key.
fn noise_report(
    key: &TokenKey,
    train: &TokenSplit,
    corrupted: Option<Vec<u32>>,
) -> Result<Option<LabelNoiseReport>, String> {
    let Some(corrupted_indices) = corrupted else { return Ok(None) };
    let examples = train.len();
    if corrupted_indices.iter().any(|&index| index as usize >= examples) {
        return Err("a corrupted label outside the training split".to_owned());
    }
    let differs = train.labels().iter().zip(train.clean_labels()).filter(|(noisy, clean)| noisy != clean).count();
    if differs != corrupted_indices.len() {
        return Err("labels and corrupted positions that do not agree".to_owned());
    }
    let (kind, rate) = key.label_noise.map_or((LabelNoiseType::None, 0.0), |noise| (noise.kind, noise.rate));
    let noise = LabelNoise::new(kind, rate).map_err(|error| error.to_string())?;
    Ok(Some(report(train.clean_labels(), noise, train.labels().to_vec(), corrupted_indices)))
}
