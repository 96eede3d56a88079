//! From a path to the two files of a text task, whatever their layout.
//!
//! Names tell the train file from the evaluated one (`train`; `dev`, `validation`; `test`), content tells the layout. A
//! folder is searched in this order, and the first place that has such files is it: its own files, then its subfolders with
//! the task's name or called `data`, two levels down. So a hub snapshot, an unpacked GLUE archive and a data root all do;
//! other tasks of GLUE, which lie in folders beside SST-2's and look like it, are never taken.

use std::path::Path;

use super::format::{FileLayout, TextFormat};
use super::split::TextSplit;
use super::task::TaskFile;
use super::{csv_table, hub_table, tsv_table};
use crate::data_files::{
    DataFile, FilePart, Loaded, SplitFiles, files_in, first_word_of, folders_in, names_in, refuse_doubles, stem,
};
use crate::error::{DataError, DataResult, RowPlace, names};
use crate::parquet_file;

/// How deep data may lie below the folder that was given.
const FOLDER_DEPTH: usize = 2;

/// The endings of tables, below those of compression. Anything else beside the data (notes, scripts) is passed over.
const ENDINGS: [&str; 4] = ["tsv", "csv", "txt", "parquet"];

const TRAIN: &[&str] = &["train"];

/// Reads the data at a path that someone named: to find nothing there is an error.
pub(super) fn read(format: &TextFormat, path: &Path) -> DataResult<Loaded<TextSplit>> {
    if path.is_dir() {
        return read_folder(format, path)?.ok_or_else(|| missing_file(format, path, "train"));
    }
    if !path.exists() {
        return Err(DataError::MissingPath(path.to_owned()));
    }
    decode(format, beside(format, path)?)
}

/// Reads a folder if it has data.
pub(super) fn read_folder(format: &TextFormat, folder: &Path) -> DataResult<Option<Loaded<TextSplit>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    find(format, folder, FOLDER_DEPTH)?.map(|parts| decode(format, parts)).transpose()
}

fn find(format: &TextFormat, folder: &Path, depth: usize) -> DataResult<Option<SplitFiles>> {
    if let Some(parts) = sort(format, folder, files_in(folder)?)? {
        return Ok(Some(parts));
    }
    if depth > 0 {
        for inner in folders_in(folder)? {
            let name = inner.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let is_ours = name == "data" || format.dataset.folders.contains(&name.as_str());
            if is_ours && let Some(parts) = find(format, &inner, depth - 1)? {
                return Ok(Some(parts));
            }
        }
    }
    Ok(None)
}

/// A single train file stands for itself and the evaluated file beside it.
fn beside(format: &TextFormat, path: &Path) -> DataResult<SplitFiles> {
    let alone = || {
        let (task, evaluated) = (format.dataset.title, format.evaluated.name());
        let reason = format!(
            "{task} needs a train file (a name with the word \"train\") and a {evaluated} file beside it; \
             give such a train file, or the folder that holds both"
        );
        DataError::unusable(path, reason)
    };
    let file = DataFile::on_disk(path.to_owned());
    if split_of(format, &file) != Some(TaskFile::Train) {
        return Err(alone());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let others = files_in(folder)?.into_iter().filter(is_table);
    let evaluated: Vec<DataFile> = others.filter(|file| split_of(format, file) == Some(TaskFile::Evaluated)).collect();
    if evaluated.is_empty() {
        return Err(alone());
    }
    Ok(SplitFiles {
        train: choose(folder, "train", TRAIN, vec![file])?,
        evaluated: choose(folder, format.evaluated.name(), format.evaluated.words(), evaluated)?,
    })
}

/// The split that a file's name speaks of, by the first word that names any.
fn split_of(format: &TextFormat, file: &DataFile) -> Option<TaskFile> {
    let word = first_word_of(&file.name(), &["train", "dev", "validation", "valid", "val", "test"])?;
    if word == "train" {
        return Some(TaskFile::Train);
    }
    format.evaluated.words().contains(&word).then_some(TaskFile::Evaluated)
}

fn is_table(file: &DataFile) -> bool {
    let name = file.name().to_lowercase();
    stem(&name).rsplit_once('.').is_none_or(|(_, ending)| ENDINGS.contains(&ending))
}

/// `Ok(None)` if a folder has neither file.
fn sort(format: &TextFormat, folder: &Path, files: Vec<DataFile>) -> DataResult<Option<SplitFiles>> {
    let (mut train, mut evaluated) = (Vec::new(), Vec::new());
    for file in files.into_iter().filter(is_table) {
        match split_of(format, &file) {
            Some(TaskFile::Train) => train.push(file),
            Some(TaskFile::Evaluated) => evaluated.push(file),
            None => {}
        }
    }
    match (train.is_empty(), evaluated.is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => return Err(missing_file(format, folder, "train")),
        (false, true) => return Err(missing_file(format, folder, format.evaluated.name())),
        (false, false) => {}
    }
    Ok(Some(SplitFiles {
        train: choose(folder, "train", TRAIN, train)?,
        evaluated: choose(folder, format.evaluated.name(), format.evaluated.words(), evaluated)?,
    }))
}

fn missing_file(format: &TextFormat, folder: &Path, split: &str) -> DataError {
    let (task, found) = (format.dataset.title, names_in(folder));
    DataError::unusable(folder, format!("no {split} file for {task}; the folder holds {}", names(&found)))
}

/// The parts of one split among the files (in name order) whose names speak of it.
///
/// A plain name (`train.csv`) comes before others (`train_subset.csv`); what is left must be the parts of one file.
fn choose(folder: &Path, split: &str, words: &[&str], files: Vec<DataFile>) -> DataResult<Vec<DataFile>> {
    let is_plain = |file: &DataFile| {
        let name = file.name().to_lowercase();
        words.contains(&stem(&name).split('.').next().unwrap_or_default())
    };
    let (plain, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_plain);
    let parts = if plain.is_empty() { others } else { plain };
    refuse_doubles(&parts)?;
    let pattern = |file: &DataFile| without_numbers(stem(&file.name()));
    if let Some(other) = parts.iter().find(|file| pattern(file) != pattern(&parts[0])) {
        let (first, second) = (parts[0].path.display(), other.path.display());
        return Err(DataError::Conflict(format!(
            "{first} and {second} could both be the {split} file; move one away, or give one with --data PATH"
        )));
    }
    match parts.iter().find_map(|file| part_count(&file.name())) {
        Some(expected) if expected != parts.len() => {
            let found = parts.len();
            let reason = format!("{found} of {expected} parts of the {split} file are there; fetch the others");
            Err(DataError::unusable(folder, reason))
        }
        _ => Ok(parts),
    }
}

fn without_numbers(name: &str) -> String {
    name.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// 2 from `train-00000-of-00002.parquet`.
fn part_count(name: &str) -> Option<usize> {
    let (_, count) = name.split_once("-of-")?;
    count.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn decode(format: &TextFormat, files: SplitFiles) -> DataResult<Loaded<TextSplit>> {
    files.decode(|file| decode_part(format, file), join)
}

/// One part.
fn decode_part(format: &TextFormat, file: &DataFile) -> DataResult<FilePart<TextSplit>> {
    let path = &file.path;
    let bytes = file.read()?;
    if parquet_file::is_parquet(&bytes) {
        return Ok(part("parquet", hub_table::decode(path, format, bytes)?));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(DataError::no_records(path));
    }
    let text = utf8(path, &bytes)?;
    match format.layout {
        FileLayout::Csv if tsv_table::may_be_tsv(text) => Err(format.other_task(path, tsv_table::DESCRIPTION)),
        FileLayout::Csv => Ok(part("csv", csv_table::decode(path, format, text)?)),
        FileLayout::Tsv => match tsv_table::decode(path, format, text) {
            Err(_) if csv_table::may_be_csv(text) => Err(format.other_task(path, csv_table::DESCRIPTION)),
            rows => Ok(part("tsv", rows?)),
        },
    }
}

fn part(layout: &'static str, content: TextSplit) -> FilePart<TextSplit> {
    FilePart { layout, content, notice: None }
}

/// The text without a byte order mark.
fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> DataResult<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let place = error.valid_up_to();
            let line = 1 + bytes[..place].iter().filter(|&&byte| byte == b'\n').count() as u64;
            let reason = format!("not UTF-8 (byte 0x{:02x}); save the file as UTF-8", bytes[place]);
            Err(DataError::in_row(path, RowPlace::Line(line), reason))
        }
    }
}

fn join(parts: Vec<TextSplit>) -> TextSplit {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    parts.for_each(|part| all.append(&part));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_how_many_parts_there_are() {
        assert_eq!(part_count("train-00000-of-00002.parquet"), Some(2));
        assert_eq!(part_count("train.parquet"), None);
        assert_eq!(part_count("best-of-train.tsv"), None);
    }
}
