//! Which files of a folder or archive are train data and which are test data.
//!
//! Content cannot tell train from test, so here names decide: a name belongs to a split if one of its words is `train` or
//! `test` (`train.bin`, `train_batch_3.bin.xz`, `test-00000-of-00001.parquet`). Several parts of a split are joined in name
//! order, where runs of digits count as numbers. Files whose unpacked content is plain text (lists of names, notes) are passed
//! over: they stand beside the data in many collections.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::error::{DataError, Result};
use crate::unpack::{self, Unpacked};

/// How many unpacked bytes tell one layout from another (a tar header is the longest).
pub(crate) const HEAD_BYTES: u64 = 1024;

/// A file on disk, or a member of an archive that is already in memory.
#[derive(Debug)]
pub(crate) struct DataFile {
    /// Where it is, for opening and for messages.
    pub(crate) path: PathBuf,
    content: Option<Vec<u8>>,
}

impl DataFile {
    pub(crate) fn on_disk(path: PathBuf) -> Self {
        Self { path, content: None }
    }

    pub(crate) fn in_memory(path: PathBuf, content: Vec<u8>) -> Self {
        Self { path, content: Some(content) }
    }

    /// The file's name, without its folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn open(&self) -> Result<Unpacked<'_>> {
        match &self.content {
            Some(bytes) => unpack::open_bytes(bytes, &self.path),
            None => unpack::open(&self.path),
        }
    }

    /// The first [`HEAD_BYTES`] unpacked bytes.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        self.open()?.head(&self.path, HEAD_BYTES)
    }

    /// All unpacked bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        self.open()?.all(&self.path)
    }
}

/// The parts of both splits.
#[derive(Debug)]
pub(crate) struct SplitFiles {
    pub(crate) train: Vec<DataFile>,
    pub(crate) test: Vec<DataFile>,
}

/// The split that a file's name speaks of, if it does.
pub(crate) fn split_of_name(name: &str) -> Option<&'static str> {
    first_word_of(name, &["train", "test"])
}

/// The first of a name's words that is one of `words`.
pub(crate) fn first_word_of(name: &str, words: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let mut parts = lower.split(|character: char| !character.is_ascii_alphabetic());
    parts.find_map(|part| words.iter().find(|&&word| word == part).copied())
}

/// The files (not folders) directly in a folder, hidden ones left out, in name order.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<DataFile>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_file()).map(DataFile::on_disk).collect())
}

/// The folders directly in a folder, hidden ones left out, in name order.
pub(crate) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The names in a folder, for messages.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |source| DataError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_by(|left, right| natural_order(&left.to_string_lossy(), &right.to_string_lossy()));
    Ok(paths)
}

/// Sorts files into splits. Errors if one split has no file; `Ok(None)` if neither has one.
pub(crate) fn sort_into_splits(folder: &Path, files: Vec<DataFile>) -> Result<Option<SplitFiles>> {
    let found: Vec<String> = files.iter().map(DataFile::name).collect();
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for file in files {
        let Some(split) = split_of_name(&file.name()) else { continue };
        if is_text(&file.head()?) {
            continue;
        }
        if split == "train" { train.push(file) } else { test.push(file) }
    }
    if train.is_empty() && test.is_empty() {
        return Ok(None);
    }
    for (split, parts) in [("train", &mut train), ("test", &mut test)] {
        if parts.is_empty() {
            return Err(DataError::MissingSplit { folder: folder.to_owned(), split, found });
        }
        parts.sort_by(|left, right| natural_order(&left.name(), &right.name()));
        refuse_doubles(parts)?;
    }
    Ok(Some(SplitFiles { train, test }))
}

/// `train.bin` and `train.bin.xz` are the same examples: joining them would count each twice.
pub(crate) fn refuse_doubles(parts: &[DataFile]) -> Result<()> {
    for (position, first) in parts.iter().enumerate() {
        let name = first.name();
        if let Some(second) = parts[position + 1..].iter().find(|second| stem(&second.name()) == stem(&name)) {
            return Err(DataError::SamePartTwice { first: first.path.clone(), second: second.path.clone() });
        }
    }
    Ok(())
}

/// A name without the ending of a compression.
pub(crate) fn stem(name: &str) -> &str {
    [".gz", ".xz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Text of any encoding that looks like ASCII: printable characters, tabs, line ends, and bytes above 127.
fn is_text(head: &[u8]) -> bool {
    // A pickle starts with byte 128 and then holds control characters early on; parquet and records hold zeros.
    !head.is_empty() && head.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// Name order in which `part_10` comes after `part_9`.
fn natural_order(left: &str, right: &str) -> Ordering {
    fn pieces(text: &str) -> Vec<(u64, &str)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (piece, tail) = rest.split_at(end);
            pieces.push(if digits { (piece.parse().unwrap_or(u64::MAX), "") } else { (0, piece) });
            rest = tail;
        }
        pieces
    }
    pieces(left).cmp(&pieces(right)).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_split_by_words() {
        assert_eq!(split_of_name("train_batch_3.bin.xz"), Some("train"));
        assert_eq!(split_of_name("Test-00000-of-00001.parquet"), Some("test"));
        assert_eq!(split_of_name("train2.bin"), Some("train"));
        assert_eq!(split_of_name("constraints.bin"), None);
        assert_eq!(split_of_name("latest.bin"), None);
        assert_eq!(split_of_name("meta"), None);
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["train_10.bin", "train_9.bin", "train.bin", "train_1.bin"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, ["train.bin", "train_1.bin", "train_9.bin", "train_10.bin"]);
    }

    #[test]
    fn text_is_told_from_records() {
        assert!(is_text(b"shard\trow\tname\n"));
        assert!(!is_text(&[11, 19, 255, 0, 7]));
        assert!(!is_text(b""));
    }
}
