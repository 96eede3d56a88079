//! Starting a program: what it gets, and how nothing that a kill interrupts leaves it unwatched.
//!
//! Two small shells help. The *guard* waits for this process to die and then kills the program's group, because nothing else
//! would. The *gate* becomes the program (`exec`), but only after a word from this process, which is given when the guard
//! knows the group and `program.json` is written; before that, the death of this process ends the gate too.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{env, fs, thread};

use aees_run::artifact::FileError;

use super::environment;
use super::folder::{ProgramRecord, RunFolder};
use super::output::{ProgramEvent, Stream, forward};
use super::{Step, failed};
use crate::job::{CommandJob, Ended, Job};
use crate::process::{Descendants, ProcessIdentity, WORKER_MARK, adopt_orphans, worker_mark};

const SHELL: &str = "/bin/sh";

/// `read` takes one line and nothing behind it; the rest is for the program.
const GATE: &str = r#"read -r go && exec "$@"; exit 126"#;

const GUARD: &str = r#"read -r group && ! read -r never && kill -s KILL -- "-$group""#;

/// Variables with their values, none for those that go.
type VariableChanges = Vec<(OsString, Option<OsString>)>;

/// Where several runs share this process (tests), no program may inherit another's lock.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Parts of output that wait to be read.
const WAITING: usize = 16;

/// A program that runs.
#[derive(Debug)]
pub(super) struct Program {
    /// What happens to it.
    pub(super) events: Receiver<ProgramEvent>,
    /// The program and its descendants.
    pub(super) tree: Descendants,
    guard: Child,
}

impl Program {
    /// Starts the program of a job.
    pub(super) fn start(job: &Job, command: &CommandJob, arguments: &[String], folder: &RunFolder) -> Step<Self> {
        let config = folder.file("config.json");
        let environment = environment::changes(job, command, &config);
        check_program(arguments, &command.work_directory, &environment)?;
        adopt_orphans();
        let mut input = command.input.to_string().into_bytes();
        input.push(b'\n');
        fs::write(&config, &input).map_err(FileError::at("write", &config))?;

        let worker = ProcessIdentity::own();
        // No other run's program has both: not in its folder and not a later one's in this folder.
        let marks =
            [("AEES_RUN_DIR", folder.path().to_string_lossy().into_owned()), (WORKER_MARK, worker_mark(&worker))];
        let mut shell = gate(arguments, &command.work_directory, environment);
        shell.envs(marks.clone());
        let marks = marks.map(|(name, value)| format!("{name}={value}")).to_vec();
        let mut guard = start_guard().map_err(|error| cannot_start(SHELL, &error))?;
        let program = spawn_with_lock(&mut shell, folder).and_then(|gate| {
            let opened = open_gate(gate, &mut guard, folder, worker, marks, input);
            opened.map_err(|error| cannot_start(&arguments[0], &error))
        });
        let (tree, events) = program.inspect_err(|_| end(&mut guard))?;
        Ok(Self { events, tree, guard })
    }

    /// Ends whatever still runs; false if it cannot be ended in time. For a program that ended or may be killed.
    pub(super) fn end_everything(&mut self, patience: Duration) -> bool {
        self.tree.kill();
        // Not before: until then it is needed.
        end(&mut self.guard);
        self.tree.kill_to_the_last(patience)
    }
}

/// The shell that becomes the program.
fn gate(arguments: &[String], work_directory: &Path, environment: VariableChanges) -> Command {
    let mut shell = Command::new(SHELL);
    shell.args(["-c", GATE, "aees"]).args(arguments).current_dir(work_directory);
    for (name, value) in environment {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.process_group(0);
    shell
}

/// In a group of its own too: a kill of this process's group must not end it.
fn start_guard() -> io::Result<Child> {
    let _turn = ONE_AT_A_TIME.lock();
    let mut shell = Command::new(SHELL);
    shell.args(["-c", GUARD]).env_clear();
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.process_group(0).spawn()
}

fn spawn_with_lock(shell: &mut Command, folder: &RunFolder) -> Step<Child> {
    let _turn = ONE_AT_A_TIME.lock();
    folder.let_inherit(true)?;
    let spawned = shell.spawn();
    folder.let_inherit(false)?;
    spawned.map_err(|error| match error.kind() {
        io::ErrorKind::ArgumentListTooLong => {
            let help = "long settings come on standard input and in the file $AEES_CONFIG; leave them out of `argv`";
            failed("config", "the program's arguments are too long for this system", Some(help.into()))
        }
        _ => cannot_start(SHELL, &error),
    })
}

/// Lets the program begin, now that its end is sure, and begins to listen to it.
fn open_gate(
    mut gate: Child,
    guard: &mut Child,
    folder: &RunFolder,
    worker: ProcessIdentity,
    marks: Vec<String>,
    input: Vec<u8>,
) -> io::Result<(Descendants, Receiver<ProgramEvent>)> {
    let pipes = (gate.stdin.take(), gate.stdout.take(), gate.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let prepared = (|| -> io::Result<Descendants> {
        writeln!(guard.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?, "{}", gate.id())?;
        let program = ProcessIdentity::of(gate.id()).ok_or(io::ErrorKind::NotFound)?;
        // While the gate is closed: the program may be gone at once.
        let tree = Descendants::new(&program, marks.clone());
        folder.record_program(&ProgramRecord { program, worker, marks })?;
        Ok(tree)
    })();
    // The gate is closed: where this failed, nothing of the program has run.
    let tree = prepared.inspect_err(|_| end(&mut gate))?;
    let (sender, events) = sync_channel(WAITING);
    forward(Stream::Output, stdout, sender.clone());
    forward(Stream::Error, stderr, sender.clone());
    feed(stdin, input);
    wait(gate, sender);
    Ok((tree, events))
}

/// The word for the gate, and the configuration. A program that does not read it is no failure.
fn feed(mut stdin: ChildStdin, input: Vec<u8>) {
    thread::spawn(move || {
        let _ = stdin.write_all(b"go\n").and_then(|()| stdin.write_all(&input));
    });
}

fn wait(mut program: Child, events: SyncSender<ProgramEvent>) {
    thread::spawn(move || {
        let status = program.wait();
        let _ = events.send(ProgramEvent::Exited(status));
    });
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn cannot_start(program: &str, error: &io::Error) -> Ended {
    failed("io", format!("cannot start {program}: {error}"), None)
}

/// The shell would say less.
fn check_program(arguments: &[String], folder: &Path, environment: &VariableChanges) -> Step<()> {
    let name = arguments[0].as_str();
    let refuse =
        |what: &str, help: &str| Err(failed("config", format!("the program {name}: {what}"), Some(help.into())));
    let texts = environment.iter().filter_map(|(_, value)| value.as_ref()?.to_str());
    if arguments.iter().map(String::as_str).chain(texts).any(|text| text.contains('\0')) {
        return refuse("an argument or a variable holds a zero byte", "take it out of the setting that fills it");
    }
    if !folder.is_dir() {
        return refuse(
            &format!("the folder that it works in is not there: {}", folder.display()),
            "see `workdir` in `command`",
        );
    }
    if name.contains('/') {
        let path = folder.join(name);
        return match (path.is_file(), is_executable(&path)) {
            (_, true) => Ok(()),
            (true, false) => refuse(
                "it is not executable",
                "make it executable with chmod +x, or name its interpreter first, as in [python3, train.py]",
            ),
            (false, _) => {
                let help = format!("a relative path starts in the folder that it works in, {}", folder.display());
                refuse("there is no such file", &help)
            }
        };
    }
    let own = environment.iter().rev().find(|(name, _)| name == "PATH").and_then(|(_, value)| value.clone());
    let places = own.or_else(|| env::var_os("PATH")).unwrap_or_default();
    let found = env::split_paths(&places).map(|place| folder.join(place).join(name)).any(|path| is_executable(&path));
    if found {
        return Ok(());
    }
    let help = match folder.join(name).is_file() {
        true => format!("write ./{name} for the file in this folder"),
        false => "install it, or write its path".to_owned(),
    };
    refuse("it is in no folder of PATH", &help)
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
