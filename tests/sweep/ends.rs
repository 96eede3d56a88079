//! How studies end, and what of an end is said: twice Ctrl-C, cancelled runs, rate limits, kills, busy folders, full disks.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aees_studies::disk::{PlanFile, Root};
use aees_studies::job::Job;
use rustix::process::Signal;
use serde_json::Value;

use super::stopping::{TRAINING, signal};
use super::{count, effects, runs, shell_study, states, sweep};
use crate::program::{Run, Scratch, read_json, wait_until};

fn is_alive(pid: &String) -> bool {
    Path::new("/proc").join(pid).join("exe").exists()
}

#[test]
fn a_second_ctrl_c_leaves_no_run_running_and_no_program_alive() {
    let scratch = Scratch::new();
    let script =
        "trap '' TERM\necho $$ >> pids\nsetsid sh -c 'trap \"\" TERM; echo $$ >> pids; sleep 600' &\nsleep 600";
    let study = shell_study(&scratch, "stubborn", script, "seeds: 2");
    let mut command = scratch.command(["sweep", "run", study.to_str().unwrap(), "--jobs", "2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("both programs and their children began", || effects(&scratch, "pids").len() >= 4);
    let begin = Instant::now();
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    let run = Run(child.wait_with_output().unwrap());
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
    assert!(begin.elapsed() < Duration::from_secs(9), "programs have ten seconds after the first");
    let left: Vec<String> = effects(&scratch, "pids").into_iter().filter(is_alive).collect();
    assert!(left.is_empty(), "{left:?} are still alive");
    assert_eq!(states(&scratch), ["interrupted"; 2]);
}

#[test]
fn exit_0_means_that_all_selected_runs_are_done_and_cancelled_ones_are_said() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "some", "echo '{{\"score\": {x}}}'", "sweep: {x: [1, 2, 3]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study, "--limit-runs", "1"]).ok();
    scratch.run(["runs", "cancel", "some:1"]).ok();
    let run = sweep(&scratch, &["run", study]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    let words = ["2 done, 1 cancelled", "aees runs retry --study some --state cancelled"];
    assert!(words.iter().all(|word| run.stderr().contains(word)), "{}", run.stderr());
    assert_eq!(sweep(&scratch, &["run", study, "--limit-runs", "1"]).code(), Some(0), "what is selected is done");
    // The hint does what it says.
    scratch.run(["runs", "retry", "--study", "some", "--state", "cancelled", "--yes"]).ok();
    sweep(&scratch, &["resume", "some"]).ok();
}

#[test]
fn a_rate_limit_may_come_as_often_as_the_study_says() {
    let scratch = Scratch::new();
    let script = "echo try >> tries\necho '{{\"retry_after\": 0.01}}'\nexit 42";
    let study = shell_study(&scratch, "limited", script, "retry: {rate_limit: 2}");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("retry.rate_limit is 2"), "{}", run.stderr());
    assert_eq!(effects(&scratch, "tries").len(), 3);
    assert_eq!(runs(&scratch)[0]["class"], "rate_limit");
}

#[test]
fn killed_attempts_are_counted_as_such() {
    let scratch = Scratch::new();
    let script =
        "echo try >> tries\nif [ $(wc -l < tries) -lt 3 ]; then kill -9 $PPID; sleep 9; fi\necho '{{\"ok\": 1}}'";
    let study = shell_study(&scratch, "killed", script, "seeds: 1");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    assert!(run.stderr().contains("was killed"), "{}", run.stderr());
    let why = scratch.run(["runs", "why", "killed:0", "--json"]).ok();
    let why: Value = serde_json::from_str(&why.stdout()).unwrap();
    let endings: Vec<&str> =
        why["attempt_list"].as_array().unwrap().iter().filter_map(|attempt| attempt["ending"].as_str()).collect();
    assert_eq!(endings, ["killed", "killed", "completed"]);
}

#[test]
fn a_busy_folder_is_waited_for_and_not_tried_every_second() {
    let scratch = Scratch::new();
    let script = "echo {x} >> effects\necho '{{\"score\": {x}}}'";
    let study = shell_study(&scratch, "busy", script, "sweep: {x: [1, 2]}");
    let study = study.to_str().unwrap();
    let plan = sweep(&scratch, &["plan", study, "--json"]).ok();
    let plan: Value = serde_json::from_str(&plan.stdout()).unwrap();
    let id = plan["runs"][0]["run_id"].as_str().unwrap();
    let folder = scratch.path("results/runs").join(&id[..2]).join(&id[..16]);
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("run.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = scratch.command(["sweep", "run", study]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the other run is done", || effects(&scratch, "effects").contains(&"2".to_owned()));
    std::thread::sleep(Duration::from_secs(3));
    lock.unlock().unwrap();
    let run = Run(child.wait_with_output().unwrap()).ok();
    assert_eq!(run.stderr().matches("another process works in its folder").count(), 1, "{}", run.stderr());
    assert_eq!(states(&scratch), ["done", "done"]);
    assert!(runs(&scratch)[0]["attempts"].as_u64().unwrap() <= 2, "{:?}", runs(&scratch));
}

/// The job of the only run of a study, for a worker by itself.
fn job(scratch: &Scratch, study: &str) -> std::path::PathBuf {
    let plan = PlanFile::newest(&Root::new(scratch.path("results")), study).unwrap().unwrap();
    let mut jobs = Vec::new();
    plan.read(
        |_| true,
        |member, work| {
            let run_directory = scratch.path("alone");
            jobs.push(Job {
                run_id: member.run.run_id.full().to_owned(),
                run_directory,
                attempt: 1,
                alone: false,
                work,
                stop_at: None,
            });
        },
    )
    .unwrap();
    let path = scratch.path("job.json");
    fs::write(&path, serde_json::to_string(&jobs.remove(0)).unwrap()).unwrap();
    path
}

/// A limit on the size of files stands for the end of the disk, and /dev/full for a log that takes nothing.
#[test]
fn a_full_disk_is_io_also_when_stderr_cannot_be_written() {
    let scratch = Scratch::new();
    fs::write(scratch.path("images.yaml"), TRAINING.replace("seeds: 3", "seeds: 1")).unwrap();
    sweep(&scratch, &["run", "images.yaml", "--max-hours", "0"]);
    let job = job(&scratch, "images");
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" worker --job \"$1\" 2> /dev/full";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_aees"), job.to_str().unwrap()]).current_dir(scratch.path(""));
    let run = Run(command.env("RAYON_NUM_THREADS", "1").output().unwrap()).ok();
    let last: Value = serde_json::from_str(run.stdout().lines().next_back().unwrap()).unwrap();
    assert_eq!(last["state"]["failed"]["class"], "io", "{last}");
}

#[test]
fn invalidate_retry_and_resume_repair_a_run() {
    let scratch = Scratch::new();
    fs::write(scratch.path("images.yaml"), TRAINING.replace("seeds: 3", "seeds: 1").replace("epochs: 2", "epochs: 1"))
        .unwrap();
    sweep(&scratch, &["run", "images.yaml", "--root", "here"]).ok();
    let folder = |root: &str| {
        let runs = scratch.path(root).join("runs");
        let begin = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(begin).unwrap().next().unwrap().unwrap().path()
    };
    let before = crate::program::without_times(read_json(&folder("here").join("result.json")));
    let said = scratch.run(["runs", "invalidate", "images:0", "--reason", "a doubt", "--root", "here"]).ok();
    // Every hint is a command that works as printed.
    let hint = |said: &Run, word: &str| -> Vec<String> {
        let text = said.stderr();
        let line = text.lines().find_map(|line| line.split_once(": aees ")).filter(|(_, line)| line.contains(word));
        line.unwrap_or_else(|| panic!("{text}")).1.split_whitespace().map(str::to_owned).collect()
    };
    let said = scratch.run(hint(&said, "retry")).ok();
    scratch.run(hint(&said, "resume")).ok();
    let again = crate::program::without_times(read_json(&folder("here").join("result.json")));
    assert_eq!(again, before, "and the second time gives the same");
    assert!(folder("here").join("result.invalid-1.json").is_file());
}

#[test]
fn a_tampered_result_is_noticed_by_sweep_run_and_by_rebuild() {
    let scratch = Scratch::new();
    let script = "echo {x} >> effects\necho '{{\"score\": {x}}}'";
    let study = shell_study(&scratch, "tampered", script, "sweep: {x: [1, 2]}");
    let study = study.to_str().unwrap();
    sweep(&scratch, &["run", study]).ok();
    let tamper = |number: usize| {
        let id = runs(&scratch)[number]["run_id"].as_str().unwrap().to_owned();
        let path = scratch.path("results/runs").join(&id[..2]).join(&id[..16]).join("result.json");
        let text = fs::read_to_string(&path).unwrap();
        // Of the same length, and with the time of the older one.
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, text.replace("\"score\": 1", "\"score\": 9").replace("\"score\": 2", "\"score\": 8")).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        id
    };
    let first = tamper(0);
    let run = sweep(&scratch, &["run", study]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("is not the one that was accepted"), "{}", run.stderr());
    assert_eq!(states(&scratch), ["invalid", "done"]);
    tamper(1);
    let rebuilt = scratch.run(["registry", "rebuild"]).ok();
    assert_eq!(rebuilt.stdout().matches("is not the result that was accepted").count(), 2, "{}", rebuilt.stdout());
    assert_eq!(states(&scratch), ["invalid", "invalid"], "never taken silently");
    scratch.run(["runs", "retry", &first[..16]]).ok();
    assert_eq!(sweep(&scratch, &["run", study]).code(), Some(2));
    scratch.run(["runs", "retry", "--study", "tampered", "--state", "invalid", "--yes"]).ok();
    sweep(&scratch, &["run", study]).ok();
    assert_eq!(count(&scratch, "done"), 2);
}
