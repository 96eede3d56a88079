//! Under which circumstances a run was made: when, by which command, by which build of this program, on which instructions and
//! how many threads, and what else ran on the machine meanwhile. A reviewer asks for it, and times mean little without it.
//!
//! None of this decides a result. What is a secret on the command line is never kept.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::nvidia::{GpuUse, NvidiaGpu};
use crate::times::utc_now;

/// How often the machine is looked at while a run trains.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The verbs that train.
const TRAINING_VERBS: [&str; 2] = ["train", "worker"];

/// What is written in the place of a secret.
const HIDDEN: &str = "***";

/// How the program was built.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Build {
    /// The commit that it was built from.
    pub git_commit: Option<String>,
    /// Whether what trains differed from that commit.
    pub git_dirty: Option<bool>,
    /// The compiler, as it names itself.
    pub rustc: Option<String>,
    /// The platform that it was built for.
    pub target: Option<String>,
    /// `release` or `debug`.
    pub profile: Option<String>,
    /// The crate features that were on.
    pub features: Vec<String>,
    /// The instruction sets that the compiler took for granted.
    pub target_features: Vec<String>,
}

/// One process that worked at a run: a run that was resumed has several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkSession {
    /// When it began, UTC.
    pub started_at: String,
    /// The command line, without secrets.
    pub command: Vec<String>,
}

impl WorkSession {
    /// This process, from now on.
    pub fn begin() -> Self {
        Self {
            started_at: utc_now(),
            command: without_secrets(std::env::args_os().map(|word| word.to_string_lossy().into_owned())),
        }
    }
}

/// What was going on while a run trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Circumstances {
    /// When the first process began, UTC.
    pub started_at: Option<String>,
    /// When the last one had trained, UTC.
    pub finished_at: String,
    /// Its command line, without secrets.
    pub command: Vec<String>,
    /// All processes that worked at it.
    pub sessions: Vec<WorkSession>,
    /// The program.
    pub build: Build,
    /// The instruction sets that the processor offers, of those that matter here.
    pub instruction_sets: Vec<&'static str>,
    /// Threads that computed.
    pub threads: usize,
    /// The most other runs of this program that were seen on the machine at once.
    pub other_runs: usize,
    /// The highest load average over a minute that was seen; 0 where the system has none.
    pub load_average: f64,
}

/// Looks at the machine now and then while a run trains.
#[derive(Debug)]
pub struct MachineWatch {
    gpu: Option<NvidiaGpu>,
    gpu_use: Option<GpuUse>,
    other_runs: usize,
    load_average: f64,
    looked: Instant,
}

impl MachineWatch {
    /// Begins to watch, and the NVIDIA GPU that the run uses, if it uses one.
    pub fn start(gpu: Option<NvidiaGpu>) -> Self {
        let mut watch = Self { gpu, gpu_use: None, other_runs: 0, load_average: 0.0, looked: Instant::now() };
        watch.look();
        watch
    }

    /// Looks, if the last look is a while ago. Costs a clock reading otherwise.
    pub fn look_if_due(&mut self) {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
    }

    /// Looks now.
    pub fn look(&mut self) {
        self.looked = Instant::now();
        self.other_runs = self.other_runs.max(other_runs());
        self.load_average = self.load_average.max(load_average());
        if let Some(now) = self.gpu.as_ref().map(NvidiaGpu::usage) {
            self.gpu_use = Some(self.gpu_use.take().map_or(now.clone(), |before| before.most(&now)));
        }
    }

    /// The GPU with what it was seen to do.
    pub fn gpu(&self) -> Option<(&NvidiaGpu, &GpuUse)> {
        self.gpu.as_ref().zip(self.gpu_use.as_ref())
    }

    /// Everything, at the end.
    pub fn circumstances(&self, sessions: &[WorkSession], build: Build, threads: usize) -> Circumstances {
        Circumstances {
            started_at: sessions.first().map(|session| session.started_at.clone()),
            finished_at: utc_now(),
            command: sessions.last().map(|session| session.command.clone()).unwrap_or_default(),
            sessions: sessions.to_vec(),
            build,
            instruction_sets: instruction_sets(),
            threads,
            other_runs: self.other_runs,
            load_average: self.load_average,
        }
    }
}

/// The command line without tokens: of `--hf-token`, however it is shortened, of `--set hf_token=`, and what looks like one.
fn without_secrets(command: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_secret = false;
    let kept = command.map(|word| {
        let was_secret = std::mem::replace(&mut is_secret, word.starts_with("--") && names_the_token(&word));
        if was_secret { HIDDEN.into() } else { without_secret(&word) }
    });
    kept.collect()
}

/// A word as `--hf-token=SECRET` or `--set=hf_token=SECRET` without it.
fn without_secret(word: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in word.split('=') {
        if kept.last().is_some_and(|name| names_the_token(name)) || looks_secret(part) {
            kept.push(HIDDEN);
            break;
        }
        kept.push(part);
    }
    kept.join("=")
}

fn names_the_token(name: &str) -> bool {
    let name = name.trim_start_matches('-').replace('_', "-");
    name.len() >= 2 && "hf-token".starts_with(&name)
}

/// An access token, or an address with a password in it.
fn looks_secret(word: &str) -> bool {
    let token =
        word.strip_prefix("hf_").is_some_and(|rest| rest.len() >= 16 && rest.chars().all(char::is_alphanumeric));
    let address = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    token || address.is_some_and(|host| host.contains('@'))
}

/// A text, such as a message, without passwords in its addresses and without what looks like an access token.
pub fn without_credentials(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        kept.push_str(&without_credentials_in(word));
        kept.push_str(&piece[word.len()..]);
    }
    kept
}

/// `https://***@host/path` for an address with a name or a password; `***` for a token, wherever it stands in the word.
fn without_credentials_in(word: &str) -> String {
    let (scheme, rest) = match word.find("://") {
        Some(place) => word.split_at(place + 3),
        None => ("", word),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let word = match host.rsplit_once('@') {
        // A name without a password and without a scheme is an address of electronic mail.
        Some((secret, _)) if !scheme.is_empty() || secret.contains(':') => {
            format!("{scheme}{HIDDEN}{}", &rest[secret.len()..])
        }
        _ => word.to_owned(),
    };
    let is_mark = |character: char| !character.is_alphanumeric() && character != '_';
    let hidden = word.split_inclusive(is_mark).map(|part| {
        let bare = part.trim_end_matches(is_mark);
        if looks_secret(bare) { format!("{HIDDEN}{}", &part[bare.len()..]) } else { part.to_owned() }
    });
    hidden.collect()
}

/// The load average over the last minute; 0 where the system has none.
pub fn load_average() -> f64 {
    System::load_average().map_or(0.0, |load| load.one)
}

/// How many other processes of this program train now.
pub fn other_runs() -> usize {
    let Some(name) = std::env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_owned())) else { return 0 };
    let Ok(mut system) = System::new() else { return 0 };
    let wanted = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, false, wanted);
    let own = std::process::id();
    let is_other = |(pid, process): &(&sysinfo::Pid, &sysinfo::Process)| {
        let command: Vec<&str> = process.cmd().iter().filter_map(|word| word.to_str()).collect();
        pid.as_u32() != own && process.thread_kind().is_none() && trains(&command, &name)
    };
    system.processes().iter().filter(is_other).count()
}

/// Whether a command line is one of this program that trains.
fn trains(command: &[&str], program: &std::ffi::OsStr) -> bool {
    let [first, verb, ..] = command else { return false };
    Path::new(first).file_name() == Some(program) && TRAINING_VERBS.contains(verb)
}

/// The instruction sets that the processor offers, of those that matter here.
#[cfg(target_arch = "x86_64")]
pub fn instruction_sets() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),*) => { [$(($name, std::arch::is_x86_feature_detected!($name))),*] };
    }
    let all = found![
        "sse4.2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "bmi2",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512vnni",
        "avx512bf16"
    ];
    all.into_iter().filter(|(_, found)| *found).map(|(name, _)| name).collect()
}

/// The instruction sets that the processor offers, of those that matter here.
#[cfg(target_arch = "aarch64")]
pub fn instruction_sets() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),*) => { [$(($name, std::arch::is_aarch64_feature_detected!($name))),*] };
    }
    let all = found!["neon", "dotprod", "fp16", "bf16", "i8mm", "sve", "sve2"];
    all.into_iter().filter(|(_, found)| *found).map(|(name, _)| name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
/// The instruction sets that the processor offers: none is known of here.
pub fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(command: &str) -> String {
        without_secrets(command.split(' ').map(str::to_owned)).join(" ")
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (text, shown) in [
            ("https://huggingface.co", "https://huggingface.co"),
            ("https://me:pass@host:8080/x y", "https://***@host:8080/x y"),
            ("cannot reach https://me@host, sorry", "cannot reach https://***@host, sorry"),
            ("socks5h://a:b@c", "socks5h://***@c"),
            ("https://a:p@ss@host/", "https://***@host/"),
            ("a token (hf_abcdefghijklmnopqrstuvwxyz)", "a token (***)"),
            ("https://host/?token=hf_abcdefghijklmnopqrstuvwxyz", "https://host/?token=***"),
            ("me:pass@host/x", "***@host/x"),
            ("a@b.c  and\tmore\n", "a@b.c  and\tmore\n"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }

    #[test]
    fn a_secret_on_the_command_line_is_never_kept() {
        let token = "hf_abcdefghijklmnopqrstuvwxyz";
        for (typed, kept) in [
            ("aees train cifar100 --seed 3", "aees train cifar100 --seed 3"),
            ("aees train sst2 --hf-token secret --seed 3", "aees train sst2 --hf-token *** --seed 3"),
            ("aees train sst2 --hf-token=secret", "aees train sst2 --hf-token=***"),
            ("aees train sst2 --hf-tok secret", "aees train sst2 --hf-tok ***"),
            ("aees train sst2 --hf secret", "aees train sst2 --hf ***"),
            ("aees train sst2 --set hf_token=secret", "aees train sst2 --set hf_token=***"),
            ("aees train sst2 --set=hf_token=secret", "aees train sst2 --set=hf_token=***"),
            ("aees train sst2 --data https://me:pass@host/x", "aees train sst2 --data ***"),
            ("aees train hf", "aees train hf"),
        ] {
            assert_eq!(cleaned(typed), kept);
        }
        for typed in [format!("aees train sst2 {token}"), format!("aees train sst2 --data={token}")] {
            assert!(!cleaned(&typed).contains(token), "{typed}");
        }
    }

    #[test]
    fn only_what_trains_counts_as_a_run() {
        let of = |words: &[&str]| trains(words, "aees".as_ref());
        assert!(of(&["/usr/bin/aees", "train", "cifar100"]) && of(&["aees", "worker"]));
        assert!(!of(&["aees", "report"]) && !of(&["aees"]) && !of(&["vi", "train"]) && !of(&[]));
    }

    #[test]
    fn this_process_has_circumstances() {
        let watch = MachineWatch::start(None);
        let sessions = [WorkSession::begin(), WorkSession::begin()];
        let found = watch.circumstances(&sessions, Build::default(), 2);
        assert_eq!((found.started_at.as_deref(), found.threads), (Some(sessions[0].started_at.as_str()), 2));
        assert!(found.finished_at.ends_with('Z') && found.finished_at >= sessions[1].started_at, "{found:?}");
        assert!(!found.command.is_empty() && found.load_average >= 0.0);
        if cfg!(target_arch = "x86_64") {
            assert!(found.instruction_sets.contains(&"sse4.2"), "{found:?}");
        }
    }
}
