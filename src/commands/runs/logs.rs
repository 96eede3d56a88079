//! `aees runs logs`: what a run said, and with `-f` what it says.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use aees_run::artifact::FileError;
use aees_run::printable::printable;
use aees_studies::registry::{Reader, RunId, RunRow, RunState};
use clap::Args;

use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Prints the log of a run
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct LogsFlags {
    /// The run
    run: String,
    /// Go on as it grows, until the run is no longer running
    #[arg(long, short)]
    follow: bool,
    /// What the worker process said on its standard error, instead
    #[arg(long)]
    worker: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Between two looks at a log that grows.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn run(typed: &LogsFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let reader = results.reader()?;
    let run = reader.run(&typed.run)?;
    let directory = results.root.run(&run.run_id);
    let path = directory.join(if typed.worker { "worker.log" } else { "log.txt" });
    let follow = typed.follow;
    let waits = follow && is_worked_on(&reader, &run.run_id)?;
    if !path.is_file() && !waits {
        return Err(no_log(&run, &directory, &path));
    }
    let raw = !io::stdout().is_terminal();
    let mut log = Log { path, printed: 0, raw };
    while follow && is_worked_on(&reader, &run.run_id)? {
        if log.print_new()?.is_break() {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(PAUSE);
    }
    // What was written between the last look and the end.
    let _ = log.print_new()?;
    Ok(ExitCode::SUCCESS)
}

/// Running, with a worker that still renews its lease.
fn is_worked_on(reader: &Reader, run: &RunId) -> Result<bool, Failure> {
    let run = reader.run(run.full())?;
    Ok(run.state == RunState::Running && run.lease_until.is_some_and(|lease| lease >= reader.now()))
}

fn no_log(run: &RunRow, directory: &Path, path: &Path) -> Failure {
    if run.attempts == 0 {
        return Failure::new(format!("run {} is {} and was never started: it has no log", run.run_id, run.state));
    }
    if !directory.is_dir() {
        return Failure::with_help(
            format!("the folder of run {} is gone: {}", run.run_id, directory.display()),
            "`aees registry check` shows what else is gone and how to run it again",
        );
    }
    let of_worker = path.file_name().is_some_and(|name| name == "worker.log");
    let (other, how) =
        if of_worker { ("log.txt", "leave out --worker for") } else { ("worker.log", "`--worker` prints") };
    let message = format!("run {} has no {}", run.run_id, path.display());
    if !directory.join(other).is_file() {
        return Failure::new(message);
    }
    Failure::with_help(message, format!("{how} {other}, which is there"))
}

/// A log and how far it was printed.
struct Log {
    path: PathBuf,
    printed: u64,
    /// Whether it goes to a program or a file, byte by byte: a terminal would obey escape sequences.
    raw: bool,
}

impl Log {
    /// Prints what is new. A log that was cut is begun again; one that is not there yet says nothing. It breaks when stdout has no
    /// reader any more.
    fn print_new(&mut self) -> Result<ControlFlow<()>, Failure> {
        let failed = |error| FileError::at("read", &self.path)(error);
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Continue(())),
            opened => opened.map_err(failed)?,
        };
        let length = file.metadata().map_err(failed)?.len();
        if length < self.printed {
            self.printed = 0;
        }
        file.seek(SeekFrom::Start(self.printed)).map_err(failed)?;
        let mut stdout = io::stdout().lock();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                return Ok(if stdout.flush().is_ok() { Continue(()) } else { Break(()) });
            }
            // To a terminal whole lines only, so that no sequence and no letter is cut; a very long one as it comes.
            let line_end = buffer[..count].iter().rposition(|byte| *byte == b'\n').map_or(count, |at| at + 1);
            let part = &buffer[..if self.raw { count } else { line_end }];
            let written = match self.raw {
                true => stdout.write_all(part),
                false => stdout.write_all(printable(&String::from_utf8_lossy(part)).as_bytes()),
            };
            if written.is_err() {
                return Ok(Break(()));
            }
            self.printed += part.len() as u64;
            file.seek(SeekFrom::Start(self.printed)).map_err(failed)?;
        }
    }
}
