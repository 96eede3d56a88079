//! The writer: names the file, stamps events with a time, frames them and buffers.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::message::Event;
use super::record::write_record;
use aees_run::artifact::FileError;
use aees_run::hardware;

/// What every event file's name begins with.
const NAME_START: &str = "events.out.tfevents.";

/// Where an event's time comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WallTime {
    /// The system clock, read for each event.
    Clock,
    /// Always this time, in seconds since 1970. Makes files reproducible.
    Fixed(f64),
}

impl WallTime {
    fn seconds(self) -> f64 {
        match self {
            Self::Clock => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
            Self::Fixed(seconds) => seconds,
        }
    }
}

/// Writes one TensorBoard event file.
///
/// Events are buffered; [`flush`](Self::flush) hands them to the operating system. Dropping the writer flushes too, but
/// hides a failure.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
    wall_time: WallTime,
    /// The message being framed, kept to reuse its memory.
    message: Vec<u8>,
}

impl EventWriter {
    /// Creates `events.out.tfevents.<seconds>.<host>.<process>.0` in `folder`, which is created if it is missing.
    ///
    /// TensorBoard reads the files of a folder in the order of their names, so a file of a resumed run must have the
    /// later name, or [`purge_from`](Self::purge_from) is read too early. If the clock has not moved since the newest
    /// file (or went backwards), the seconds in the name are one more than that file's.
    ///
    /// # Errors
    ///
    /// If the folder or the file cannot be created, or the folder cannot be listed.
    pub fn create(folder: &Path, wall_time: WallTime) -> Result<Self, FileError> {
        let in_folder = |source| FileError::at("write", folder)(source);
        fs::create_dir_all(folder).map_err(in_folder)?;
        let mut newest = None;
        for entry in fs::read_dir(folder).map_err(in_folder)? {
            let name = entry.map_err(in_folder)?.file_name();
            newest = newest.max(seconds_in_name(&name.to_string_lossy()));
        }
        let now = wall_time.seconds().max(0.0) as u64;
        let seconds = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
        let name = format!("{NAME_START}{seconds:010}.{}.{}.0", host_in_name(), std::process::id());

        let path = folder.join(name);
        let file = File::create_new(&path).map_err(FileError::at("write", &path))?;
        let mut writer = Self { path, file: BufWriter::new(file), wall_time, message: Vec::new() };
        writer.write(&Event::version(wall_time.seconds()))?;
        Ok(writer)
    }

    /// The file being written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes where the time of the events to come is taken from.
    pub fn set_wall_time(&mut self, wall_time: WallTime) {
        self.wall_time = wall_time;
    }

    /// Writes one point of the curve `tag`. The format holds scalars in single precision.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn scalar(&mut self, tag: &str, value: f64, step: i64) -> Result<(), FileError> {
        self.write(&Event::scalar(self.wall_time.seconds(), tag, value as f32, step))
    }

    /// Makes TensorBoard drop what this folder's older files, and this file so far, say about `step` and later.
    ///
    /// To be called once by a resumed run, with the first step that it will log again.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn purge_from(&mut self, step: i64) -> Result<(), FileError> {
        // The reader behind TensorBoard's web page takes the first start it sees for the run's first and drops nothing.
        // So there are two; to drop the same steps twice does no harm.
        let start = Event::session_start(self.wall_time.seconds(), step);
        self.write(&start)?;
        self.write(&start)
    }

    /// Hands all events to the operating system, where TensorBoard sees them.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush().map_err(FileError::at("write", &self.path))
    }

    fn write(&mut self, event: &Event) -> Result<(), FileError> {
        self.message.clear();
        // Encoding cannot fail: a vector has room for any message.
        self.message.reserve(event.encoded_len());
        event.encode_raw(&mut self.message);
        write_record(&mut self.file, &self.message).map_err(FileError::at("write", &self.path))
    }
}

/// The seconds in an event file's name; `None` for other files.
fn seconds_in_name(name: &str) -> Option<u64> {
    name.strip_prefix(NAME_START)?.split('.').next()?.parse().ok()
}

/// The host's name, without anything that could mean something in a path.
fn host_in_name() -> String {
    let name = hardware::host_name().unwrap_or_else(|| "localhost".to_owned());
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_time_host_and_process() {
        let folder = tempfile::tempdir().unwrap();
        let writer = EventWriter::create(&folder.path().join("new/folder"), WallTime::Fixed(1234.9)).unwrap();
        let name = writer.path().file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("events.out.tfevents.0000001234."), "{name}");
        assert!(name.ends_with(&format!(".{}.0", std::process::id())), "{name}");
    }

    #[test]
    fn a_later_file_sorts_after_an_earlier_one_even_if_the_clock_does_not_move() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let mut paths = Vec::new();
        for time in [1000.0, 1000.2, 999.0, 2000.0] {
            paths.push(EventWriter::create(folder.path(), WallTime::Fixed(time)).unwrap().path().to_owned());
        }
        assert!(paths.is_sorted(), "{paths:?}");
        assert_eq!(seconds_in_name(&paths[3].file_name().unwrap().to_string_lossy()), Some(2000));
    }

    #[test]
    fn an_error_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = EventWriter::create(&file, WallTime::Clock).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn the_clock_is_plausible() {
        assert!(WallTime::Clock.seconds() > 1.7e9);
    }
}
