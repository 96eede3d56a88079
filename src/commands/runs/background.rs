//! `aees runs bg`: which launches there are, what they say, and their end.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aees_run::times::{moment, span};
use aees_studies::background::{
    BackgroundError, Followed, Launch, LaunchState, Stopped, Waiting, find_launches, follow, read_launches, stop,
};
use aees_studies::disk::Root;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::hint;
use crate::interrupt;
use crate::results::flag;
use crate::stdout;
use crate::table::{Grid, first_line};

/// How many launches that do not run any more are listed.
const LISTED: usize = 10;

/// Launches in the background, as `aees sweep run --bg` makes them
#[derive(Subcommand)]
#[command(after_help = "An ID can be cut short, as long as it means one launch.")]
pub(crate) enum BackgroundVerb {
    List(ListFlags),
    Stop(StopFlags),
    Attach(AttachFlags),
}

#[derive(Args)]
pub(crate) struct LaunchesFlag {
    /// The folder of results that the launches write to
    #[arg(long, value_name = "DIR", default_value = "results")]
    root: PathBuf,
}

/// Lists launches and what became of them
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct ListFlags {
    /// Also those that ended long ago, not only the last ten
    #[arg(long)]
    all: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    launches: LaunchesFlag,
}

/// Stops launches and all that they started, after their runs have written checkpoints
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "Exit codes: 0 stopped, and nothing of it runs any more; 1 there was nothing to stop, or it failed."
)]
pub(crate) struct StopFlags {
    /// A launch, all launches of a study, or all
    #[arg(value_name = "ID|STUDY|all")]
    launch: String,
    /// How long checkpoints may take; what runs then is killed
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    grace: u32,
    /// Kill at once, without checkpoints
    #[arg(long, conflicts_with = "grace")]
    now: bool,
    #[command(flatten)]
    launches: LaunchesFlag,
}

/// Shows the log of a launch as it grows; Ctrl-C only ends the showing
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "Exit codes: that of the launch if it ended; 1 if it was killed; 0 after Ctrl-C."
)]
pub(crate) struct AttachFlags {
    /// A launch, or the newest of a study
    #[arg(value_name = "ID|STUDY")]
    launch: String,
    #[command(flatten)]
    launches: LaunchesFlag,
}

impl BackgroundVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::List(typed) => list(&typed),
            Self::Stop(typed) => stop_launches(&typed),
            Self::Attach(typed) => attach(&typed),
        }
    }
}

impl LaunchesFlag {
    fn root(&self) -> Root {
        if self.root != Path::new("results") {
            hint::chosen(&flag("root", &self.root));
        }
        Root::new(&self.root)
    }
}

/// A launch and what is true of it now.
struct LaunchRow {
    launch: Launch,
    state: LaunchState,
    /// Processes that outlived a launch which is over.
    left: Vec<u32>,
}

impl LaunchRow {
    fn of(launch: Launch) -> Self {
        let state = launch.state();
        let mut row = Self { launch, state, left: Vec::new() };
        if state != LaunchState::Running {
            row.left = row.launch.family().running().iter().map(|process| process.identity.pid).collect();
        }
        row
    }

    /// The state, with its process or its code, and what it left.
    fn state_told(&self) -> String {
        let state = match self.state {
            LaunchState::Running => format!("running (process {})", self.launch.record.process.pid),
            LaunchState::Ended { exit_code, .. } => format!("ended with code {exit_code}"),
            LaunchState::Died => "died".to_owned(),
        };
        if self.left.is_empty() { state } else { format!("{state}, left {} running", count(self.left.len())) }
    }

    fn json(&self) -> Value {
        let record = &self.launch.record;
        let (state, exit_code, ended_at) = match self.state {
            LaunchState::Running => ("running", None, None),
            LaunchState::Ended { exit_code, at } => ("ended", Some(exit_code), Some(at)),
            LaunchState::Died => ("died", None, None),
        };
        json!({
            "id": record.id,
            "study": record.label,
            "state": state,
            "exit_code": exit_code,
            "started_at": record.started_at,
            "ended_at": ended_at,
            "seconds": self.launch.milliseconds(self.state) as f64 / 1000.0,
            "process": record.process,
            "session": record.session,
            "left_running": self.left,
            "arguments": record.arguments,
            "working_directory": record.working_directory,
            "version": record.version,
            "log": self.launch.log(),
            "last_line": self.launch.last_line(),
        })
    }
}

/// Those that run and the last of the others, or all; oldest first.
fn list(typed: &ListFlags) -> Result<ExitCode, Failure> {
    let root = typed.launches.root();
    let (launches, damaged) = read_launches(&root)?;
    for record in damaged {
        eprintln!("warning: passed over a damaged record: {record}");
    }
    let over = launches.iter().filter(|launch| launch.state() != LaunchState::Running).count();
    let mut hidden = if typed.all { 0 } else { over.saturating_sub(LISTED) };
    let more = hidden;
    let mut rows = Vec::new();
    for launch in launches {
        if hidden > 0 && launch.state() != LaunchState::Running {
            hidden -= 1;
        } else {
            rows.push(LaunchRow::of(launch));
        }
    }
    if typed.json {
        stdout::line(json!({"launches": rows.iter().map(LaunchRow::json).collect::<Vec<_>>(), "not_listed": more}));
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        let again = hint::completed("`aees sweep run STUDY --bg` makes one");
        eprintln!("no launches in {}; {again}", root.launches().display());
        return Ok(ExitCode::SUCCESS);
    }
    Grid::of(&rows)
        .text("launch", |row| &row.launch.record.id)
        .text("study", |row| &row.launch.record.label)
        .text("state", LaunchRow::state_told)
        .text("started (UTC)", |row| moment(row.launch.record.started_at))
        .text("for", |row| span(row.launch.milliseconds(row.state) as f64))
        .text("last line", |row| first_line(&row.launch.last_line()))
        .print();
    if more > 0 {
        eprintln!("{more} older: --all lists them too");
    }
    Ok(ExitCode::SUCCESS)
}

/// Stops what is meant. Success only if something ran.
fn stop_launches(typed: &StopFlags) -> Result<ExitCode, Failure> {
    let name = &typed.launch;
    let grace = Duration::from_secs(if typed.now { 0 } else { typed.grace.into() });
    let mut stopped_any = false;
    let mut failed = Vec::new();
    let launches = find_launches(&typed.launches.root(), name)?;
    one_meant(name, &launches)?;
    for launch in launches {
        let id = &launch.record.id;
        let mut progress = StopProgress { id: id.clone(), grace, last: None };
        let stopped = stop(&launch, grace, |waiting| progress.show(waiting));
        progress.clear();
        match stopped {
            Ok(stopped) => {
                warn_of_doubtful(&launch, &stopped);
                if stopped.found > 0 {
                    stopped_any = true;
                    stdout::line(format!("stopped {id}{}", how(&launch, &stopped)));
                }
            }
            // The others are to be stopped all the same.
            Err(error) => failed.push(format!("{id}: {error}")),
        }
    }
    if !failed.is_empty() {
        return Err(Failure::new(failed.join("\n")));
    }
    if !stopped_any {
        let message = format!("nothing was stopped: no launch that {name} means runs, or has left anything running");
        return Err(Failure::with_help(message, "`aees runs bg list` shows what became of them"));
    }
    Ok(ExitCode::SUCCESS)
}

/// A beginning that several ids share is not enough to kill them.
fn one_meant(name: &str, launches: &[Launch]) -> Result<(), Failure> {
    let by_beginning = |launch: &&Launch| launch.record.id != name && launch.record.label != name && name != "all";
    let ids: Vec<&str> = launches.iter().filter(by_beginning).map(|launch| launch.record.id.as_str()).collect();
    if ids.len() < 2 {
        return Ok(());
    }
    Err(Failure::with_help(format!("{name} means {} launches", ids.len()), format!("name one: {}", ids.join(", "))))
}

fn how(launch: &Launch, stopped: &Stopped) -> String {
    let code = match launch.state() {
        LaunchState::Ended { exit_code, .. } => format!(": it ended with code {exit_code}"),
        LaunchState::Running | LaunchState::Died => String::new(),
    };
    let killed =
        if stopped.killed > 0 { format!("; {} had to be killed", count(stopped.killed)) } else { String::new() };
    code + &killed
}

fn warn_of_doubtful(launch: &Launch, stopped: &Stopped) {
    if stopped.doubtful.is_empty() {
        return;
    }
    let pids: Vec<String> = stopped.doubtful.iter().map(ToString::to_string).collect();
    eprintln!(
        "warning: left alone, because nothing but the number of its session tells that it is part of {}: process {}",
        launch.record.id,
        pids.join(", ")
    );
}

/// What a stop waits for: one line, drawn over on a terminal, told again every ten seconds elsewhere.
struct StopProgress {
    id: String,
    grace: Duration,
    last: Option<Instant>,
}

impl StopProgress {
    fn show(&mut self, waiting: &Waiting<'_>) {
        let on_terminal = io::stderr().is_terminal();
        let every = if on_terminal { Duration::from_millis(500) } else { Duration::from_secs(10) };
        if self.last.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        self.last = Some(Instant::now());
        let line = format!(
            "stopping {}: {} still at work, {} of {} s",
            self.id,
            count(waiting.processes.len()),
            waiting.elapsed.as_secs(),
            self.grace.as_secs()
        );
        if on_terminal { eprint!("\r\x1b[2K{line}") } else { eprintln!("{line}") }
    }

    fn clear(&self) {
        if self.last.is_some() && io::stderr().is_terminal() {
            eprint!("\r\x1b[2K");
        }
    }
}

/// Shows a log until its launch ends; its exit code is ours.
fn attach(typed: &AttachFlags) -> Result<ExitCode, Failure> {
    let name = &typed.launch;
    let launches = find_launches(&typed.launches.root(), name)?;
    one_meant(name, &launches)?;
    // Oldest first; one that runs is meant rather than a newer one that is over.
    let running = launches.iter().rev().find(|launch| launch.state() == LaunchState::Running);
    let Some(launch) = running.or(launches.last()) else {
        return Err(BackgroundError::Unknown { name: name.to_owned(), known: Vec::new() }.into());
    };
    let leave = interrupt::watch(|| {})?;
    let id = &launch.record.id;
    match follow(launch, &mut io::stdout(), &leave)? {
        Followed::Ended(exit_code) => {
            eprintln!("{id} ended with code {exit_code}");
            Ok(ExitCode::from(exit_code))
        }
        Followed::Died => Err(Failure::with_help(
            format!("{id} died without a word: it was killed, or the machine was started anew"),
            "its runs continue from their checkpoints with `aees sweep resume`",
        )),
        Followed::Left => {
            let again = hint::completed(&format!("`aees runs bg stop {id}` stops it"));
            eprintln!("{id} goes on in the background; {again}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn count(processes: usize) -> String {
    if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") }
}
