//! The layout of a token file: safetensors, so that Python reads it (`safetensors.safe_open`).
//!
//! | tensor | |
//! |---|---|
//! | `SPLIT.ids` | i32 `[tokens]`: the ids of all sentences, one after the other |
//! | `SPLIT.offsets` | i64 `[sentences + 1]`: where each sentence begins in the ids |
//! | `SPLIT.labels`, `SPLIT.clean_labels` | i32 `[sentences]` |
//! | `corrupted_indices` | i32: with label noise, the corrupted positions in the order of their draws |
//! | `sha256` | u8 `[32]`: of all bytes of the file before it, which are all others |
//!
//! SPLIT is `train`, `validation` or, where the task has it, `test`. The metadata `aees_tokens` is a [`TokenFileMetadata`] in JSON. A
//! file is whole and ours, or it is refused with a reason: the digest is checked, then the key, then all that an access
//! relies on.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::data::TokenData;
use super::key::TokenKey;
use super::split::TokenSplit;
use crate::data_source::DataOrigin;
use crate::label_noise::{LabelNoise, LabelNoiseReport, report};

const METADATA: &str = "aees_tokens";
const VERSION: u32 = 2;
/// The only tensor of bytes: safetensors puts the widest types first, so it ends the file.
const DIGEST: &str = "sha256";
const DIGEST_BYTES: usize = 32;
const CORRUPTED: &str = "corrupted_indices";

/// What the file is.
#[derive(Debug, Serialize, Deserialize)]
struct TokenFileMetadata {
    version: u32,
    key: TokenKey,
    vocabulary_size: usize,
    /// Where the text came from when the file was made: for people, never read back.
    origin: serde_json::Value,
}

/// A whole file.
pub(super) fn encode(key: &TokenKey, data: &TokenData) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let header = TokenFileMetadata {
        version: VERSION,
        key: key.clone(),
        vocabulary_size: data.vocabulary_size,
        origin: serde_json::to_value(&data.origin)?,
    };
    let mut arrays: Vec<(String, Dtype, Cow<'_, [u8]>)> = Vec::new();
    for (name, split) in data.splits() {
        let offsets = split.offsets().iter().flat_map(|&offset| (offset as i64).to_le_bytes()).collect();
        arrays.push((format!("{name}.offsets"), Dtype::I64, offsets));
        arrays.push((format!("{name}.ids"), Dtype::I32, split.id_bytes().into()));
        arrays.push((format!("{name}.labels"), Dtype::I32, numbers(split.labels())));
        arrays.push((format!("{name}.clean_labels"), Dtype::I32, numbers(split.clean_labels())));
    }
    if let Some(report) = &data.label_noise {
        arrays.push((CORRUPTED.to_owned(), Dtype::I32, numbers(&report.corrupted_indices)));
    }
    arrays.push((DIGEST.to_owned(), Dtype::U8, Cow::Borrowed(&[0; DIGEST_BYTES])));
    let views = arrays.iter().map(|(name, dtype, bytes)| {
        let shape = vec![bytes.len() * 8 / dtype.bitsize()];
        Ok((name.as_str(), TensorView::new(*dtype, shape, bytes)?))
    });
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([(METADATA.to_owned(), serde_json::to_string(&header)?)]);
    let mut file = safetensors::serialize(views, Some(metadata))?;
    let end = file.len() - DIGEST_BYTES;
    let digest = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&digest);
    Ok(file)
}

fn numbers(values: &[u32]) -> Cow<'static, [u8]> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a whole file, or says why it is not the one that `key` names.
pub(super) fn read(bytes: &Bytes, key: &TokenKey, origin: DataOrigin) -> Result<TokenData, String> {
    check_digest(bytes)?;
    let damaged = |error| format!("damaged header: {error}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)).ok_or("not a token file")?;
    let header: TokenFileMetadata = serde_json::from_str(header).map_err(|error| format!("damaged header: {error}"))?;
    if header.version != VERSION {
        return Err(format!("version {} of the layout, not {VERSION}", header.version));
    }
    if let Some(difference) = key.difference(&header.key) {
        return Err(difference);
    }
    if i32::try_from(header.vocabulary_size).is_err() {
        return Err(format!("a vocabulary of {} tokens", header.vocabulary_size));
    }
    let file = Arrays { tensors: SafeTensors::deserialize(bytes).map_err(damaged)?, bytes };
    let split = |name: &str| file.split(name, &header).map_err(|reason| format!("{name}: {reason}"));
    let train = split("train")?;
    Ok(TokenData {
        label_noise: noise_report(key, &train, &file)?,
        train,
        validation: split("validation")?,
        test: file.tensors.names().contains(&"test.ids").then(|| split("test")).transpose()?,
        fingerprint: key.data_fingerprint.clone(),
        origin,
        tokenizer_digest: key.tokenizer_digest.clone(),
        vocabulary_size: header.vocabulary_size,
        max_length: key.max_length,
    })
}

fn check_digest(bytes: &[u8]) -> Result<(), String> {
    match bytes.split_last_chunk::<DIGEST_BYTES>() {
        None => Err(format!("truncated: {} bytes", bytes.len())),
        Some((content, digest)) if Sha256::digest(content)[..] == digest[..] => Ok(()),
        Some(_) => Err("damaged, truncated or no token file: its digest does not fit".to_owned()),
    }
}

struct Arrays<'file> {
    tensors: SafeTensors<'file>,
    bytes: &'file Bytes,
}

impl<'file> Arrays<'file> {
    fn get(&self, name: &str, dtype: Dtype) -> Result<&'file [u8], String> {
        let tensor = self.tensors.tensor(name).map_err(|error| error.to_string())?;
        if tensor.dtype() != dtype {
            return Err(format!("{name} is {}, not {dtype}", tensor.dtype()));
        }
        Ok(tensor.data())
    }

    fn numbers(&self, name: &str) -> Result<Vec<u32>, String> {
        Ok(self.get(name, Dtype::I32)?.as_chunks().0.iter().map(|&number| u32::from_le_bytes(number)).collect())
    }

    fn split(&self, name: &str, header: &TokenFileMetadata) -> Result<TokenSplit, String> {
        let ids = self.get(&format!("{name}.ids"), Dtype::I32)?;
        let offsets = self.get(&format!("{name}.offsets"), Dtype::I64)?.as_chunks().0.iter();
        let offsets = offsets.map(|&offset| usize::try_from(i64::from_le_bytes(offset)));
        let offsets: Vec<usize> = offsets.collect::<Result<_, _>>().map_err(|_| "a negative offset")?;
        let (ids_there, lengths) = (ids.len() / 4, 2..=header.key.max_length);
        if offsets.first() != Some(&0) || offsets.last() != Some(&ids_there) {
            return Err("offsets that do not span the ids".to_owned());
        }
        if !offsets.windows(2).all(|ends| ends[1].checked_sub(ends[0]).is_some_and(|length| lengths.contains(&length)))
        {
            return Err("offsets that make a sentence of an impossible length".to_owned());
        }
        if ids.as_chunks().0.iter().any(|&id| u32::from_le_bytes(id) as usize >= header.vocabulary_size) {
            return Err("an id outside the vocabulary".to_owned());
        }
        let labels = [self.numbers(&format!("{name}.labels"))?, self.numbers(&format!("{name}.clean_labels"))?];
        if labels.iter().any(|labels| labels.len() + 1 != offsets.len()) {
            return Err("not a label for each sentence".to_owned());
        }
        let [labels, clean_labels] = labels;
        Ok(TokenSplit::from_parts(offsets, self.bytes.slice_ref(ids)).with_labels(labels, clean_labels))
    }
}

/// Rebuilds the report: all but the order of the draws follows from the labels and the key.
fn noise_report(key: &TokenKey, train: &TokenSplit, file: &Arrays<'_>) -> Result<Option<LabelNoiseReport>, String> {
    let Some(noise) = key.label_noise else { return Ok(None) };
    let corrupted = file.numbers(CORRUPTED)?;
    if corrupted.iter().any(|&index| index as usize >= train.len()) {
        return Err("a corrupted label outside the training split".to_owned());
    }
    let differs = train.labels().iter().zip(train.clean_labels()).filter(|(noisy, clean)| noisy != clean).count();
    if differs != corrupted.len() {
        return Err("labels and corrupted positions that do not agree".to_owned());
    }
    let noise = LabelNoise { kind: noise.kind, rate: noise.rate };
    Ok(Some(report(train.clean_labels(), noise, train.labels().to_vec(), corrupted)))
}
