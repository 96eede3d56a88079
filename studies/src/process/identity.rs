//! Which process is which, also after its number was given to another: by start time and boot.

use std::sync::OnceLock;
use std::{fmt, fs, io};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process, told from all others that had or will have its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Name of its machine.
    #[serde(default)]
    pub host: String,
    /// The boot that it belongs to.
    pub boot_id: String,
    /// The namespace in which it has its number: containers of one machine have their own. Empty where that is not known.
    #[serde(default)]
    pub pid_namespace: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the boot.
    pub start_ticks: u64,
}

/// What this process can tell of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It does not, and never will again.
    Dead,
    /// It is of another machine or container: nobody here can see it.
    Unknown,
}

impl fmt::Display for ProcessIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.launch() {
            Some(launch) => write!(formatter, "{BATCH_SYSTEM}:{launch}"),
            None => write!(formatter, "{}:{}", self.host, self.pid),
        }
    }
}

/// The host of what a batch system holds.
const BATCH_SYSTEM: &str = "slurm";

impl ProcessIdentity {
    /// The tasks of a launch at a batch system: processes that nobody here can see, now or later, on machines that are not
    /// chosen yet. No process has the number 0.
    pub fn of_launch(launch: &str) -> Self {
        Self {
            host: BATCH_SYSTEM.to_owned(),
            boot_id: BATCH_SYSTEM.to_owned(),
            pid_namespace: launch.to_owned(),
            pid: 0,
            start_ticks: 0,
        }
    }

    /// The launch that it stands for, if it is no process.
    pub fn launch(&self) -> Option<&str> {
        (self.pid == 0 && self.host == BATCH_SYSTEM).then_some(self.pid_namespace.as_str())
    }

    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id();
        here(pid, start_ticks(pid).unwrap_or_default())
    }

    /// A process that runs now.
    pub fn of(pid: u32) -> Option<Self> {
        Some(here(pid, start_ticks(pid)?))
    }

    /// Whether it still runs, as far as can be seen from here. A zombie does not.
    pub fn liveness(&self) -> Liveness {
        let Here { host, boot_id, pid_namespace, sees_own_processes } = Here::get();
        if self.launch().is_some() {
            return Liveness::Unknown;
        }
        let numbers_agree = self.pid_namespace.is_empty() || self.pid_namespace == *pid_namespace;
        if self.boot_id != *boot_id {
            // The machine was started anew; another one of the same name has another registry.
            return if self.host.is_empty() || self.host == *host { Liveness::Dead } else { Liveness::Unknown };
        }
        match numbers_agree && *sees_own_processes {
            true if start_ticks(self.pid) == Some(self.start_ticks) => Liveness::Alive,
            true => Liveness::Dead,
            false => Liveness::Unknown,
        }
    }

    /// Whether the machine has been running since the process was.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.boot_id == Here::get().boot_id
    }

    /// Whether it is seen to run.
    pub fn is_alive(&self) -> bool {
        self.liveness() == Liveness::Alive
    }

    /// Sends it a signal, and never to another process that has its number by now. False when it is gone.
    ///
    /// # Errors
    /// When this user may not.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
        match self.signal_as(pid, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(false),
            sent => Ok(sent?),
        }
    }

    /// The descriptor is taken first and the identity checked afterwards: it belongs to what had the number at the check
    /// and so to this process, whatever happens to the number from then on.
    #[cfg(target_os = "linux")]
    fn signal_as(&self, pid: Pid, signal: Signal) -> rustix::io::Result<bool> {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            // A kernel before 5.3, or a sandbox without the call.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => return self.signal_by_number(pid, signal),
            Err(error) => return Err(error),
        };
        if !self.is_alive() {
            return Ok(false);
        }
        pidfd_send_signal(descriptor, signal).map(|()| true)
    }

    #[cfg(not(target_os = "linux"))]
    fn signal_as(&self, pid: Pid, signal: Signal) -> rustix::io::Result<bool> {
        self.signal_by_number(pid, signal)
    }

    fn signal_by_number(&self, pid: Pid, signal: Signal) -> rustix::io::Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        rustix::process::kill_process(pid, signal).map(|()| true)
    }
}

/// A process as the kernel's table showed it.
#[derive(Debug, Clone)]
pub struct RunningProcess {
    /// Which one.
    pub identity: ProcessIdentity,
    /// The number of its parent.
    pub parent: u32,
    /// The number of its process group.
    pub(super) group: u32,
    /// The number of its session, which is that of the process that began the session.
    pub session: u32,
    /// The name of its program, at most 15 bytes of it.
    pub name: String,
}

impl RunningProcess {
    /// What `/proc/PID/stat` tells; none for a process that is not there, or a zombie.
    fn read(pid: u32) -> Option<Self> {
        // Bytes: a program may be named by anything.
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The second field, the program's name in brackets, may hold anything, brackets too.
        let (start, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse().ok();
        if matches!(*fields.first()?, "Z" | "X" | "x") {
            return None;
        }
        // Field 22 of the line.
        let start_ticks = fields.get(19)?.parse().ok()?;
        Some(Self {
            identity: here(pid, start_ticks),
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            name: start.split_once('(')?.1.to_owned(),
        })
    }

    /// Whether the environment that it was started with has these assignments, `NAME=VALUE`. False when that cannot be read.
    pub(super) fn has_variables(&self, assignments: &[String]) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.identity.pid)).unwrap_or_default();
        let has =
            |assignment: &String| environment.split(|byte| *byte == 0).any(|entry| entry == assignment.as_bytes());
        assignments.iter().all(has)
    }
}

/// All processes of this machine that run now, zombies left out.
pub(crate) fn running_processes() -> Vec<RunningProcess> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(RunningProcess::read).collect()
}

/// What tells the processes that can be seen from here.
struct Here {
    host: String,
    boot_id: String,
    pid_namespace: String,
    /// Whether `/proc` shows the namespace that this process is in.
    sees_own_processes: bool,
}

impl Here {
    fn get() -> &'static Self {
        static HERE: OnceLock<Here> = OnceLock::new();
        HERE.get_or_init(|| {
            let link = |path: &str| Some(fs::read_link(path).ok()?.to_string_lossy().into_owned());
            let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            Self {
                host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                boot_id: boot_id.trim().to_owned(),
                pid_namespace: link("/proc/self/ns/pid").unwrap_or_default(),
                sees_own_processes: link("/proc/self").is_none_or(|own| own == std::process::id().to_string()),
            }
        })
    }
}

/// The name of this machine.
pub fn hostname() -> &'static str {
    &Here::get().host
}

/// The id of the kernel's boot; empty where it has none.
pub(crate) fn boot_id() -> &'static str {
    &Here::get().boot_id
}

fn here(pid: u32, start_ticks: u64) -> ProcessIdentity {
    let Here { host, boot_id, pid_namespace, .. } = Here::get();
    let (host, boot_id, pid_namespace) = (host.clone(), boot_id.clone(), pid_namespace.clone());
    ProcessIdentity { host, boot_id, pid_namespace, pid, start_ticks }
}

/// None for a process that is not there, or a zombie.
fn start_ticks(pid: u32) -> Option<u64> {
    Some(RunningProcess::read(pid)?.identity.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").env("AEES_TEST", "a b").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_process_is_alive_until_it_ends() {
        let own = ProcessIdentity::own();
        assert!(own.is_alive());
        assert!(!ProcessIdentity { start_ticks: own.start_ticks + 1, ..own.clone() }.is_alive(), "a recycled number");
        let told = |identity: ProcessIdentity| identity.liveness();
        let rebooted = ProcessIdentity { boot_id: "another".into(), ..own.clone() };
        assert_eq!(told(rebooted.clone()), Liveness::Dead);
        assert_eq!(told(ProcessIdentity { host: "elsewhere".into(), ..rebooted }), Liveness::Unknown);
        let container = ProcessIdentity { pid_namespace: "pid:[1]".into(), start_ticks: 1, ..own };
        assert_eq!(told(container), Liveness::Unknown, "its number means another process there");
        let mut child = sleeper();
        let identity = ProcessIdentity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        child.kill().unwrap();
        // A zombie until it is waited for.
        while identity.is_alive() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn a_signal_never_reaches_another_process_with_the_number() {
        let mut child = sleeper();
        let identity = ProcessIdentity::of(child.id()).unwrap();
        let recycled = ProcessIdentity { start_ticks: identity.start_ticks - 1, ..identity.clone() };
        let before_the_boot = ProcessIdentity { boot_id: "another".into(), ..identity.clone() };
        assert!(!recycled.signal(Signal::KILL).unwrap());
        assert!(!before_the_boot.signal(Signal::KILL).unwrap());
        assert!(!before_the_boot.signal_by_number(Pid::from_child(&child), Signal::KILL).unwrap());
        assert!(identity.is_alive());
        assert!(identity.signal(Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(!identity.signal(Signal::KILL).unwrap(), "it is gone, which is no error");
        assert!(!ProcessIdentity { pid: 0, ..identity }.signal(Signal::KILL).unwrap(), "0 would be our own group");
    }

    #[test]
    fn the_table_of_processes_tells_parents_sessions_and_variables() {
        let mut child = sleeper();
        let table = running_processes();
        let find = |pid| table.iter().find(|process| process.identity.pid == pid).unwrap();
        let (own, sleep) = (find(std::process::id()), find(child.id()));
        assert_eq!(own.identity, ProcessIdentity::own());
        assert_eq!((sleep.parent, sleep.session), (own.identity.pid, own.session));
        let has = |assignment: &str| sleep.has_variables(&[assignment.to_owned()]);
        let still_forking = sleep.name != "sleep";
        assert!(still_forking || (has("AEES_TEST=a b") && !has("AEES_TEST=a")));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
