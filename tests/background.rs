//! `aees runs bg`: launches are cut loose from the terminal, are known for what they are, and end with all that they started.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use crate::program::{Run, Scratch, TINY, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A launched process, as the program starts it: the hidden first word, its folder, what it is for, and a command line.
/// Killed when the test is over, if it still runs.
struct Launched(Child);

impl Launched {
    /// A training run that would take hours, launched as `ID`.
    fn training(scratch: &Scratch, id: &str) -> Self {
        let run = format!("run_{id}");
        let first = ["train", "cifar100", "--run-dir", &run, "--epochs", "100000", "--progress", "plain"];
        Self::start(scratch, id, &[&first, &TINY[..10]].concat())
    }

    fn start(scratch: &Scratch, id: &str, arguments: &[&str]) -> Self {
        let folder = scratch.path(&format!("results/launches/{id}"));
        fs::create_dir_all(&folder).unwrap();
        let log = File::create(folder.join("log.txt")).unwrap();
        let folder = folder.to_str().unwrap().to_owned();
        let words = ["detached", &folder, "noise"];
        let mut command = scratch.command(words.iter().chain(arguments));
        let launched = Self(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        wait_until("it is launched", || scratch.path(&format!("results/launches/{id}/launch.json")).exists());
        launched
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bg(scratch: &Scratch, arguments: &[&str]) -> Run {
    scratch.run(["runs", "bg"].iter().chain(arguments))
}

fn listed(scratch: &Scratch) -> Vec<Value> {
    let list: Value = serde_json::from_str(&bg(scratch, &["list", "--json"]).ok().stdout()).unwrap();
    list["launches"].as_array().unwrap().clone()
}

/// Waits until training is under way.
fn trains(scratch: &Scratch, id: &str) {
    wait_until("it trains", || scratch.text(&format!("results/launches/{id}/log.txt")).lines().count() > 3);
}

#[test]
fn a_launch_is_listed_as_running_and_a_stop_makes_it_write_a_checkpoint() {
    let scratch = Scratch::new();
    let launched = Launched::training(&scratch, "one");
    trains(&scratch, "one");
    let row = listed(&scratch).remove(0);
    assert_eq!((&row["id"], &row["study"], &row["state"]), (&json!("one"), &json!("noise"), &json!("running")));
    assert_eq!(row["process"]["pid"], json!(launched.0.id()));
    assert_eq!(row["session"], row["process"]["pid"], "it leads a session of its own");
    assert_eq!((&row["arguments"][0], &row["arguments"][1]), (&json!("train"), &json!("cifar100")));
    assert!(!row["last_line"].as_str().unwrap().is_empty(), "{row}");
    let table = bg(&scratch, &["list"]).ok().stdout();
    assert!(table.contains(&format!("running (process {})", launched.0.id())), "{table}");

    let stopped = bg(&scratch, &["stop", "noise"]).ok();
    assert_eq!(stopped.stdout(), "stopped one: it ended with code 130\n");
    assert!(fs::read_dir(scratch.path("run_one/checkpoints")).unwrap().count() > 0, "nothing to resume from");
    let row = listed(&scratch).remove(0);
    assert_eq!((&row["state"], &row["exit_code"], &row["left_running"]), (&json!("ended"), &json!(130), &json!([])));
    bg(&scratch, &["stop", "one"]).refused(&["nothing was stopped"]);
}

#[test]
fn a_killed_launch_died_and_is_not_running() {
    let scratch = Scratch::new();
    let launched = Launched::training(&scratch, "one");
    launched.signal(Signal::KILL);
    wait_until("it is seen dead", || listed(&scratch)[0]["state"] != "running");
    let row = listed(&scratch).remove(0);
    assert_eq!((&row["state"], &row["exit_code"]), (&json!("died"), &Value::Null));
    bg(&scratch, &["attach", "one"]).refused(&["one died", "aees sweep resume"]);
    bg(&scratch, &["stop", "all"]).refused(&["nothing was stopped"]);
}

#[test]
fn at_once_means_without_a_checkpoint() {
    let scratch = Scratch::new();
    let _launched = Launched::training(&scratch, "one");
    let stopped = bg(&scratch, &["stop", "one", "--now"]).ok();
    assert_eq!(stopped.stdout(), "stopped one: it ended with code 137; 1 process had to be killed\n");
    assert_eq!(listed(&scratch)[0]["exit_code"], json!(137));
}

#[test]
fn attached_to_a_launch_that_ended_its_exit_code_is_ours() {
    let scratch = Scratch::new();
    let mut well = Launched::start(&scratch, "well", &["devices"]);
    let mut badly = Launched::start(&scratch, "badly", &["train", "cifar100", "--epochs", "none"]);
    well.0.wait().unwrap();
    badly.0.wait().unwrap();
    let shown = bg(&scratch, &["attach", "well"]).ok();
    assert_eq!(shown.stdout(), scratch.text("results/launches/well/log.txt"));
    assert!(shown.stdout().contains("cpu"), "{}", shown.stdout());
    let shown = bg(&scratch, &["attach", "badly"]);
    assert_eq!(shown.code(), Some(1));
    assert!(shown.stdout().contains("epochs"), "{}", shown.stdout());
    assert!(shown.stderr().contains("badly ended with code 1"), "{}", shown.stderr());
}

#[test]
fn ctrl_c_ends_the_showing_and_not_the_launch() {
    let scratch = Scratch::new();
    let launched = Launched::training(&scratch, "one");
    trains(&scratch, "one");
    let shown = scratch.path("shown.txt");
    let mut command = scratch.command(["runs", "bg", "attach", "one"]);
    let attached = command.stdout(File::create(&shown).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    // It grows: more is shown than there was.
    let before = fs::metadata(scratch.path("results/launches/one/log.txt")).unwrap().len();
    wait_until("more is shown", || fs::metadata(&shown).unwrap().len() > before);
    kill_process(Pid::from_child(&attached), Signal::INT).unwrap();
    let said = Run(attached.wait_with_output().unwrap()).ok().stderr();
    assert!(said.contains("goes on in the background") && said.contains("aees runs bg stop one"), "{said}");
    assert_eq!(listed(&scratch)[0]["state"], "running");
    launched.signal(Signal::KILL);
}

/// A launch of an earlier boot.
fn old_launch(scratch: &Scratch, id: &str, started_at: i64) {
    let record = json!({
        "id": id, "label": "old", "arguments": [], "working_directory": "/", "session": 1, "started_at": started_at,
        "process": {"pid": 1, "start_ticks": 1, "boot_id": "earlier"}, "mark": "AEES_LAUNCH=none", "version": "0.0.1",
    });
    let folder = scratch.path(&format!("results/launches/{id}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("launch.json"), record.to_string()).unwrap();
}

#[test]
fn the_last_ten_are_listed_and_older_ones_are_kept() {
    let scratch = Scratch::new();
    (10..22).for_each(|number| old_launch(&scratch, &format!("old-{number}"), 1_000 * number));
    let list = bg(&scratch, &["list"]).ok();
    assert_eq!(list.stdout().lines().count(), 1 + 10, "{}", list.stdout());
    assert!(list.stdout().contains("old-12 ") && !list.stdout().contains("old-11 "), "{}", list.stdout());
    assert!(list.stdout().contains("died") && list.stdout().contains("1970-01-01 00:00:21"), "{}", list.stdout());
    assert!(list.stderr().contains("2 older"), "{}", list.stderr());
    let all = bg(&scratch, &["list", "--all", "--json"]).ok();
    let all: Value = serde_json::from_str(&all.stdout()).unwrap();
    assert_eq!((all["launches"].as_array().unwrap().len(), &all["not_listed"]), (12, &json!(0)));
    bg(&scratch, &["stop", "old-1"]).refused(&["old-1 means 10 launches"]);
}

#[test]
fn what_there_is_not_is_told() {
    let scratch = Scratch::new();
    assert!(listed(&scratch).is_empty());
    assert!(bg(&scratch, &["list"]).ok().stderr().contains("no launches"));
    bg(&scratch, &["stop", "all"]).refused(&["nothing was stopped"]);
    bg(&scratch, &["attach", "nothing"]).refused(&["no launch or study nothing", "--root"]);
    assert!(!scratch.path("results").exists(), "looking must not make anything");
    old_launch(&scratch, "old-1", 0);
    fs::create_dir_all(scratch.path("results/launches/torn")).unwrap();
    fs::write(scratch.path("results/launches/torn/launch.json"), "{").unwrap();
    bg(&scratch, &["stop", "nothing"]).refused(&["no launch or study nothing", "old-1"]);
    let list = bg(&scratch, &["list"]).ok();
    assert!(list.stderr().contains("torn/launch.json"), "{}", list.stderr());
    bg(&scratch, &["stop", "old-1", "--grace", "soon"]).refused(&["--grace"]);
}
