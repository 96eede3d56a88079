//! The beginning and the end of a launch: seen from the terminal, and from the launched process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::times::moment;

use super::error::BackgroundError;
use super::record::{ENDED, EndRecord, LOG, LOG_END, Launch, LaunchRecord, RECORD, read_launch};
use crate::disk::{Root, log_end, write_json};
use crate::process::ProcessIdentity;
use crate::registry::system_clock;

/// The first word of the command line of a launched process; its folder and its label follow. No environment variable:
/// its workers are the same program and would inherit that.
pub(super) const DETACHED: &str = "detached";

/// The variable that all processes of a launch have.
const MARK: &str = "AEES_LAUNCH";

/// How long a process may take to reach its own first lines. Loading a program from a cold network disk takes seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The exit code of a Rust program that panicked.
const EXIT_PANIC: u8 = 101;

/// Starts this program again with these arguments, cut loose from the terminal, and returns when it is on its own.
///
/// # Errors
/// When it does not get that far, with the end of its log.
pub fn launch_detached(root: &Root, label: &str, arguments: &[OsString]) -> Result<Launch, BackgroundError> {
    let program = std::env::current_exe().map_err(BackgroundError::Start)?;
    start(Command::new(program), root, label, arguments)
}

/// Starts a program that calls [`become_detached`].
pub(super) fn start(
    mut program: Command,
    root: &Root,
    label: &str,
    arguments: &[OsString],
) -> Result<Launch, BackgroundError> {
    let directory = new_folder(root, label)?;
    let started = (|| {
        let path = directory.join(LOG);
        let log = File::options().append(true).create_new(true).open(&path).map_err(FileError::at("write", &path))?;
        let errors = log.try_clone().map_err(FileError::at("write", &path))?;
        program.arg(DETACHED).arg(&directory).arg(label).args(arguments);
        program.env(MARK, &directory).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = program.spawn().map_err(BackgroundError::Start)?;
        confirmed(child, &directory)
    })();
    if started.is_err() {
        // The error holds what the folder could tell.
        let _ = fs::remove_dir_all(&directory);
    }
    started
}

/// Makes the folder of a new launch. Its name is not that of any other.
fn new_folder(root: &Root, label: &str) -> Result<PathBuf, BackgroundError> {
    let launches = root.launches();
    fs::create_dir_all(&launches).map_err(FileError::at("write", &launches))?;
    // The launched process may go elsewhere, and the mark must be the same from everywhere.
    let launches = launches.canonicalize().map_err(FileError::at("read", &launches))?;
    let name: String =
        label.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let name = name.trim_start_matches('.');
    // 2026-05-04 03:02:01 becomes 20260504-030201.
    let date = moment(system_clock()).replace(['-', ':'], "").replace(' ', "-");
    loop {
        // Each hasher has random keys.
        let random = RandomState::new().build_hasher().finish() & 0xffff;
        let directory = launches.join(format!("{name}-{date}-{random:04x}"));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| directory.clone()).map_err(|e| FileError::at("write", &directory)(e).into()),
        }
    }
}

/// Waits until the process leads its session and its record is on disk.
fn confirmed(mut child: Child, directory: &Path) -> Result<Launch, BackgroundError> {
    let begin = Instant::now();
    loop {
        // Asked before its record: it may write that and end.
        let ended = child.try_wait().map_err(BackgroundError::Start)?;
        if let Ok(launch) = read_launch(directory)
            && launch.record.process.pid == child.id()
        {
            return Ok(launch);
        }
        let reason = match ended {
            Some(status) => format!("it ended with {status}"),
            None if begin.elapsed() > START_LIMIT => format!("no sign of it for {} s", START_LIMIT.as_secs()),
            None => {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        // It must not come to life when nobody knows of it any more.
        let _ = child.kill();
        let _ = child.wait();
        return Err(BackgroundError::NotStarted { reason, log_end: log_end(&directory.join(LOG), LOG_END) });
    }
}

/// A launched process, from its own point of view. Says at its end what the end was.
#[derive(Debug)]
pub struct Detached {
    directory: PathBuf,
}

impl Detached {
    /// Writes the exit code of this process, its last act.
    ///
    /// # Errors
    /// When it cannot be written: the launch will look as if it had died.
    pub fn record_end(self, exit: ExitCode) -> Result<(), BackgroundError> {
        // The only way from an exit code back to its number.
        let code = (0..=u8::MAX).find(|code| ExitCode::from(*code) == exit).unwrap_or(u8::MAX);
        self.write(code)
    }

    fn write(&self, exit_code: u8) -> Result<(), BackgroundError> {
        let end = EndRecord { exit_code, at: system_clock() };
        Ok(write_json(&self.directory.join(ENDED), &end)?)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if thread::panicking() {
            // The panic has said more.
            let _ = self.write(EXIT_PANIC);
        }
    }
}

/// To be called before all else with the arguments of this process, its name first.
///
/// If they say that it is a launch, it takes leave of the terminal and puts its record on disk. Gives back the arguments
/// that are meant for the command line.
///
/// # Errors
/// When it cannot have a session of its own or write its record.
pub fn become_detached(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<OsString>, Option<Detached>), BackgroundError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.len() < 4 || arguments[1] != DETACHED {
        return Ok((arguments, None));
    }
    let mut words = arguments.drain(1..4).skip(1);
    let (directory, label) = (PathBuf::from(words.next().unwrap_or_default()), words.next().unwrap_or_default());
    drop(words);
    let session = rustix::process::setsid().map_err(|error| BackgroundError::Session(error.into()))?;
    let process = ProcessIdentity::own();
    let record = LaunchRecord {
        id: directory.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        label: label.to_string_lossy().into_owned(),
        arguments: arguments.iter().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect(),
        working_directory: std::env::current_dir().unwrap_or_default(),
        process,
        session: session.as_raw_nonzero().get().unsigned_abs(),
        mark: format!("{MARK}={}", directory.display()),
        started_at: system_clock(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    write_json(&directory.join(RECORD), &record)?;
    Ok((arguments, Some(Detached { directory })))
}
