//! Trees of real processes, started and stopped.
//!
//! The launched program is this test binary: it runs [`detached_child`], which does what the program does at its start and
//! its end, and a shell script in between.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::record::{find_launches, read_launches};
use super::start::{DETACHED, start};
use super::{BackgroundError, Followed, Launch, LaunchState, become_detached, follow, stop};
use crate::disk::Root;
use crate::process::{ProcessIdentity, running_processes};

const LONG: Duration = Duration::from_secs(30);

/// Not a test: the launched process. Its arguments are `detached FOLDER LABEL SCRIPT`, after those that make
/// the test harness run this and no other..
#[test]
#[ignore = "started by the other tests"]
fn detached_child() {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let Some(place) = arguments.iter().position(|word| word == DETACHED) else { return };
    let (arguments, detached) = become_detached(arguments[place - 1..].to_vec()).unwrap();
    let status = Command::new("sh").arg("-c").args(&arguments[1..]).status().unwrap();
    let code = u8::try_from(status.code().unwrap_or(99)).unwrap();
    detached.unwrap().record_end(ExitCode::from(code)).unwrap();
    std::process::exit(code.into());
}

/// A root. What its launches have running at the end is killed.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> Root {
        Root::new(self.0.path().join("results"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Launches a shell script. Its working directory is the scratch folder.
    fn launch(&self, script: &str) -> Launch {
        self.try_launch(script).unwrap()
    }

    fn try_launch(&self, script: &str) -> Result<Launch, BackgroundError> {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["background::tests::detached_child", "--exact", "--ignored", "--nocapture"]);
        program.current_dir(self.0.path());
        start(program, &self.root(), "study", &[script.into()])
    }

    /// The process whose number a script wrote into a file.
    fn process(&self, file: &str) -> ProcessIdentity {
        let number = wait_for(|| fs::read_to_string(self.path(file)).ok()?.trim().parse().ok());
        ProcessIdentity::of(number).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for launch in read_launches(&self.root()).map(|(launches, _)| launches).unwrap_or_default() {
            let _ = stop(&launch, Duration::ZERO, |_| ());
        }
    }
}

fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < LONG, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

fn wait_until(mut ask: impl FnMut() -> bool) {
    wait_for(|| ask().then_some(()));
}

/// What a script says, so that its number is known: writes `NAME` with the number of the process that runs it.
fn says(name: &str) -> String {
    format!("echo $$ > {name}.part; mv {name}.part {name}")
}

#[test]
fn a_launch_leads_its_own_session_and_says_how_it_ended() {
    let scratch = Scratch::new();
    let launch = scratch.launch("echo working; sleep 0.2; echo '10 %'; exit 3");
    let record = &launch.record;
    let process = running_processes().into_iter().find(|process| process.identity == record.process);
    assert_eq!(process.map(|process| process.session), Some(record.process.pid));
    assert_eq!((record.session, record.label.as_str()), (record.process.pid, "study"));
    let digits = record.id.strip_prefix("study-").unwrap();
    assert_eq!(digits.len(), "20260504-030201-ab12".len(), "{digits}");
    assert_eq!(launch.state(), LaunchState::Running);
    wait_until(|| !record.process.is_alive());
    let state = launch.state();
    assert!(matches!(state, LaunchState::Ended { exit_code: 3, .. }), "{state:?}");
    assert!(launch.milliseconds(state) >= 200, "{}", launch.milliseconds(state));
    assert_eq!(launch.last_line(), "10 %");
}

#[test]
fn a_launch_that_cannot_start_says_why_and_leaves_no_record() {
    let scratch = Scratch::new();
    let mut program = Command::new("sh");
    program.args(["-c", "echo no room >&2; exit 7"]);
    let error = start(program, &scratch.root(), "study", &[]).unwrap_err();
    assert!(error.to_string().contains("exit status: 7") && error.to_string().contains("no room"), "{error}");
    let missing = start(Command::new("/no/such/program"), &scratch.root(), "study", &[]).unwrap_err();
    assert!(matches!(missing, BackgroundError::Start(_)), "{missing}");
    assert_eq!(fs::read_dir(scratch.root().launches()).unwrap().count(), 0);
}

#[test]
fn a_recycled_number_and_another_boot_are_not_the_launch() {
    let scratch = Scratch::new();
    let launch = scratch.launch("sleep 60");
    let bystander = scratch.process_of_a_bystander();
    let path = scratch.root().launches().join(&launch.record.id).join("launch.json");
    let rewrite = |process: &ProcessIdentity| {
        let mut record = launch.record.clone();
        (record.process, record.session, record.mark) = (process.clone(), process.pid, "AEES_LAUNCH=none".into());
        fs::write(&path, serde_json::to_string(&record).unwrap()).unwrap();
        find_launches(&scratch.root(), &launch.record.id).unwrap().remove(0)
    };
    let recycled = ProcessIdentity { start_ticks: bystander.start_ticks - 1, ..bystander.clone() };
    let rebooted = ProcessIdentity { boot_id: "another".into(), ..bystander.clone() };
    for process in [recycled, rebooted] {
        let other = rewrite(&process);
        assert_eq!(other.state(), LaunchState::Died);
        let stopped = stop(&other, Duration::ZERO, |_| ()).unwrap();
        assert_eq!((stopped.found, stopped.killed), (0, 0));
        assert!(bystander.is_alive());
    }
    // For the end of the scratch folder, which stops what still runs.
    fs::write(&path, serde_json::to_string(&launch.record).unwrap()).unwrap();
    assert!(bystander.signal(Signal::KILL).unwrap());
}

impl Scratch {
    /// A process that leads a session and has nothing to do with any launch.
    fn process_of_a_bystander(&self) -> ProcessIdentity {
        let script = format!("{}; exec sleep 60", says("bystander"));
        let mut command = Command::new("setsid");
        command.args(["--fork", "sh", "-c", &script]).current_dir(self.0.path()).status().unwrap();
        self.process("bystander")
    }
}

/// A tree with everything that has hidden processes from such a stop: own sessions, own groups, parents that are gone,
/// a cleared environment, deaf ears.
fn forest() -> String {
    let deaf = |name: &str| format!("trap \"\" TERM HUP INT; {}; while :; do sleep 1; done", says(name));
    let background = [
        format!("sh -c '{}' &", deaf("child")),
        // Its parent is gone at once.
        format!("(sh -c '{}' &)", deaf("orphan")),
        format!("setsid sh -c '{}' &", deaf("session")),
        // A daemon: its own session and no parent.
        format!("(setsid sh -c '{}' &)", deaf("daemon")),
        format!("(env -i PATH=\"$PATH\" sh -c '{}' &)", deaf("cleared")),
        format!("env -i PATH=\"$PATH\" setsid sh -c '{}' &", deaf("cleared_session")),
        // Only the session, of which the leader still lives, tells of this one.
        format!(
            "setsid sh -c '(env -i PATH=\"$PATH\" sh -c \"{}\" &) ; sleep 60' &",
            deaf("below_session").replace('"', "\\\"").replace('$', "\\$")
        ),
    ];
    background.join("\n")
}

const FOREST: [&str; 7] = ["child", "orphan", "session", "daemon", "cleared", "cleared_session", "below_session"];

#[test]
fn no_descendant_outlives_a_stop() {
    let scratch = Scratch::new();
    let launch = scratch.launch(&format!("trap '' TERM\n{}\nwait", forest()));
    let processes = FOREST.map(|name| scratch.process(name));
    let bystander = scratch.process_of_a_bystander();
    let mut looks = 0;
    let grace = Duration::from_millis(500);
    let stopped = stop(&launch, grace, |waiting| {
        looks += 1;
        assert!(waiting.elapsed < grace);
        assert!(waiting.processes.len() > FOREST.len());
    });
    let stopped = stopped.unwrap();
    assert!(looks > 1, "it must wait for checkpoints");
    for (name, process) in FOREST.iter().zip(&processes) {
        assert!(!process.is_alive(), "{name} outlived the stop");
    }
    assert!(launch.family().running().is_empty());
    assert!(stopped.found > FOREST.len() && stopped.killed >= FOREST.len(), "{stopped:?}");
    assert!(bystander.is_alive(), "a process of nobody's business was killed");
    bystander.signal(Signal::KILL).unwrap();
    let again = stop(&launch, LONG, |_| ()).unwrap();
    assert_eq!((again.found, again.killed), (0, 0), "there is nothing to stop any more");
}

#[test]
fn what_was_seen_to_belong_is_not_lost_when_its_parent_ends() {
    let scratch = Scratch::new();
    let deaf = format!("trap \"\" TERM; {}; while :; do sleep 1; done", says("lonely"));
    let launch = scratch.launch(&format!("env -i PATH=\"$PATH\" setsid sh -c '{deaf}' &\nwait"));
    let lonely = scratch.process("lonely");
    let stopped = stop(&launch, Duration::from_millis(500), |_| ()).unwrap();
    assert!(!lonely.is_alive());
    assert!((1..=2).contains(&stopped.killed), "the shell and its sleep; the others end when asked: {stopped:?}");
}

#[test]
fn a_launch_that_ends_when_asked_is_not_killed() {
    let scratch = Scratch::new();
    let script = format!("trap 'echo checkpoint; exit 0' TERM; {}; while :; do sleep 0.05; done", says("worker"));
    let launch = scratch.launch(&script);
    let worker = scratch.process("worker");
    let stopped = stop(&launch, LONG, |_| ()).unwrap();
    assert_eq!(stopped.killed, 0, "{stopped:?}");
    assert!(!worker.is_alive());
    assert_eq!(launch.last_line(), "checkpoint");
    // The test binary has no handler for the signal and ends by it.
    assert!(matches!(launch.state(), LaunchState::Ended { exit_code: 143, .. }), "{:?}", launch.state());
}

#[test]
fn what_a_killed_launch_left_is_found_and_stopped() {
    let scratch = Scratch::new();
    let launch = scratch.launch(&format!("{}\nwait", forest()));
    let processes = FOREST.map(|name| scratch.process(name));
    launch.record.process.signal(Signal::KILL).unwrap();
    wait_until(|| !launch.record.process.is_alive());
    assert_eq!(launch.state(), LaunchState::Died);
    let stopped = stop(&launch, Duration::ZERO, |_| ()).unwrap();
    assert!(stopped.killed >= FOREST.len(), "{stopped:?}");
    for (name, process) in FOREST.iter().zip(&processes) {
        assert!(!process.is_alive(), "{name} outlived the stop");
    }
    assert_eq!(launch.state(), LaunchState::Died, "that is no end of its own, nor one by the stop");
}

#[test]
fn in_a_session_without_a_mark_nobody_is_killed() {
    let scratch = Scratch::new();
    let launch =
        scratch.launch(&format!("(env -i PATH=\"$PATH\" sh -c '{}; exec sleep 60' &)\nsleep 60", says("stranger")));
    let stranger = scratch.process("stranger");
    // As if all of the launch had gone and its number been given to the leader of another session, gone too.
    let mut family = launch.family();
    wait_until(|| {
        let mut others = family.running();
        others.retain(|process| process.identity != stranger);
        others.iter().for_each(|process| assert!(process.identity.signal(Signal::KILL).is_ok()));
        others.is_empty()
    });
    let stopped = stop(&launch, Duration::ZERO, |_| ()).unwrap();
    assert_eq!((stopped.found, stopped.doubtful.as_slice()), (0, [stranger.pid].as_slice()));
    assert!(stranger.is_alive());
    stranger.signal(Signal::KILL).unwrap();
}

#[test]
fn a_log_is_followed_to_its_end() {
    let scratch = Scratch::new();
    let launch = scratch.launch("for i in 1 2 3; do echo line $i; sleep 0.15; done; exit 5");
    let mut shown = Vec::new();
    assert_eq!(follow(&launch, &mut shown, &AtomicBool::new(false)).unwrap(), Followed::Ended(5));
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("line 1\nline 2\nline 3\n"), "{shown}");
    let lines = "x".repeat(99) + "\n";
    fs::write(launch.log(), format!("{}the end\n", lines.repeat(1000))).unwrap();
    let mut end = Vec::new();
    follow(&launch, &mut end, &AtomicBool::new(false)).unwrap();
    assert!(end.len() < 65 * 1024 && end.ends_with(b"\nthe end\n"));
    assert!(end.split(|byte| *byte == b'\n').all(|line| line.len() != 98), "a long log begins with a whole line");
    assert_eq!(end.iter().position(|byte| *byte == b'\n'), Some(99), "a long log begins with a whole line");
}

#[test]
fn a_follower_may_leave_and_the_launch_goes_on() {
    let scratch = Scratch::new();
    let launch = scratch.launch("sleep 60");
    let leave = AtomicBool::new(false);
    let followed = thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&launch, &mut Vec::new(), &leave));
        thread::sleep(Duration::from_millis(100));
        leave.store(true, Ordering::Relaxed);
        follower.join().unwrap()
    });
    assert_eq!(followed.unwrap(), Followed::Left);
    assert_eq!(launch.state(), LaunchState::Running);
    launch.record.process.signal(Signal::KILL).unwrap();
    wait_until(|| !launch.record.process.is_alive());
    assert_eq!(follow(&launch, &mut Vec::new(), &AtomicBool::new(false)).unwrap(), Followed::Died);
}

#[test]
fn launches_are_found_by_id_study_beginning_and_all() {
    let scratch = Scratch::new();
    let launches = [scratch.launch("exit 0"), scratch.launch("exit 0")];
    let ids = launches.map(|launch| launch.record.id);
    let found = |name: &str| -> Vec<String> {
        find_launches(&scratch.root(), name).unwrap().into_iter().map(|launch| launch.record.id).collect()
    };
    assert_eq!(found(&ids[0]), [ids[0].clone()]);
    assert_eq!(found("study"), ids);
    assert_eq!(found("all"), ids);
    assert_eq!(found("study-2"), ids);
    let error = find_launches(&scratch.root(), "other").unwrap_err();
    assert!(matches!(&error, BackgroundError::Unknown { known, .. } if known.contains(&ids[1])), "{error}");
}

#[test]
fn damaged_records_are_told_and_unfinished_ones_passed_over() {
    let scratch = Scratch::new();
    let launches = scratch.root().launches();
    assert!(read_launches(&scratch.root()).unwrap().0.is_empty(), "no folder, no launches");
    fs::create_dir_all(launches.join("starting")).unwrap();
    write(&launches.join("torn"), "{\"id\": \"to");
    let launch = scratch.launch("exit 0");
    let (read, damaged) = read_launches(&scratch.root()).unwrap();
    assert_eq!(read.iter().map(|launch| &launch.record.id).collect::<Vec<_>>(), [&launch.record.id]);
    assert_eq!(damaged.len(), 1);
    assert!(damaged[0].contains("torn/launch.json"), "{damaged:?}");
}

fn write(folder: &Path, record: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("launch.json"), record).unwrap();
}
