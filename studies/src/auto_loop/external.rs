//! A program that proposes, such as one that asks a language model: JSON on its standard input, a proposal on its standard output.
//!
//! What it prints is read up to a bound, its time is limited, and nothing of it is left when it is over. Its raw streams stay in
//! the iteration's folder, whatever came of it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use aees_run::artifact::{FileError, write_atomically};
use aees_run::times::span;
use serde_json::{Value, json};

use super::proposal::Proposal;
use crate::disk::write_json;
use crate::process::{Descendants, ProcessIdentity, adopt_orphans};
use crate::program::withheld;

/// What is kept of each stream, in bytes.
const MOST: usize = 1 << 20;

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How long its output may stay open after its end, and its killed descendants may take to go.
const LINGER: Duration = Duration::from_secs(5);

/// What a program was asked for, or why it gave none; none when the loop was asked to stop meanwhile.
pub(super) type ProposerAnswer = Option<Result<Proposal, String>>;

/// A question to a program.
pub(super) struct ProposerQuestion<'a> {
    /// The program and its arguments.
    pub(super) words: &'a [String],
    pub(super) limit: Duration,
    /// Where its streams are kept.
    pub(super) folder: PathBuf,
    pub(super) input: &'a Value,
}

/// Asks the program. `stop` says whether the loop is to stop.
pub(super) fn ask(question: &ProposerQuestion<'_>, stop: &dyn Fn() -> bool) -> Result<ProposerAnswer, FileError> {
    let folder = &question.folder;
    fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    end_what_a_kill_left(folder);
    write_json(&folder.join("input.json"), question.input)?;
    let [program, arguments @ ..] = question.words else {
        return Ok(Some(Err("there is no program".into())));
    };
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mark = format!("AEES_LOOP_FOLDER={}", folder.display());
    command.env("AEES_LOOP_FOLDER", folder);
    for name in withheld(&[]) {
        command.env_remove(name);
    }
    adopt_orphans();
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Some(Err(format!("cannot start {program}: {error}")))),
    };
    let running = ProposerProcess::of(child, mark, question, folder)?;
    running.until_it_ends(question, stop)
}

/// A program that was asked before, by a process that was killed, and still runs.
fn end_what_a_kill_left(folder: &Path) {
    let text = fs::read(folder.join("running.json")).unwrap_or_default();
    let Ok(process) = serde_json::from_slice::<ProcessIdentity>(&text) else { return };
    if process.is_alive() {
        Descendants::new(&process, vec![format!("AEES_LOOP_FOLDER={}", folder.display())]).kill();
    }
}

/// What was read of a stream, and whether it was more than is read.
type StreamStart = (Vec<u8>, bool);

struct ProposerProcess {
    child: Child,
    tree: Option<Descendants>,
    streams: [Receiver<StreamStart>; 2],
    too_much: Arc<AtomicBool>,
}

impl ProposerProcess {
    fn of(mut child: Child, mark: String, question: &ProposerQuestion<'_>, folder: &Path) -> Result<Self, FileError> {
        let process = ProcessIdentity::of(child.id());
        if let Some(process) = &process {
            write_json(&folder.join("running.json"), process)?;
        }
        let tree = process.map(|process| Descendants::new(&process, vec![mark]));
        let mut input = question.input.to_string().into_bytes();
        input.push(b'\n');
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it is no failure.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let too_much = Arc::new(AtomicBool::new(false));
        let streams = [bounded(child.stdout.take(), Some(too_much.clone())), bounded(child.stderr.take(), None)];
        Ok(Self { child, tree, streams, too_much })
    }

    fn until_it_ends(
        mut self,
        question: &ProposerQuestion<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<ProposerAnswer, FileError> {
        let since = Instant::now();
        let mut why = None;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) => {}
                Err(error) => {
                    why = Some(format!("cannot be waited for: {error}"));
                    break None;
                }
            }
            let stopped = stop();
            if self.too_much.load(Ordering::Relaxed) {
                why = Some(format!("printed more than {} MiB", MOST >> 20));
            } else if since.elapsed() >= question.limit {
                why =
                    Some(format!("gave no proposal within {} and was ended", span(question.limit.as_secs_f64() * 1e3)));
            }
            if stopped || why.is_some() {
                if let Some(tree) = &mut self.tree {
                    tree.kill();
                }
                let _ = self.child.kill();
                let status = self.child.wait().ok();
                if stopped {
                    self.clear(&question.folder);
                    return Ok(None);
                }
                break status;
            }
            thread::sleep(TICK);
        };
        self.clear(&question.folder);
        let seconds = since.elapsed().as_secs_f64();
        let [(output, more), (errors, _)] = self.streams.map(|stream| stream.recv_timeout(LINGER).unwrap_or_default());
        if more && why.is_none() {
            why = Some(format!("printed more than {} MiB", MOST >> 20));
        }
        let end = json!({
            "argv": question.words, "exit_code": status.and_then(|status| status.code()),
            "signal": status.and_then(|status| status.signal()), "seconds": seconds, "why": why,
        });
        for (name, bytes) in [("stdout.txt", &output), ("stderr.txt", &errors)] {
            write_atomically(&question.folder.join(name), |out| out.write_all(bytes))?;
        }
        write_json(&question.folder.join("end.json"), &end)?;
        if let Some(why) = why {
            return Ok(Some(Err(format!("the program {why}"))));
        }
        if let Some(status) = status.filter(|status| !status.success()) {
            let said = String::from_utf8_lossy(&errors);
            let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
            let last = last.map(|line| format!(": {}", line.chars().take(300).collect::<String>())).unwrap_or_default();
            return Ok(Some(Err(format!("the program ended with {status}{last}"))));
        }
        let proposal = Proposal::parse(&String::from_utf8_lossy(&output));
        Ok(Some(proposal.map_err(|reason| format!("the program's answer: {reason}"))))
    }

    /// Ends what the program left running.
    fn clear(&mut self, folder: &Path) {
        if let Some(tree) = &mut self.tree {
            tree.kill();
            tree.kill_to_the_last(LINGER);
        }
        // It is gone: nobody has to look for it.
        let _ = fs::remove_file(folder.join("running.json"));
    }
}

/// Reads a stream to its end and keeps the first part of it.
fn bounded(stream: Option<impl Read + Send + 'static>, too_much: Option<Arc<AtomicBool>>) -> Receiver<StreamStart> {
    let (sender, start) = channel();
    thread::spawn(move || {
        let (mut kept, mut more) = (Vec::new(), false);
        let mut part = [0; 1 << 16];
        let mut stream = stream;
        while let Some(Ok(length @ 1..)) = stream.as_mut().map(|stream| stream.read(&mut part)) {
            let room = MOST.saturating_sub(kept.len());
            kept.extend_from_slice(&part[..length.min(room)]);
            more |= length > room;
            if let Some(too_much) = too_much.as_ref().filter(|_| more) {
                too_much.store(true, Ordering::Relaxed);
            }
        }
        // Nobody listens any more where somebody else kept the stream open.
        let _ = sender.send((kept, more));
    });
    start
}
