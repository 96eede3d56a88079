//! Several workers for one folder, and workers that are killed: one program at a time, a whole result or none.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

const JOB_VARIABLE: &str = "AEES_TEST_COMMAND_JOB";

/// Tells in `twice` when another program of the folder lives; zombies do not.
const ALONE: &str = r#"
    if [ -s $D/alone ] && grep -qs '^State:.[^ZX]' /proc/$(cat $D/alone)/status; then echo x >> $D/twice; fi
    echo $$ > $D/alone"#;

/// The worker process of the other tests: this test, run by them with a job.
#[test]
#[ignore = "the worker process of other tests"]
fn worker_process() {
    let Ok(job) = std::env::var(JOB_VARIABLE) else { return };
    let job: Job = serde_json::from_str(&job).unwrap();
    let Work::Command(command) = &job.work else { return };
    let ended = run_command(&job, command, &AtomicBool::new(false), &mut |line| println!("{line}"));
    println!("\n{}", serde_json::to_string(&ended).unwrap());
}

struct Worker(Child);

impl Worker {
    fn start(run: &Run) -> Self {
        let job = Job { work: Work::Command(Box::new(run.command.clone())), ..run.job.clone() };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "program::tests::kills::worker_process"]);
        command.env(JOB_VARIABLE, serde_json::to_string(&job).unwrap());
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn wait_for_progress(&mut self) {
        let lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("\"program\"")), "no progress");
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Its child that is not the program.
    fn guard(&self, program: u32) -> u32 {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let parent = |number: u32| {
            let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
        };
        let mut children = numbers.filter(|number| *number != program && parent(*number) == Some(self.0.id()));
        children.next().unwrap()
    }
}

/// The first program waits for ever, each later one ends well.
fn waits_at_first() -> Run {
    Run::of(&format!(
        r#"{ALONE}
           if [ -e $D/first ]; then echo '{{"a": 1}}'; exit; fi
           trap '' TERM; echo $$ > $D/first; echo '{{"step": 1}}'; sleep 1000; sleep 1000"#
    ))
}

#[test]
fn a_folder_in_use_is_busy() {
    let mut run = waits_at_first();
    run.limits.grace = Duration::from_millis(100);
    let (stop, mut seen) = (AtomicBool::new(false), None);
    let ended = run.start_until(&stop, &mut |_| {
        seen = Some(run.start().state);
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((ended.state, seen), (EndedState::Interrupted, Some(EndedState::Busy)));
    assert_eq!(run.start().state, EndedState::Done, "free again");
    assert!(!run.has("twice"));
}

#[test]
fn of_many_workers_one_runs_the_program() {
    let run = Run::of(&format!(r#"{ALONE}; echo x >> $D/effects; echo '{{"a": 1}}'"#));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                wait_for("a result", || match run.start().state {
                    EndedState::Done => true,
                    EndedState::Busy => false,
                    other => panic!("{other:?}"),
                });
            });
        }
    });
    assert_eq!(run.text("effects"), "x\n");
    assert!(!run.has("twice"));
}

#[test]
fn the_program_of_a_killed_worker_dies_with_it() {
    let run = waits_at_first();
    let mut worker = Worker::start(&run);
    worker.wait_for_progress();
    let program = run.pid("first");
    assert!(is_alive(program));
    worker.kill();
    wait_for("the end of the program", || !is_alive(program));
    assert_eq!(run.start().state, EndedState::Done);
    assert!(!run.has("twice"));
}

#[test]
fn an_orphan_is_ended_by_the_next_worker() {
    let run = waits_at_first();
    let mut worker = Worker::start(&run);
    worker.wait_for_progress();
    let program = run.pid("first");
    // Without its guard the program outlives the worker, and with it the lock.
    let guard = worker.guard(program);
    kill_process(Pid::from_raw(guard.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    worker.kill();
    assert!(is_alive(program));
    assert_eq!(run.start().state, EndedState::Done);
    assert!(!is_alive(program) && !run.has("twice"));
}

#[test]
fn an_orphan_that_left_its_group_is_ended_by_the_next_worker() {
    let run = Run::of(&format!(
        r#"{ALONE}
           if [ -e $D/outside ]; then echo '{{"a": 1}}'; exit; fi
           setsid sh -c "trap '' TERM; echo \$\$ > $D/outside; exec sleep 1000" < /dev/null > /dev/null 2>&1 &
           until [ -s $D/outside ]; do sleep 0.01; done
           echo '{{"step": 1}}'; sleep 1000"#
    ));
    let mut worker = Worker::start(&run);
    worker.wait_for_progress();
    let outside = run.pid("outside");
    worker.kill();
    assert!(is_alive(outside), "it is in no group that the guard knows");
    assert_eq!(run.start().state, EndedState::Done);
    assert!(!is_alive(outside));
}

#[test]
fn a_worker_killed_at_any_moment_leaves_a_whole_result_or_none() {
    let run = Run::of(&format!(
        r#"{ALONE}; echo x >> $D/starts; printf '{{"a": "%s"}}\n' "$(head -c 100000 /dev/zero | tr '\0' y)""#
    ));
    const ROUNDS: u64 = 40;
    let mut published = 0;
    for round in 0..ROUNDS {
        let worker = Worker::start(&run);
        // Not to wait for anything: only so that the moments differ.
        thread::sleep(Duration::from_micros(round % 40 * 500));
        worker.kill();
        if run.has("result.json") {
            assert_eq!(run.result()["result"]["a"].as_str().map(str::len), Some(100_000));
            published += 1;
            fs::remove_file(run.file("result.json")).unwrap();
        }
    }
    assert_eq!(run.start().state, EndedState::Done);
    assert!(!run.has("twice"));
    let names = fs::read_dir(&run.job.run_directory).unwrap().flatten().map(|entry| entry.file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".tmp")), "after {published} results: {names:?}");
}

#[test]
fn what_a_cut_off_write_left_is_removed() {
    let run = Run::of(r#"ls -A $D > $D/list; echo '{"a": 1}'"#);
    fs::create_dir_all(&run.job.run_directory).unwrap();
    fs::write(run.file(".result.json.123.tmp"), "{\"ha").unwrap();
    fs::write(run.file(".own.tmp"), "a program's").unwrap();
    fs::write(run.file("program.json"), "{\"torn").unwrap();
    assert_eq!(run.start().state, EndedState::Done);
    let list = run.text("list");
    assert!(!list.contains(".result.json") && list.contains(".own.tmp"), "{list}");
}
