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
use std::path::{Path, PathBuf};

use super::{binary, parquet_table, python_version};
use crate::error::{DataError, Result};
use crate::hub_data::HubSnapshot;
use crate::image::ImageSplit;
use crate::split_files::{DataFile, SplitFiles, files_in, folders_in, names_in, sort_into_splits, split_of_name};
use crate::unpack;
use crate::{parallel, parquet_file};

/// The layouts, for messages.
pub(super) const LAYOUTS: &str =
    "CIFAR-100 in the binary version, the Python version or the hub's parquet (plain, .gz, .xz or .zst)";

/// How deep data may lie below the folder that was given (`cifar100/` in a data root, `data/` in a hub snapshot).
const FOLDER_DEPTH: usize = 2;

/// What was read.
pub(super) struct Loaded {
    pub(super) train: ImageSplit,
    pub(super) test: ImageSplit,
    pub(super) layout: &'static str,
    pub(super) files: Vec<PathBuf>,
    /// Where the hub's cache has them from, for those that lie there.
    pub(super) snapshot: Option<HubSnapshot>,
}

/// Reads the data at a path that someone named: to find nothing there is an error.
pub(super) fn read(path: &Path) -> Result<Loaded> {
    if path.is_dir() {
        return read_folder(path)?.ok_or_else(|| DataError::MissingSplit {
            folder: path.to_owned(),
            split: "train",
            found: names_in(path),
        });
    }
    let file = DataFile::on_disk(path.to_owned());
    if is_tar(&file.head()?) {
        return decode(archive_splits(path)?);
    }
    decode(beside(path)?)
}

/// Reads a folder if it has data.
pub(super) fn read_folder(folder: &Path) -> Result<Option<Loaded>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    find(folder, FOLDER_DEPTH)?.map(decode).transpose()
}

fn find(folder: &Path, depth: usize) -> Result<Option<SplitFiles>> {
    if let Some(splits) = sort_into_splits(folder, files_in(folder)?)? {
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
fn beside(path: &Path) -> Result<SplitFiles> {
    let single = || DataError::SingleFile { path: path.to_owned() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if split_of_name(&name) != Some("train") {
        return Err(single());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = vec![DataFile::on_disk(path.to_owned())];
    files.extend(files_in(folder)?.into_iter().filter(|file| {
        file.path.file_name().is_some_and(|name| split_of_name(&name.to_string_lossy()) == Some("test"))
    }));
    match sort_into_splits(folder, files) {
        Ok(Some(splits)) => Ok(splits),
        Ok(None) | Err(DataError::MissingSplit { .. }) => Err(single()),
        Err(error) => Err(error),
    }
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

fn archive_splits(path: &Path) -> Result<SplitFiles> {
    let corrupt = |error: std::io::Error| DataError::Corrupt {
        path: path.to_owned(),
        layer: "tar archive",
        reason: error.to_string(),
    };
    let mut archive = tar::Archive::new(unpack::open(path)?.into_reader());
    let mut members = Vec::new();
    for member in archive.entries().map_err(corrupt)? {
        let mut member = member.map_err(corrupt)?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        // The name is only shown and searched for words; nothing is written to disk.
        let name = member.path().map_err(corrupt)?.into_owned();
        let hidden = name.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        let mut content = Vec::new();
        member.read_to_end(&mut content).map_err(corrupt)?;
        members.push(DataFile::in_memory(path.join(name), content));
    }
    let found = members.iter().map(|member| member.path.display().to_string()).collect();
    sort_into_splits(path, members)?.ok_or_else(|| DataError::MissingSplit {
        folder: path.to_owned(),
        split: "train",
        found,
    })
}

/// The layout of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Binary,
    Python,
    Parquet,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Python => "python",
            Self::Parquet => "parquet",
        }
    }

    fn of(bytes: &[u8], path: &Path) -> Result<Self> {
        if parquet_file::is_parquet(bytes) {
            Ok(Self::Parquet)
        } else if python_version::may_be_pickle(bytes) {
            Ok(Self::Python)
        } else if bytes.is_empty() || binary::may_be_binary(bytes) || binary::is_whole_records(bytes) {
            // An empty file and a wrong first label get the binary reader's message, which says more.
            Ok(Self::Binary)
        } else {
            Err(DataError::UnknownLayout {
                path: path.to_owned(),
                first_bytes: aees_run::hexadecimal::hexadecimal(&bytes[..bytes.len().min(8)]),
                length: bytes.len() as u64,
                expected: LAYOUTS,
            })
        }
    }
}

/// Unpacks and decodes all parts of both splits on all cores, then joins them.
fn decode(splits: SplitFiles) -> Result<Loaded> {
    let train_parts = splits.train.len();
    let files: Vec<DataFile> = splits.train.into_iter().chain(splits.test).collect();
    let mut decoded = Vec::with_capacity(files.len());
    for part in parallel::map(&files, decode_part) {
        decoded.push(part?);
    }
    let layouts: Vec<Layout> = decoded.iter().map(|(layout, _)| *layout).collect();
    refuse_mixed(&files[..train_parts], &layouts[..train_parts])?;
    refuse_mixed(&files[train_parts..], &layouts[train_parts..])?;
    let mut parts: Vec<ImageSplit> = decoded.into_iter().map(|(_, part)| part).collect();
    let test = join(parts.split_off(train_parts));
    Ok(Loaded {
        train: join(parts),
        test,
        layout: layouts[0].name(),
        files: files.into_iter().map(|file| file.path).collect(),
        snapshot: None,
    })
}

fn decode_part(file: &DataFile) -> Result<(Layout, ImageSplit)> {
    let bytes = file.read()?;
    let layout = Layout::of(&bytes, &file.path)?;
    let images = match layout {
        Layout::Binary => binary::decode(&file.path, &bytes),
        Layout::Python => python_version::decode(&file.path, &bytes),
        Layout::Parquet => parquet_table::decode(&file.path, bytes),
    };
    Ok((layout, images?))
}

fn refuse_mixed(files: &[DataFile], layouts: &[Layout]) -> Result<()> {
    match layouts.iter().position(|layout| *layout != layouts[0]) {
        None => Ok(()),
        Some(other) => Err(DataError::MixedLayouts {
            first: files[0].path.clone(),
            first_layout: layouts[0].name(),
            second: files[other].path.clone(),
            second_layout: layouts[other].name(),
        }),
    }
}

fn join(parts: Vec<ImageSplit>) -> ImageSplit {
    let images = parts.iter().map(ImageSplit::len).sum::<usize>();
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    all.reserve(images - all.len());
    parts.for_each(|part| all.append(part));
    all
}
