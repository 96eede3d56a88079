//! What can be wrong with a text task's files, each with the file and the line or record.

use std::fmt;
use std::path::PathBuf;

use crate::error::names;

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPlace {
    /// The line on which the row begins, from 1, the header counted.
    Line(u64),
    /// The row of a binary table, from 0.
    Record(usize),
}

impl fmt::Display for RowPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Record(record) => write!(formatter, "record {record}"),
        }
    }
}

/// Why a text file, or a folder of them, was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A header without a column that the task needs.
    #[error(
        "{}, line {line}: no column \"{column}\"; the header has {}{}",
        path.display(),
        names(found),
        hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The header's line.
        line: u64,
        /// The column that was looked for.
        column: &'static str,
        /// The columns that are there.
        found: Vec<String>,
        /// What the file may be.
        hint: Option<&'static str>,
    },
    /// A row with more or fewer fields than the others.
    #[error("{}, {place}: {found} fields, expected {expected} ({layout})", path.display())]
    WrongFieldCount {
        /// The file.
        path: PathBuf,
        /// The row.
        place: RowPlace,
        /// The fields of the header or of the layout.
        expected: usize,
        /// The fields of this row.
        found: usize,
        /// The layout, in words.
        layout: &'static str,
    },
    /// A label that is no class of the task.
    #[error("{}, {place}: label \"{found}\", expected {first} to {last}", path.display())]
    NotAClass {
        /// The file.
        path: PathBuf,
        /// The row.
        place: RowPlace,
        /// What stands there.
        found: String,
        /// The smallest label in this layout.
        first: i64,
        /// The largest label in this layout.
        last: i64,
    },
    /// Label -1: the hub's mark for rows whose label is not public.
    #[error(
        "{}, {place}: label -1, the mark of a test file without labels; train and {evaluated} files need labels",
        path.display()
    )]
    Unlabelled {
        /// The file.
        path: PathBuf,
        /// The row.
        place: RowPlace,
        /// The task's evaluated file, in words.
        evaluated: &'static str,
    },
    /// A row whose text is empty or only spaces.
    #[error("{}, {place}: a row without text", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The row.
        place: RowPlace,
    },
    /// Bytes that are no UTF-8.
    #[error("{}, line {line}: not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The first wrong byte.
        byte: u8,
    },
    /// A file that ends inside quotes.
    #[error(
        "{}, line {line}: a quoted field is open at the end of the file; the file is cut short or lacks a quote",
        path.display()
    )]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins.
        line: u64,
    },
    /// A file of another task.
    #[error("{}: looks like {found}, expected {expected}", path.display())]
    OtherTask {
        /// The file.
        path: PathBuf,
        /// The file as what it looks like.
        found: &'static str,
        /// The layouts of the task.
        expected: &'static str,
    },
    /// Two files that are no numbered parts of one, either of which could be the split.
    #[error(
        "{} and {} could both be the {split} file; move one away, or give one with --data PATH",
        first.display(),
        second.display()
    )]
    TwoCandidates {
        /// One of them.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
        /// The split, in words.
        split: &'static str,
    },
    /// `train-00000-of-00002.parquet` without its second part.
    #[error("{}: {found} of {expected} parts of the {split} file are there; fetch the others", folder.display())]
    MissingParts {
        /// The folder.
        folder: PathBuf,
        /// The split, in words.
        split: &'static str,
        /// The parts found.
        found: usize,
        /// The parts that the names speak of.
        expected: usize,
    },
    /// A folder that has one of the two files.
    #[error("{}: no {split} file for {task}; the folder holds {}", folder.display(), names(found))]
    MissingFile {
        /// The folder.
        folder: PathBuf,
        /// The task's title.
        task: &'static str,
        /// The split, in words.
        split: &'static str,
        /// The names in it.
        found: Vec<String>,
    },
    /// A file was given that is not a train file, or has no evaluated file beside it.
    #[error(
        "{}: {task} needs a train file (a name with the word \"train\") and a {evaluated} file beside it; \
         give such a train file, or the folder that holds both",
        path.display()
    )]
    OneFile {
        /// The file.
        path: PathBuf,
        /// The task's title.
        task: &'static str,
        /// The other file that the task needs, in words.
        evaluated: &'static str,
    },
    /// A training set from which no validation split can be held out.
    #[error("the training file has {examples} rows, too few to hold out a validation split; at least 2 are needed")]
    TooFewToSplit {
        /// The examples there are.
        examples: usize,
    },
}
