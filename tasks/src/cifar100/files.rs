//! From a path to the two splits of CIFAR-100, whatever the layout.
//!
//! A folder is searched in this order, and the first place that has data is it: its own files, its subfolders (two levels, in
//! name order), archives in it. Each file's layout is told by its content, after unpacking:
//!
//! - `PAR1`: parquet, from the hub;
//! - byte 128 and a protocol number: a pickle of the Python version;
//! - `ustar` in a tar header: an archive, whose members are treated like a folder's files;
//! - otherwise the binary version, if the first record's labels are in range.

use std::io::Read;
use std::path::Path;

use aees_run::hexadecimal::hexadecimal;

use super::classes::LabelledImages;
use super::{binary, parquet_table, python_version};
use crate::data_files::{
    DataFile, FilePart, Loaded, SplitFiles, files_in, first_word_of, folders_in, names_in, natural_order,
    refuse_doubles,
};
use crate::error::{DataError, DataResult, names};
use crate::image::ImageSplit;
use crate::parquet_file;
use crate::unpack::{self, MOST_BYTES, too_large};

/// The layouts, for messages.
pub(super) const LAYOUTS: &str =
    "CIFAR-100 in the binary version, the Python version or the hub's parquet (plain, .gz, .xz or .zst)";

/// How deep data may lie below the folder that was given (`cifar100/` in a data root, `data/` in a hub snapshot).
const FOLDER_DEPTH: usize = 2;

/// Reads the data at a path that someone named: to find nothing there is an error.
pub(super) fn read(path: &Path) -> DataResult<Loaded<ImageSplit>> {
    if path.is_dir() {
        return read_folder(path)?.ok_or_else(|| missing(path, "train", &names_in(path)));
    }
    let file = DataFile::on_disk(path.to_owned());
    if is_tar(&file.head()?) {
        return archive_splits(path)?.decode(decode_part, ImageSplit::joined);
    }
    beside(path)?.decode(decode_part, ImageSplit::joined)
}

/// Reads a folder if it has data.
pub(super) fn read_folder(folder: &Path) -> DataResult<Option<Loaded<ImageSplit>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    find(folder, FOLDER_DEPTH)?.map(|files| files.decode(decode_part, ImageSplit::joined)).transpose()
}

fn find(folder: &Path, depth: usize) -> DataResult<Option<SplitFiles>> {
    if let Some(splits) = sort_whole(folder, files_in(folder)?)? {
        return Ok(Some(splits));
    }
    if depth > 0 {
        for inner in folders_in(folder)? {
            if let Some(splits) = find(&inner, depth - 1)? {
                return Ok(Some(splits));
            }
        }
    }
    for file in files_in(folder)? {
        if is_tar(&file.head()?) {
            return archive_splits(&file.path).map(Some);
        }
    }
    Ok(None)
}

/// A single train file stands for itself and the test files beside it; other train files beside it are left out.
fn beside(path: &Path) -> DataResult<SplitFiles> {
    let file = DataFile::on_disk(path.to_owned());
    let mut splits = SplitFiles::default();
    if split_of(&file.name()) == Some("train") {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let tests = files_in(folder)?.into_iter().filter(|file| split_of(&file.name()) == Some("test"));
        splits = sort(std::iter::once(file).chain(tests))?;
    }
    if splits.train.is_empty() || splits.evaluated.is_empty() {
        let reason = "one file cannot be both train and test data; \
                      give the folder that holds both, or an archive of both (cifar-100-python.tar.gz)";
        return Err(DataError::unusable(path, reason));
    }
    Ok(splits)
}

/// The split that a file's name speaks of, if it does.
fn split_of(name: &str) -> Option<&'static str> {
    first_word_of(name, &["train", "test"])
}

/// Sorts files into splits. Files of plain text (lists of names, notes) are passed over: they stand beside the data in many
/// collections.
fn sort(files: impl IntoIterator<Item = DataFile>) -> DataResult<SplitFiles> {
    let mut splits = SplitFiles::default();
    for file in files {
        let parts = match split_of(&file.name()) {
            Some("train") => &mut splits.train,
            Some(_) => &mut splits.evaluated,
            None => continue,
        };
        if !is_text(&file.head()?) {
            parts.push(file);
        }
    }
    for parts in [&mut splits.train, &mut splits.evaluated] {
        parts.sort_by(|left, right| natural_order(&left.name(), &right.name()));
        refuse_doubles(parts)?;
    }
    Ok(splits)
}

/// Sorts the files of a folder or archive. Errors if one split has no file; `Ok(None)` if neither has one.
fn sort_whole(folder: &Path, files: Vec<DataFile>) -> DataResult<Option<SplitFiles>> {
    let found: Vec<String> = files.iter().map(DataFile::name).collect();
    let splits = sort(files)?;
    match (splits.train.is_empty(), splits.evaluated.is_empty()) {
        (false, false) => Ok(Some(splits)),
        (true, true) => Ok(None),
        (true, false) => Err(missing(folder, "train", &found)),
        (false, true) => Err(missing(folder, "test", &found)),
    }
}

fn missing(folder: &Path, split: &str, found: &[String]) -> DataError {
    let found = names(found);
    DataError::unusable(folder, format!("no {split} file (a name with the word \"{split}\"); it holds {found}"))
}

/// Text of any encoding that looks like ASCII: printable characters, tabs, line ends, and bytes above 127.
fn is_text(head: &[u8]) -> bool {
    // A pickle starts with byte 128 and then holds control characters early on; parquet and records hold zeros.
    !head.is_empty() && head.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

fn archive_splits(path: &Path) -> DataResult<SplitFiles> {
    let damaged = |error: std::io::Error| DataError::damaged(path, "tar archive", error);
    let mut archive = tar::Archive::new(unpack::open(path)?.into_reader());
    let (mut members, mut unpacked) = (Vec::new(), 0);
    for member in archive.entries().map_err(damaged)? {
        let mut member = member.map_err(damaged)?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        // The name is only shown and searched for words; nothing is written to disk.
        let name = member.path().map_err(damaged)?.into_owned();
        let hidden = name.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        let mut content = Vec::new();
        let room = MOST_BYTES - unpacked;
        (&mut member).take(room + 1).read_to_end(&mut content).map_err(damaged)?;
        unpacked += content.len() as u64;
        if unpacked > MOST_BYTES {
            return Err(too_large(path));
        }
        members.push(DataFile::in_memory(path.join(name), content));
    }
    let found: Vec<String> = members.iter().map(|member| member.path.display().to_string()).collect();
    sort_whole(path, members)?.ok_or_else(|| missing(path, "train", &found))
}

/// One part.
fn decode_part(file: &DataFile) -> DataResult<FilePart<ImageSplit>> {
    let (bytes, path) = (file.read()?, &file.path);
    let (layout, LabelledImages { images, contradicting }) = if parquet_file::is_parquet(&bytes) {
        ("parquet", parquet_table::decode(path, bytes)?)
    } else if python_version::may_be_pickle(&bytes) {
        ("python", python_version::decode(path, &bytes)?)
    } else if bytes.is_empty() || binary::may_be_binary(&bytes) || binary::is_whole_records(&bytes) {
        // An empty file and a wrong first label get the binary reader's message, which says more.
        ("binary", binary::decode(path, &bytes)?)
    } else {
        let (first_bytes, length) = (hexadecimal(&bytes[..bytes.len().min(8)]), bytes.len());
        let reason = format!("not a known layout (first bytes {first_bytes}, {length} bytes); expected {LAYOUTS}");
        return Err(DataError::unusable(path, reason));
    };
    let notice = contradicting.map(|(first, count)| {
        let (name, all) = (path.display(), images.len());
        format!(
            "{name}: {count} of {all} coarse labels contradict the fine ones, record {first} first; the fine ones count"
        )
    });
    Ok(FilePart { layout, content: images, notice })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_split_by_words() {
        assert_eq!(split_of("train_batch_3.bin.xz"), Some("train"));
        assert_eq!(split_of("Test-00000-of-00001.parquet"), Some("test"));
        assert_eq!(split_of("train2.bin"), Some("train"));
        assert_eq!(split_of("constraints.bin"), None);
        assert_eq!(split_of("latest.bin"), None);
        assert_eq!(split_of("meta"), None);
    }

    #[test]
    fn text_is_told_from_records() {
        assert!(is_text(b"shard\trow\tname\n"));
        assert!(!is_text(&[11, 19, 255, 0, 7]));
        assert!(!is_text(b""));
    }
}
