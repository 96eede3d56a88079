//! A storm: supervisors and workers are killed with SIGKILL at random moments while they run many short programs, until
//! all are done; then everything is counted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aees_studies::process::ProcessIdentity;
use aees_studies::registry::{Reader, Why};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What to do.
pub(crate) struct Storm {
    /// The program `aees`.
    pub(crate) program: PathBuf,
    /// An empty folder.
    pub(crate) folder: PathBuf,
    /// Short runs.
    pub(crate) runs: usize,
    /// Workers at a time.
    pub(crate) jobs: usize,
    /// Kills, at least.
    pub(crate) kills: usize,
    /// Decides when and whom.
    pub(crate) seed: u64,
}

/// Supervisors that live through the storm, each with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bystander {
    /// In a PID namespace of its own, as in a container: nobody else sees whether its processes live.
    Container,
    /// Under a wall clock that jumps by hours, back and forth (`faketime`).
    JumpingClock,
}

/// What came of it.
#[derive(Debug)]
#[allow(dead_code, reason = "the bench prints all of it, the test looks at a part")]
pub(crate) struct Outcome {
    /// Processes that were killed.
    pub(crate) kills: usize,
    /// How many of them were supervisors.
    pub(crate) supervisors: usize,
    /// Runs with a result.
    pub(crate) done: usize,
    /// Results whose bytes are not those that were accepted.
    pub(crate) changed_results: usize,
    /// Runs with more than one accepted result.
    pub(crate) accepted_twice: usize,
    /// Attempts of all runs.
    pub(crate) attempts: u64,
    /// How often the program of a run came to its end: more than runs where a kill hit between that and the publication.
    pub(crate) effects: usize,
    /// Who else worked on the study, where this machine has what it takes.
    pub(crate) bystanders: Vec<Bystander>,
    /// Attempts of a supervisor in another PID namespace.
    pub(crate) attempts_in_containers: usize,
    /// How many different wrong times, in whole hours, attempts began at: what the jumping clock showed.
    pub(crate) wrong_times: usize,
    /// Whether the database passes its integrity check.
    pub(crate) intact: bool,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Storm {
    /// Kills until enough were killed, and lets the last supervisor finish.
    pub(crate) fn run(&self) -> Outcome {
        let start = Instant::now();
        self.write_study();
        let planned = self.command(&["sweep", "run", "storm.yaml", "--limit-runs", "1", "--progress", "none"]).output();
        assert!(planned.unwrap().status.success());
        let mut bystanders: Vec<(Bystander, Child)> = [Bystander::Container, Bystander::JumpingClock]
            .into_iter()
            .filter_map(|kind| self.bystander(kind))
            .collect();
        let (mut kills, mut supervisors) = (0, 0);
        let mut random = Random(self.seed);
        let mut child = self.supervisor();
        loop {
            thread::sleep(Duration::from_millis(random.below(300)));
            self.set_clock(random.below(10_000));
            if let Some(status) = child.try_wait().unwrap() {
                if kills >= self.kills || status.success() {
                    break;
                }
                child = self.supervisor();
            }
            if kills >= self.kills {
                assert!(child.wait().unwrap().success(), "the last supervisor ends well");
                break;
            }
            let workers = workers_of(child.id());
            // One kill in four hits a supervisor.
            if workers.is_empty() || random.below(4) == 0 {
                kill(child.id());
                let _ = child.wait();
                (kills, supervisors) = (kills + 1, supervisors + 1);
                child = self.supervisor();
            } else {
                kill(workers[random.below(workers.len() as u64) as usize]);
                kills += 1;
            }
        }
        for (kind, child) in &mut bystanders {
            assert!(child.wait().unwrap().success(), "{kind:?}");
        }
        let bystanders = bystanders.into_iter().map(|(kind, _)| kind).collect();
        self.count((kills, supervisors), bystanders, start.elapsed().as_secs_f64())
    }

    /// A supervisor of a special kind; none where that cannot be.
    fn bystander(&self, kind: Bystander) -> Option<(Bystander, Child)> {
        let words: &[&str] = match kind {
            Bystander::Container => &["unshare", "--pid", "--fork", "--mount-proc"],
            Bystander::JumpingClock => &["faketime", "-f", "+0", "env", "-u", "FAKETIME"],
        };
        let able = Command::new(words[0]).args(&words[1..]).arg("true").stderr(Stdio::null()).status();
        if !able.is_ok_and(|status| status.success()) {
            return None;
        }
        self.set_clock(5_000);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(&self.program);
        command.args(["sweep", "run", "storm.yaml", "--jobs", "1", "--progress", "none"]).current_dir(&self.folder);
        command.env("FAKETIME_TIMESTAMP_FILE", self.folder.join("clock")).env("FAKETIME_NO_CACHE", "1");
        // A step of the time of day moves no other clock.
        command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some((kind, child))
    }

    /// What the jumping clock shows from now on: up to five hours off.
    fn set_clock(&self, random: u64) {
        let seconds = random as i64 * 3_600 / 1_000 - 5 * 3_600;
        fs::write(self.folder.join("clock"), format!("{seconds:+}")).unwrap();
    }

    fn write_study(&self) {
        let last = self.runs;
        let text = format!(
            "aees: 1\nname: storm\ntask: command\ncommand:\n  argv: [sh, -c, 'cat > /dev/null; sleep 0.0{{x}}; echo {{x}} >> effects; echo \
             \"{{{{\\\"score\\\": {{x}}}}}}\"']\nsweep: {{x: {{range: {{from: 1, to: {last}, step: 1}}}}}}\n"
        );
        fs::write(self.folder.join("storm.yaml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn supervisor(&self) -> Child {
        let jobs = self.jobs.to_string();
        let mut command = self.command(&["sweep", "run", "storm.yaml", "--jobs", &jobs, "--progress", "none"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn count(&self, (kills, supervisors): (usize, usize), bystanders: Vec<Bystander>, seconds: f64) -> Outcome {
        let listed = self.command(&["runs", "ls", "storm", "--json"]).output().unwrap();
        let document: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let rows = document.as_array().or_else(|| document["runs"].as_array()).unwrap();
        let done: Vec<&Value> = rows.iter().filter(|row| row["state"] == "done").collect();
        let check = self.command(&["registry", "check"]).output().unwrap();
        let registry = Reader::open(&self.folder.join("results/registry.db")).unwrap();
        let why = |row: &&Value| registry.why(row["run_id"].as_str().unwrap()).unwrap();
        let histories: Vec<Why> = done.iter().map(why).collect();
        let accepted = |history: &&Why| {
            let kinds = history.events.iter().map(|event| event.kind.as_str());
            kinds.filter(|kind| matches!(*kind, "completed" | "adopted")).count()
        };
        let own = ProcessIdentity::own().pid_namespace;
        let attempts = || histories.iter().flat_map(|history| &history.attempts);
        let hours_off = attempts().map(|attempt| (attempt.started_at - registry.now()) / 3_600_000);
        let wrong_times: BTreeSet<i64> = hours_off.filter(|hours| *hours != 0).collect();
        Outcome {
            kills,
            supervisors,
            done: done.len(),
            changed_results: done.iter().filter(|row| !self.is_as_accepted(row)).count(),
            accepted_twice: histories.iter().filter(|history| accepted(history) != 1).count(),
            attempts: rows.iter().filter_map(|row| row["attempts"].as_u64()).sum(),
            effects: fs::read_to_string(self.folder.join("effects")).unwrap_or_default().lines().count(),
            bystanders,
            attempts_in_containers: attempts().filter(|attempt| attempt.worker.pid_namespace != own).count(),
            wrong_times: wrong_times.len(),
            intact: check.status.success(),
            seconds,
        }
    }

    /// Whether the result on disk is the run's own.
    fn is_as_accepted(&self, row: &Value) -> bool {
        let id = row["run_id"].as_str().unwrap();
        let path = self.folder.join("results/runs").join(&id[..2]).join(&id[..16]).join("result.json");
        let result: Value = serde_json::from_str(&fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
        result["run_id"] == id && result["result"]["score"] == row["axes"]["x"]
    }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): moments and victims of a storm can be told again by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound
    }
}

fn kill(pid: u32) {
    // It may be gone by itself.
    let _ = Pid::from_raw(pid as i32).map(|pid| kill_process(pid, Signal::KILL));
}

/// The processes that a supervisor started.
fn workers_of(supervisor: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(supervisor)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}
