//! Decoded images in a folder, for the runs that come after: a file for each place that data was read from, mapped instead of
//! unpacked and decoded again.
//!
//! A copy knows the names, sizes and times of the files that it was made from, and is made again when one differs. What it holds
//! is checked against its checksum. The folder has a largest size: the copies that were used least recently go first.
//!
//! A file is safetensors, so that Python reads it: `train.pixels` and `test.pixels`, u8 `[n, 3, 32, 32]`, and `train.labels` and
//! `test.labels`, i32 `[n]`. Its metadata `aees_images` is a [`PreparedHeader`] in JSON.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aees_run::artifact::{FileError, write_atomically};
use aees_run::hexadecimal::sha256;
use bytes::Bytes;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::classes::CIFAR100_CLASSES;
use crate::data_files::Loaded;
use crate::data_source::DataOrigin;
use crate::file_state::{file_states, map_file};
use crate::image::{CHANNELS, ImageSplit, SIDE};

const METADATA: &str = "aees_images";
/// Raised when files of the same images would be decoded to others.
const VERSION: u32 = 1;
/// How deep the files of the data may lie below a folder; one more than is searched.
const DEPTH: usize = 3;
const LAYOUTS: [&str; 3] = ["binary", "python", "parquet"];

/// The folder of the copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedImages {
    folder: PathBuf,
    most_bytes: u64,
}

/// What there is of the images at a path.
pub(super) enum PreparedCopy<'a> {
    Found(Loaded<ImageSplit>),
    /// They are to be read, and a copy may be kept.
    Absent(Option<CopyToMake<'a>>),
}

/// A copy that is to be kept of what is read.
pub(super) struct CopyToMake<'a> {
    images: &'a PreparedImages,
    file: PathBuf,
    state: String,
    /// What is wrong with the one that is there.
    stale: Option<String>,
}

impl CopyToMake<'_> {
    /// Keeps a copy of the images, as far as that can be.
    pub(super) fn keep(self, loaded: &mut Loaded<ImageSplit>) {
        if let Err(error) = self.images.keep(&self.file, self.state, loaded) {
            loaded.notices.push(format!("the decoded images are not kept for the next run: {error}"));
        }
        loaded.notices.extend(self.stale);
    }
}

/// What a copy was made from.
#[derive(Debug, Serialize, Deserialize)]
struct PreparedHeader {
    version: u32,
    /// Names, sizes and times of the files.
    state: String,
    layout: String,
    files: Vec<PathBuf>,
    notices: Vec<String>,
    checksum: u32,
}

impl PreparedImages {
    /// Copies in a folder, which need not be there yet, of so many bytes in all.
    pub fn new(folder: PathBuf, most_bytes: u64) -> Self {
        Self { folder, most_bytes }
    }

    /// The copy of the images at a path, or where one is to be kept.
    pub(super) fn find(&self, path: &Path) -> PreparedCopy<'_> {
        // Before they are read: what changes meanwhile is another state.
        let Some((file, state)) = (self.most_bytes > 0).then(|| self.file_and_state(path)).flatten() else {
            return PreparedCopy::Absent(None);
        };
        let stale = match open(&file, &state) {
            Ok(Some(loaded)) => {
                // Only the order of removal depends on it.
                let _ = File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
                return PreparedCopy::Found(loaded);
            }
            Ok(None) => None,
            Err(reason) => Some(format!("{}: not used: {reason}; it is made again", file.display())),
        };
        PreparedCopy::Absent(Some(CopyToMake { images: self, file, state, stale }))
    }

    fn file_and_state(&self, path: &Path) -> Option<(PathBuf, String)> {
        let path = fs::canonicalize(path).ok()?;
        let mut files = Vec::new();
        // Beside a file lie those of the other split.
        file_states(if path.is_dir() { &path } else { path.parent()? }, DEPTH, &mut files)?;
        let name = sha256(path.to_string_lossy().as_bytes());
        Some((self.folder.join(format!("{}.safetensors", &name[..16])), serde_json::Value::Array(files).to_string()))
    }

    fn keep(&self, file: &Path, state: String, loaded: &Loaded<ImageSplit>) -> Result<(), FileError> {
        let content = encode(state, loaded).map_err(io::Error::other).map_err(FileError::at("write", file))?;
        let bytes = content.len() as u64;
        if bytes > self.most_bytes {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(FileError::at("make", &self.folder))?;
        self.make_room(file, bytes).map_err(FileError::at("clear", &self.folder))?;
        write_atomically(file, |out| out.write_all(&content))
    }

    /// Removes the copies that were used least recently until there is room for a new one.
    fn make_room(&self, new: &Path, bytes: u64) -> io::Result<()> {
        let mut copies = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path != new && is_copy(&path) {
                let metadata = fs::metadata(&path)?;
                copies.push((metadata.modified()?, metadata.len(), path));
            }
        }
        copies.sort();
        let mut taken = copies.iter().map(|(_, length, _)| length).sum::<u64>();
        for (_, length, path) in copies {
            if taken.saturating_add(bytes) <= self.most_bytes {
                break;
            }
            fs::remove_file(&path)?;
            taken -= length;
        }
        Ok(())
    }
}

/// Whether a file of the folder is a copy, of any state: nothing else is ever removed, wherever the folder is.
fn is_copy(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".safetensors"));
    let is_named = name.is_some_and(|name| name.len() == 16 && name.chars().all(|digit| digit.is_ascii_hexdigit()));
    // One that is damaged cannot say so itself.
    let says = |bytes: Bytes| match SafeTensors::read_metadata(&bytes) {
        Ok((_, metadata)) => metadata.metadata().as_ref().is_some_and(|metadata| metadata.contains_key(METADATA)),
        Err(_) => true,
    };
    is_named && map_file(path).is_ok_and(says)
}

/// A whole file.
fn encode(state: String, loaded: &Loaded<ImageSplit>) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let (layout, files) = match &loaded.origin {
        DataOrigin::Files { layout, files } => ((*layout).to_owned(), files.clone()),
        // Only files are read through here.
        DataOrigin::Hub { .. } | DataOrigin::Synthetic { .. } => (String::new(), Vec::new()),
    };
    let splits = [("train", &loaded.train), ("test", &loaded.evaluated)];
    let labels =
        splits.map(|(_, split)| split.labels().iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<_>>());
    let mut tensors = Vec::new();
    for ((name, split), labels) in splits.iter().zip(&labels) {
        let shape = vec![split.len(), CHANNELS, SIDE, SIDE];
        tensors.push((format!("{name}.pixels"), TensorView::new(Dtype::U8, shape, split.pixels())?));
        tensors.push((format!("{name}.labels"), TensorView::new(Dtype::I32, vec![split.len()], labels)?));
    }
    let header = PreparedHeader {
        version: VERSION,
        state,
        layout,
        files,
        notices: loaded.notices.clone(),
        checksum: checksum(tensors.iter().map(|(_, tensor)| tensor.data())),
    };
    let metadata = HashMap::from([(METADATA.to_owned(), serde_json::to_string(&header)?)]);
    safetensors::serialize(tensors, Some(metadata))
}

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    parts.fold(0, crc32c::crc32c_append)
}

/// The images of a file that was made in this state of the data; none if there is no such file.
fn open(path: &Path, state: &str) -> Result<Option<Loaded<ImageSplit>>, String> {
    let bytes = match map_file(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let damaged = |error| format!("damaged: {error}");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)).ok_or("no images of aees")?;
    let header: PreparedHeader = serde_json::from_str(header).map_err(|error| format!("damaged: {error}"))?;
    if header.version != VERSION || header.state != state {
        return Ok(None);
    }
    let layout = LAYOUTS.into_iter().find(|layout| *layout == header.layout).ok_or("an unknown layout")?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let data = |name: &str, dtype| {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        (tensor.dtype() == dtype).then(|| tensor.data()).ok_or_else(|| format!("{name} is {}", tensor.dtype()))
    };
    let [train, test] = ["train", "test"];
    let pixels = [data(&format!("{train}.pixels"), Dtype::U8)?, data(&format!("{test}.pixels"), Dtype::U8)?];
    let labels = [data(&format!("{train}.labels"), Dtype::I32)?, data(&format!("{test}.labels"), Dtype::I32)?];
    if checksum([pixels[0], labels[0], pixels[1], labels[1]].into_iter()) != header.checksum {
        return Err("damaged: its checksum does not fit".into());
    }
    let split = |at: usize| split(&bytes, pixels[at], labels[at]);
    let origin = DataOrigin::Files { layout, files: header.files };
    Ok(Some(Loaded { train: split(0)?, evaluated: split(1)?, origin, notices: header.notices }))
}

fn split(file: &Bytes, pixels: &[u8], labels: &[u8]) -> Result<ImageSplit, String> {
    let labels: Vec<u32> = labels.as_chunks().0.iter().map(|label| u32::from_le_bytes(*label)).collect();
    if labels.iter().any(|label| *label >= CIFAR100_CLASSES) {
        return Err("a label that is none".into());
    }
    ImageSplit::new(file.slice_ref(pixels), labels).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::IMAGE_BYTES;

    struct Place {
        scratch: tempfile::TempDir,
        reads: std::cell::Cell<usize>,
    }

    impl Place {
        fn new() -> Self {
            let scratch = tempfile::tempdir().unwrap();
            fs::create_dir(scratch.path().join("a")).unwrap();
            fs::create_dir(scratch.path().join("b")).unwrap();
            for folder in ["a", "b"] {
                fs::write(scratch.path().join(folder).join("train.bin"), "1").unwrap();
            }
            Self { scratch, reads: std::cell::Cell::new(0) }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.scratch.path().join(name)
        }

        fn load(&self, folder: &str, most_bytes: u64) -> Loaded<ImageSplit> {
            let images = |count: usize, first: u8| {
                let pixels: Vec<u8> = (0..count * IMAGE_BYTES).map(|at| first.wrapping_add(at as u8)).collect();
                ImageSplit::new(pixels, (0..count as u32).collect()).unwrap()
            };
            let prepared = PreparedImages::new(self.path("kept"), most_bytes);
            let copy = match prepared.find(&self.path(folder)) {
                PreparedCopy::Found(loaded) => return loaded,
                PreparedCopy::Absent(copy) => copy,
            };
            self.reads.set(self.reads.get() + 1);
            let origin = DataOrigin::Files { layout: "binary", files: vec![self.path("a/train.bin")] };
            let notices = vec!["said once".to_owned()];
            let mut loaded = Loaded { train: images(5, 1), evaluated: images(2, 9), origin, notices };
            if let Some(copy) = copy {
                copy.keep(&mut loaded);
            }
            loaded
        }

        fn copies(&self) -> Vec<PathBuf> {
            fs::read_dir(self.path("kept")).unwrap().map(|entry| entry.unwrap().path()).collect()
        }
    }

    /// More than one copy, and less than two.
    const ROOM: u64 = 30_000;

    #[test]
    fn a_copy_is_what_was_read_and_is_made_again_when_a_file_changes() {
        let place = Place::new();
        let (read, copied) = (place.load("a", ROOM), place.load("a", ROOM));
        assert_eq!(place.reads.get(), 1);
        assert_eq!((&copied.train, &copied.evaluated), (&read.train, &read.evaluated));
        assert_eq!((copied.notices, format!("{:?}", copied.origin)), (read.notices, format!("{:?}", read.origin)));
        fs::write(place.path("a/train.bin"), "22").unwrap();
        place.load("a", ROOM);
        assert_eq!((place.reads.get(), place.copies().len()), (2, 1));
        fs::write(place.path("a/test.bin"), "new").unwrap();
        place.load("a", ROOM);
        assert_eq!(place.reads.get(), 3, "another file may be part of the data");
    }

    #[test]
    fn a_damaged_copy_is_told_and_made_again() {
        let place = Place::new();
        let whole = place.load("a", ROOM);
        let copy = place.copies().pop().unwrap();
        let bytes = fs::read(&copy).unwrap();
        for damage in [&bytes[..0], &bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1]] {
            fs::write(&copy, damage).unwrap();
            let again = place.load("a", ROOM);
            assert!(again.notices.iter().any(|notice| notice.contains("it is made again")), "{:?}", again.notices);
            assert_eq!(again.train, whole.train);
        }
        for at in (bytes.len() - 7 * IMAGE_BYTES..bytes.len()).step_by(1009) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            fs::write(&copy, damaged).unwrap();
            assert_eq!(place.load("a", ROOM).train, whole.train, "byte {at}");
        }
    }

    #[test]
    fn the_least_recently_used_copy_makes_room_and_what_is_too_large_is_not_kept() {
        let place = Place::new();
        place.load("a", ROOM);
        place.load("b", ROOM);
        assert_eq!((place.reads.get(), place.copies().len()), (2, 1));
        place.load("b", ROOM);
        assert_eq!(place.reads.get(), 2);
        place.load("a", 2 * ROOM);
        assert_eq!(place.copies().len(), 2, "there is room for both");
        let nowhere = Place::new();
        nowhere.load("a", 100);
        nowhere.load("a", 0);
        assert!(nowhere.reads.get() == 2 && !nowhere.path("kept").exists());
    }
    #[test]
    fn room_is_never_made_of_files_that_are_no_copies() {
        let place = Place::new();
        fs::create_dir(place.path("kept")).unwrap();
        let values = [0_u8; 4];
        let tensor = TensorView::new(Dtype::U8, vec![4], &values).unwrap();
        let model = safetensors::serialize([("weight", tensor)], None).unwrap();
        let own = ["kept/model.safetensors", "kept/0123456789abcdef.safetensors", "kept/notes.txt"];
        own.iter().for_each(|name| fs::write(place.path(name), &model).unwrap());
        place.load("a", ROOM);
        place.load("b", ROOM);
        assert_eq!(place.copies().len(), own.len() + 1);
        assert!(own.iter().all(|name| fs::read(place.path(name)).unwrap() == model));
    }
}
