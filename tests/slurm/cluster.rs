//! A Slurm of this machine's own, one for all tests: `cluster.sh` runs it, and ends it when this process does.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::program::wait_until;
use crate::require::{Component, skip};

/// A Slurm that runs.
pub(super) struct Cluster {
    folder: TempDir,
    /// While its standard input is open, the cluster is up.
    _script: Child,
}

/// The cluster; none where Slurm is not installed.
pub(super) fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

fn start() -> Option<Cluster> {
    for program in ["sbatch", "slurmctld", "slurmd", "munged"] {
        let is_there = |folder: &str| Path::new(folder).join(program).is_file();
        if !["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].into_iter().any(is_there) {
            skip(Component::Slurm, &format!("there is no {program} here (Debian: apt-get install slurm-wlm munge)"));
            return None;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // Free a moment ago, which is all that can be known.
    let sockets: Vec<TcpListener> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<String> = sockets.iter().map(|socket| socket.local_addr().unwrap().port().to_string()).collect();
    drop(sockets);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(folder.path()).args(ports).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    if said != "ready\n" {
        let log = std::fs::read_to_string(folder.path().join("log/start.log")).unwrap_or_default();
        drop(child.stdin.take());
        child.wait().unwrap();
        skip(Component::Slurm, &format!("Slurm does not start here:\n{log}"));
        return None;
    }
    Some(Cluster { folder, _script: child })
}

impl Cluster {
    fn config(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// Whether Slurm keeps accounts, which needs slurmdbd and a database.
    pub(super) fn keeps_accounts(&self) -> bool {
        std::fs::read_to_string(self.config()).unwrap().contains("accounting_storage/slurmdbd")
    }

    /// Lets a program see the cluster.
    pub(super) fn enter(&self, command: &mut Command) {
        command.env("SLURM_CONF", self.config());
    }

    /// A configuration that leads to nobody.
    pub(super) fn unreachable(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lines = text.lines().map(|line| match line.starts_with("SlurmctldPort=") {
            true => format!("SlurmctldPort={nobody}\n"),
            false => format!("{line}\n"),
        });
        let path = self.folder.path().join("unreachable.conf");
        std::fs::write(&path, lines.collect::<String>().replace("MessageTimeout=5", "MessageTimeout=1")).unwrap();
        path
    }

    /// What a program of Slurm answers.
    pub(super) fn ask(&self, program: &str, words: &[&str]) -> String {
        let mut command = Command::new(program);
        self.enter(&mut command);
        let output = command.args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The state of a task, `RUNNING`; empty when it is forgotten.
    pub(super) fn state(&self, job: u64, index: usize) -> String {
        let lines = self.ask("squeue", &["-h", "-r", "-t", "all", "-o", "%F_%K %T"]);
        let task = format!("{job}_{index} ");
        let state = lines.lines().find_map(|line| line.strip_prefix(&task));
        state.unwrap_or_default().to_owned()
    }

    /// Waits until a task is in the queue again and nothing of it is alive, and spares it the two minutes that Slurm lets it
    /// wait there. Slurm revokes what ran of it to the second: what began in that second again would be refused by the node.
    pub(super) fn hurry_requeued(&self, job: u64, index: usize, launch: &Path) {
        let task = format!("{job}_{index}");
        let is_back = || {
            let shown = self.ask("scontrol", &["show", "job", "-o", &task]);
            shown.contains("JobState=PENDING") && !shown.contains("Restarts=0 ")
        };
        wait_until("the task is in the queue again", is_back);
        wait_until("the task is gone", || task_process(launch).is_empty());
        self.ask("scontrol", &["update", &format!("JobId={task}"), "StartTime=now+3"]);
    }
}

/// The number of the process of a launch's only task; empty when none runs.
pub(super) fn task_process(launch: &Path) -> String {
    let pattern = format!("slurm task {}", launch.display());
    let found = Command::new("pgrep").args(["-f", &pattern]).output().unwrap().stdout;
    String::from_utf8(found).unwrap().trim().to_owned()
}
