//! What can go wrong between a path and a data set, each with the place where it went wrong.
//!
//! Paths inside an archive are written as `ARCHIVE/MEMBER`. Counts are bytes unless a field says otherwise; records count
//! from 0. Label noise has its own error, because it can be checked before any file is opened.

use std::path::PathBuf;

use crate::hub::HubError;
use crate::label_noise::LabelNoiseError;
use crate::text::TextError;

/// The result of anything that reads or builds a data set.
pub type Result<T> = std::result::Result<T, DataError>;

/// Why a data set could not be read or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// `--data auto` found nothing.
    #[error(
        "no {task} files found: looked for {looked_for} in {}; \
         give their place with --data PATH, or use --data synthetic",
        list(folders)
    )]
    NothingFound {
        /// The task's name, as people write it.
        task: &'static str,
        /// The layouts that would have been taken.
        looked_for: &'static str,
        /// The folders that were looked into.
        folders: Vec<PathBuf>,
    },
    /// The path that was asked for does not exist.
    #[error("{}: no such file or folder", path.display())]
    MissingPath {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The operating system refused to read a file or folder.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A folder or archive has no file for one of the splits.
    #[error("{}: no {split} file (a name with the word \"{split}\"); it holds {}", folder.display(), names(found))]
    MissingSplit {
        /// The folder or archive.
        folder: PathBuf,
        /// `train` or `test`.
        split: &'static str,
        /// The names in it.
        found: Vec<String>,
    },
    /// A single file was given from which the splits cannot be told.
    #[error(
        "{}: one file cannot be both train and test data; \
         give the folder that holds both, or an archive of both (cifar-100-python.tar.gz)",
        path.display()
    )]
    SingleFile {
        /// The file.
        path: PathBuf,
    },
    /// The same part twice: `train.bin` beside `train.bin.xz`.
    #[error("{} and {} are the same part twice; remove one", first.display(), second.display())]
    SamePartTwice {
        /// The first of the two.
        first: PathBuf,
        /// The second of the two.
        second: PathBuf,
    },
    /// One split is there in two layouts, which would count each image twice.
    #[error(
        "{} is in the {first_layout} layout and {} in the {second_layout} layout; keep one of them",
        first.display(),
        second.display()
    )]
    MixedLayouts {
        /// A file of the split.
        first: PathBuf,
        /// Its layout.
        first_layout: &'static str,
        /// Another file of the same split.
        second: PathBuf,
        /// Its layout.
        second_layout: &'static str,
    },
    /// A file whose first bytes fit no layout.
    #[error("{}: not a known layout (first bytes {first_bytes}, {length} bytes); expected {expected}", path.display())]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// Its first bytes after unpacking, in hexadecimal.
        first_bytes: String,
        /// Its length after unpacking.
        length: u64,
        /// The layouts that would have been taken.
        expected: &'static str,
    },
    /// A compressed stream, archive, pickle, parquet file or image that contradicts itself.
    #[error("{}: damaged {layer}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Which layer of the file is damaged, for example `gzip stream`.
        layer: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A file of fixed-size records that ends inside a record.
    #[error(
        "{}: truncated: expected {expected} bytes ({records} records of {record_bytes}), found {found}{}",
        path.display(),
        hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The length that the started records would have.
        expected: u64,
        /// The length found, after unpacking.
        found: u64,
        /// Records that were started.
        records: u64,
        /// Bytes of one record.
        record_bytes: u64,
        /// What the file may be instead.
        hint: Option<&'static str>,
    },
    /// A file without a single record.
    #[error("{}: holds no records", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A label outside its range.
    #[error("{}: record {record}: {field} is {value}, expected 0 to {}", path.display(), classes - 1)]
    LabelOutOfRange {
        /// The file.
        path: PathBuf,
        /// The record, from 0.
        record: usize,
        /// `fine label`, `coarse label` or the column's name.
        field: &'static str,
        /// What was found.
        value: i64,
        /// How many classes there are.
        classes: u32,
    },
    /// A pickle or table without a field that the layout needs.
    #[error("{}: no field \"{field}\"; it has {}", path.display(), names(found))]
    MissingField {
        /// The file.
        path: PathBuf,
        /// The field that was looked for.
        field: &'static str,
        /// The fields that are there.
        found: Vec<String>,
    },
    /// A field of another type, shape or length than the layout says.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    WrongShape {
        /// The file.
        path: PathBuf,
        /// The field, with the record if it is in one.
        field: String,
        /// What the layout says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Data of another number of classes (CIFAR-10, most often).
    #[error("{}: labels of {found} classes, expected {expected} ({hint})", path.display())]
    WrongClassCount {
        /// The file.
        path: PathBuf,
        /// The task's number of classes.
        expected: u32,
        /// The number found: largest label + 1.
        found: u32,
        /// What the file may be instead.
        hint: &'static str,
    },
    /// A limit of 0, or above what there is.
    #[error("{flag} {asked}: expected 1 to {available}, the examples there are")]
    LimitOutOfRange {
        /// The flag that set it.
        flag: &'static str,
        /// The value asked for.
        asked: usize,
        /// The examples there are.
        available: usize,
    },
    /// A class too small for its share of a balanced subset.
    #[error("{flag} {asked}: a balanced subset needs {wanted} examples of class {class}, there are {available}")]
    ClassTooSmall {
        /// The flag that set the limit.
        flag: &'static str,
        /// The value asked for.
        asked: usize,
        /// The class.
        class: u32,
        /// Its share.
        wanted: usize,
        /// What there is of it.
        available: usize,
    },
    /// `--val-split` outside [0, 1).
    #[error("--val-split {fraction}: expected a number in [0, 1)")]
    ValSplitOutOfRange {
        /// The value asked for.
        fraction: f64,
    },
    /// `--val-split` that rounds to no held-out example, or leaves none to train on.
    #[error(
        "--val-split {fraction} of {examples} training examples holds out {held_out}; both sides need at least one"
    )]
    ValSplitEmpty {
        /// The value asked for.
        fraction: f64,
        /// The training examples before the split.
        examples: usize,
        /// How many would be held out.
        held_out: usize,
    },
    /// Label noise that cannot be applied.
    #[error(transparent)]
    LabelNoise(#[from] LabelNoiseError),
    /// A text task's files.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The hub or its cache.
    #[error(transparent)]
    Hub(Box<HubError>),
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

/// The first names of a long list: a message must fit on a screen.
pub(crate) fn names(found: &[String]) -> String {
    const SHOWN: usize = 12;
    match found.len() {
        0 => "nothing".to_owned(),
        count if count <= SHOWN => found.join(", "),
        count => format!("{}, and {} more", found[..SHOWN].join(", "), count - SHOWN),
    }
}
