//! A file that a user names for something to be written to: the one place where such a file is replaced.
//!
//! It is written as programs write: through links, into device nodes and pipes. What is there already is replaced only if
//! this program wrote it, as the same kind of thing; anything else is somebody's data, study, model or result, and stays
//! unless the user says `--force`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::artifact::{FileError, write_whole};
use crate::input;

/// How much of a file tells what it is.
const HEAD_BYTES: u64 = 1 << 16;

/// A file that is not replaced, or cannot be written.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Something else lies there.
    #[error("{path} is there, and it is not {kind} that aees wrote", path = path.display())]
    Foreign { path: PathBuf, kind: &'static str },
    /// The result that a run's folder is complete with.
    #[error("{path} is the result of another run", path = path.display())]
    OfARun { path: PathBuf },
    /// A folder has that name.
    #[error("{path} is a folder, not a file", path = path.display())]
    Folder { path: PathBuf },
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl OutputError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } | Self::OfARun { .. } => {
                Some("choose another name, or replace it with --force; nothing was written".into())
            }
            Self::Folder { .. } => Some("name a file in it".into()),
            Self::File(error) => error.help(),
        }
    }
}

/// What is written, and how a file of the same kind is known.
#[derive(Clone, Copy, Debug)]
pub struct OutputKind {
    /// In words: `a RunResult`.
    pub name: &'static str,
    /// Whether a file that begins like the first is of the same kind as one that begins like the second.
    pub is_alike: fn(old: &[u8], new: &[u8]) -> bool,
}

impl OutputKind {
    /// A RunResult, as [`write_pretty`](crate::json::write_pretty) sorts its keys.
    pub const RESULT: Self = Self { name: "a RunResult", is_alike: |old, _| old.starts_with(RESULT_START) };
    /// A text whose first line says what it is: a table with its heading, a study with its comment.
    pub const TEXT: Self = Self { name: "a file of this kind", is_alike: first_lines_agree };
    /// A zip archive, whose first member has the same name.
    pub const BINARY: Self = Self {
        name: "a file of this kind",
        is_alike: |old, new| old.get(..4) == new.get(..4) && old.get(26..40) == new.get(26..40),
    };
    /// An array as a safetensors file.
    pub const ARRAY: Self =
        Self { name: "an array", is_alike: |old, _| holds(old, b"\"mask\":") && holds(old, b"\"values\":") };
    /// The page of a report.
    pub const PAGE: Self =
        Self { name: "a page", is_alike: |old, _| holds(old, b"<meta name=\"generator\" content=\"aees\">") };
    /// A figure, whose format is told by its first bytes, and its maker by a mark that each format has room for.
    pub const PICTURE: Self = Self {
        name: "a figure of this kind",
        is_alike: |old, new| old.get(..4) == new.get(..4) && PICTURE_MARKS.iter().any(|mark| holds(old, mark)),
    };
}

/// What a figure of ours has near its beginning: as PNG, SVG or PDF.
const PICTURE_MARKS: [&[u8]; 3] = [b"Software\0aees", b"data-generator=\"aees\"", b"/Creator (aees)"];

/// How every RunResult begins.
pub const RESULT_START: &[u8] = b"{\n  \"accuracy_per_tflop\": ";

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

fn first_lines_agree(old: &[u8], new: &[u8]) -> bool {
    let first = |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    first(old) == first(new)
}

/// Checks that `path` may be written, before the work is done that it is for.
///
/// # Errors
/// As [`write_output`]; `start` is how the new content begins, as far as the kind asks for it.
pub fn check_output(path: &Path, kind: OutputKind, start: &[u8], force: bool) -> Result<(), OutputError> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(FileError::at("write", path)(error).into());
        }
        // A link that leads nowhere yet, or nothing: there is nothing to lose.
        Err(_) => return Ok(()),
        Ok(metadata) => metadata,
    };
    if metadata.is_dir() {
        return Err(OutputError::Folder { path: path.to_owned() });
    }
    if !metadata.is_file() || metadata.len() == 0 || force || is_stream(path) {
        return Ok(());
    }
    let head = input::head(path, HEAD_BYTES).map_err(FileError::at("read", path))?;
    if !(kind.is_alike)(&head, start) {
        return Err(OutputError::Foreign { path: path.to_owned(), kind: kind.name });
    }
    let of_a_run =
        path.file_name().is_some_and(|name| name == "result.json") && path.with_file_name("run.lock").exists();
    if of_a_run { Err(OutputError::OfARun { path: path.to_owned() }) } else { Ok(()) }
}

/// Writes what a user asked for: a file whole or not at all, anything else as it comes. Its folder is made.
///
/// # Errors
/// When something else lies there and `force` is off, and any failure of the file system.
pub fn write_output(path: &Path, kind: OutputKind, content: &[u8], force: bool) -> Result<(), OutputError> {
    check_output(path, kind, content, force)?;
    write_through(path, content).map_err(FileError::at("write", path))?;
    Ok(())
}

/// A file that is to be written: its name, what it is, and what goes into it.
pub type OutputFile = (PathBuf, OutputKind, Vec<u8>);

/// Writes several files that belong together, or none if one of them must not be written.
///
/// # Errors
/// As [`write_output`].
pub fn write_outputs(outputs: &[OutputFile], force: bool) -> Result<(), OutputError> {
    outputs.iter().try_for_each(|(path, kind, content)| check_output(path, *kind, content, force))?;
    outputs.iter().try_for_each(|(path, kind, content)| write_output(path, *kind, content, force))
}

fn write_through(path: &Path, content: &[u8]) -> io::Result<()> {
    let metadata = fs::metadata(path).ok();
    let in_place = metadata.as_ref().is_some_and(|metadata| !metadata.is_file() || has_other_names(metadata));
    if in_place || is_stream(path) {
        let file = metadata.is_some_and(|metadata| metadata.is_file()) && !is_stream(path);
        return OpenOptions::new().write(true).truncate(file).open(path)?.write_all(content);
    }
    let target = target_of(path)?;
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let permissions = metadata.map(|metadata| metadata.permissions());
    write_whole(&target, |out| out.write_all(content))?;
    // Those that the user gave the file.
    permissions.map_or(Ok(()), |permissions| fs::set_permissions(&target, permissions))
}

/// Where the links of a path lead, also to a file that is not there yet.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        match fs::read_link(&target) {
            Ok(link) => target = target.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its links go in a circle"))
}

/// A descriptor of this process: a rename over it would lead nowhere.
fn is_stream(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(unix)]
fn has_other_names(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &fs::Metadata) -> bool {
    false
}
