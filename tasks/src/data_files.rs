//! The files of a folder or archive, and from the parts of a task's two files to what they hold.
//!
//! Content cannot tell train from test, so names decide, word by word (`train_batch_3.bin.xz`,
//! `test-00000-of-00001.parquet`). Several parts of a file are joined in name order, where runs of digits count as numbers.
//! Which words and layouts a task has is its own business.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use aees_run::caught::caught;
use rayon::prelude::*;

use crate::data_source::DataOrigin;
use crate::error::{DataError, DataResult};
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

    fn open(&self) -> DataResult<Unpacked<'_>> {
        match &self.content {
            Some(bytes) => unpack::open_bytes(bytes, &self.path),
            None => unpack::open(&self.path),
        }
    }

    /// The first [`HEAD_BYTES`] unpacked bytes.
    pub(crate) fn head(&self) -> DataResult<Vec<u8>> {
        guarded(&self.path, || self.open()?.head(&self.path, HEAD_BYTES))
    }

    /// All unpacked bytes.
    pub(crate) fn read(&self) -> DataResult<Vec<u8>> {
        self.open()?.all(&self.path)
    }
}

/// The parts of the train file and of the file that is evaluated.
#[derive(Debug, Default)]
pub(crate) struct SplitFiles {
    pub(crate) train: Vec<DataFile>,
    pub(crate) evaluated: Vec<DataFile>,
}

/// What was read.
pub(crate) struct Loaded<S> {
    pub(crate) train: S,
    pub(crate) evaluated: S,
    pub(crate) origin: DataOrigin,
    /// What the user should know of the files.
    pub(crate) notices: Vec<String>,
}

/// What a part of a file holds.
pub(crate) struct FilePart<S> {
    pub(crate) layout: &'static str,
    pub(crate) content: S,
    /// What the user should know of it.
    pub(crate) notice: Option<String>,
}

impl SplitFiles {
    /// Decodes all parts of both files on all cores, and joins them.
    pub(crate) fn decode<S: Send + PartialEq>(
        self,
        decode: impl Fn(&DataFile) -> DataResult<FilePart<S>> + Send + Sync,
        join: impl Fn(Vec<S>) -> S,
    ) -> DataResult<Loaded<S>> {
        let train_parts = self.train.len();
        let files: Vec<DataFile> = self.train.into_iter().chain(self.evaluated).collect();
        // First all, then the first error in the order of the files: which one is told must not depend on threads.
        let decoded: Vec<_> = files.par_iter().map(|file| guarded(&file.path, || decode(file))).collect();
        let decoded = decoded.into_iter().collect::<DataResult<Vec<_>>>()?;
        let mut notices: Vec<String> = decoded.iter().filter_map(|part| part.notice.clone()).collect();
        let (layouts, mut parts): (Vec<&str>, Vec<S>) =
            decoded.into_iter().map(|part| (part.layout, part.content)).unzip();
        refuse_mixed(&files[..train_parts], &layouts[..train_parts])?;
        refuse_mixed(&files[train_parts..], &layouts[train_parts..])?;
        let evaluated = join(parts.split_off(train_parts));
        let train = join(parts);
        if train == evaluated {
            let (first, second) = (files[0].path.display(), files[train_parts].path.display());
            notices.push(format!("{first} and {second} hold the same examples: what is trained on is evaluated"));
        }
        let files = files.into_iter().map(|file| file.path).collect();
        Ok(Loaded { train, evaluated, origin: DataOrigin::Files { layout: layouts[0], files }, notices })
    }
}

/// A library that panics over a file has no words for what is wrong with it.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> DataResult<T>) -> DataResult<T> {
    caught(read).unwrap_or_else(|panic| Err(DataError::damaged(path, "file", panic)))
}

/// One file in two layouts would count each example twice.
fn refuse_mixed(files: &[DataFile], layouts: &[&'static str]) -> DataResult<()> {
    let Some(other) = layouts.iter().position(|layout| *layout != layouts[0]) else { return Ok(()) };
    let (first, second) = (files[0].path.display(), files[other].path.display());
    Err(DataError::Conflict(format!(
        "{first} is in the {} layout and {second} in the {} layout; keep one of them",
        layouts[0], layouts[other]
    )))
}

/// The first of a name's words that is one of `words`.
pub(crate) fn first_word_of(name: &str, words: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let mut parts = lower.split(|character: char| !character.is_ascii_alphabetic());
    parts.find_map(|part| words.iter().find(|&&word| word == part).copied())
}

/// The files (not folders) directly in a folder, hidden ones left out, in name order.
pub(crate) fn files_in(folder: &Path) -> DataResult<Vec<DataFile>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_file()).map(DataFile::on_disk).collect())
}

/// The folders directly in a folder, hidden ones left out, in name order.
pub(crate) fn folders_in(folder: &Path) -> DataResult<Vec<PathBuf>> {
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

fn entries(folder: &Path) -> DataResult<Vec<PathBuf>> {
    let refused = |source| DataError::Read(folder.to_owned(), source);
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

/// `train.bin` and `train.bin.xz` are the same examples: joining them would count each twice.
pub(crate) fn refuse_doubles(parts: &[DataFile]) -> DataResult<()> {
    for (position, first) in parts.iter().enumerate() {
        let name = first.name();
        if let Some(second) = parts[position + 1..].iter().find(|second| stem(&second.name()) == stem(&name)) {
            let (first, second) = (first.path.display(), second.path.display());
            return Err(DataError::Conflict(format!("{first} and {second} are the same part twice; remove one")));
        }
    }
    Ok(())
}

/// A name without the ending of a compression.
pub(crate) fn stem(name: &str) -> &str {
    [".gz", ".xz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Name order in which `part_10` comes after `part_9`.
pub(crate) fn natural_order(left: &str, right: &str) -> Ordering {
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
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["train_10.bin", "train_9.bin", "train.bin", "train_1.bin"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(names, ["train.bin", "train_1.bin", "train_9.bin", "train_10.bin"]);
    }
}
