//! Rules of a command run, with small shell scripts. What must survive kills of the worker is in `kills`.

mod ends;
mod kills;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::job::{ProgramSlot, Work};
use crate::process::ProcessIdentity;

/// Long enough never to end a test, short enough to see that one hangs.
const PATIENT: TimeLimits =
    TimeLimits { grace: Duration::from_secs(60), linger: Duration::from_secs(20), killed: Duration::from_secs(20) };

/// A run in a folder of its own.
struct Run {
    _scratch: TempDir,
    job: Job,
    command: CommandJob,
    limits: TimeLimits,
}

impl Run {
    /// Of a shell script; `$D` is the run's folder.
    fn of(script: &str) -> Self {
        let script = format!("D=$AEES_RUN_DIR\n{script}");
        Self::with_arguments(["sh", "-c", &script].map(str::to_owned).to_vec())
    }

    fn with_arguments(arguments: Vec<String>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let run_directory = fs::canonicalize(scratch.path()).unwrap().join("runs/ab/abcd");
        let command = CommandJob {
            arguments: arguments.iter().map(|word| Template::literal(word)).collect(),
            work_directory: std::env::current_dir().unwrap(),
            input: json!({"lr": 0.1, "seed": 3}),
            result: ResultSource::LastJsonLine,
            timeout_seconds: None,
            environment: BTreeMap::new(),
            pass_on: Vec::new(),
            log_limit: 64 << 20,
            content: None,
            slot: ProgramSlot::default(),
        };
        let job = Job {
            run_id: "ab".repeat(32),
            run_directory,
            attempt: 2,
            alone: false,
            work: Work::Command(Box::new(command.clone())),
            stop_at: None,
        };
        Self { _scratch: scratch, job, command, limits: PATIENT }
    }

    fn start(&self) -> Ended {
        self.start_until(&AtomicBool::new(false), &mut |_| {})
    }

    /// Stops when the program tells progress.
    fn start_and_stop(&self) -> Ended {
        let stop = AtomicBool::new(false);
        self.start_until(&stop, &mut |_| stop.store(true, Ordering::Relaxed))
    }

    fn start_until(&self, stop: &AtomicBool, progress: &mut dyn FnMut(&Value)) -> Ended {
        attempt(&self.job, &self.command, stop, self.limits, progress).unwrap_or_else(|ended| ended)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.job.run_directory.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn result(&self) -> Value {
        serde_json::from_str(&self.text("result.json")).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    fn pid(&self, name: &str) -> u32 {
        self.text(name).trim().parse().unwrap()
    }
}

fn class(ended: &Ended) -> &str {
    match &ended.state {
        EndedState::Failed { class } => class,
        other => panic!("{other:?}: {ended:?}"),
    }
}

fn is_alive(pid: u32) -> bool {
    ProcessIdentity::of(pid).is_some()
}

/// Waits for something that another process does.
fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_result_is_the_last_json_line_and_keeps_its_effort() {
    let run = Run::of(
        r#"echo '{"accuracy": 0.1}'
           echo '{"accuracy": 0.9, "run_id": "mine", "outcome": "ok", "tokens_in": 12, "cost_usd": "n/a", "seed": 9}'
           echo '{"unfinished": '; echo '[1]'; echo why >&2; printf 'the end'"#,
    );
    let ended = run.start();
    assert_eq!(ended, Ended { exit_code: Some(0), ..EndedState::Done.into() });
    let result = run.result();
    let expected = [
        ("run_id", json!(run.job.run_id)),
        ("task_name", json!("command")),
        ("schema_version", json!(1)),
        ("seed", json!(3)),
        ("outcome", json!({"status": "ok"})),
        ("method_name", Value::Null),
        ("metrics", json!({"accuracy": 0.9, "tokens_in": 12, "seed": 9})),
        ("tokens_in", json!(12)),
        ("tokens_out", Value::Null),
        ("cost_usd", Value::Null),
        ("episodes", Value::Null),
        ("exit_code", json!(0)),
    ];
    for (key, value) in expected {
        assert_eq!(result[key], value, "{key}");
    }
    assert_eq!(result["result"]["run_id"], "mine");
    assert_eq!(result["command"]["input"], run.command.input);
    assert!(result["hardware"]["platform"].is_string() && result["wall_clock_seconds"].as_f64() > Some(0.0));
    let log = run.text("log.txt");
    assert!(log.contains("why\n") && log.contains("the end\n") && log.contains("{\"unfinished\": \n"), "{log}");
    assert!(!run.has("program.json"));
}

#[test]
fn a_published_run_starts_nothing() {
    let run = Run::of(r#"echo x >> $D/effects; echo '{"a": 1}'"#);
    assert_eq!(run.start().state, EndedState::Done);
    let before = run.text("result.json");
    assert_eq!(run.start().state, EndedState::Done);
    assert_eq!((run.text("effects").as_str(), run.text("result.json")), ("x\n", before));
}

#[test]
fn the_program_gets_its_configuration_and_the_users_environment() {
    let mut run = Run::of(r#"cat > $D/input; env > $D/environment; pwd > $D/place; echo '{"a": 1}'"#);
    let folder = tempfile::tempdir().unwrap();
    run.command.work_directory = fs::canonicalize(folder.path()).unwrap();
    let set = [("OWN", Some("{threads} {device} {{}}")), ("CARGO_PKG_NAME", None)];
    let template = |text: &str| Template::parse(text).unwrap();
    run.command.environment = set.map(|(name, value)| (name.to_owned(), value.map(template))).into();
    run.command.slot = ProgramSlot { device: Some("cuda:3".into()), threads: Some(5) };
    assert_eq!(run.start().state, EndedState::Done);
    let input: Value = serde_json::from_str(&run.text("input")).unwrap();
    assert_eq!(input, run.command.input);
    assert_eq!(run.text("config.json"), run.text("input"));
    assert_eq!(Path::new(run.text("place").trim()), run.command.work_directory);
    let environment = run.text("environment");
    let value = |name: &str| environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    assert_eq!(value("AEES_RUN_DIR"), run.job.run_directory.to_str());
    assert_eq!(value("AEES_CONFIG"), run.file("config.json").to_str());
    assert_eq!(value("AEES_RUN_ID"), Some(run.job.run_id.as_str()));
    assert_eq!(value("OWN"), Some("5 cuda:0 {}"), "it sees one GPU");
    assert_eq!(value("AEES_DEVICE"), Some("cuda:3"));
    let threads = std::env::var("OMP_NUM_THREADS").unwrap_or_else(|_| "5".into());
    assert_eq!(value("OMP_NUM_THREADS"), Some(threads.as_str()), "its share, unless the user said otherwise");
    assert_eq!(value("CARGO_PKG_NAME"), None, "taken away by the study");
    assert_eq!(value("CARGO_PKG_VERSION"), std::env::var("CARGO_PKG_VERSION").ok().as_deref(), "the user's");
}

#[test]
fn a_program_whose_content_is_its_identity_must_be_the_planned_one() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("train.sh");
    fs::write(&script, "echo '{\"a\": 1}'\n").unwrap();
    let mut run = Run::with_arguments(["sh", "train.sh"].map(str::to_owned).to_vec());
    run.command.work_directory = folder.path().to_owned();
    run.command.content = Some(Provenance::of(&run.command.arguments, folder.path()).content());
    fs::write(&script, "echo '{\"a\": 2}'\n").unwrap();
    let ended = run.start();
    assert!(class(&ended) == "config" && ended.message.contains("has changed"), "{ended:?}");
    fs::write(&script, "echo '{\"a\": 1}'\n").unwrap();
    assert_eq!(run.start().state, EndedState::Done);
    let recorded = &run.result()["program"]["files"][0];
    assert_eq!(recorded["path"], json!(fs::canonicalize(&script).unwrap()));
    assert_eq!(recorded["sha256"], json!(aees_run::hexadecimal::sha256(b"echo '{\"a\": 1}'\n")));
}

#[test]
fn what_it_tells_step_by_step_becomes_curves_and_its_words_are_printable() {
    let run = Run::of(
        r#"for i in 1 2 3; do echo "{\"step\": $i, \"val\": {\"acc\": 0.$i}}"; done
           printf '\033]0;title\007\033[2Jboom\n' >&2; exit 3"#,
    );
    let ended = run.start();
    assert!(ended.message.contains("boom") && !ended.message.contains('\u{1b}'), "{ended:?}");
    assert_eq!(crate::disk::program_curves(&run.job.run_directory)["val.acc"], [0.1, 0.2, 0.3]);
    assert!(run.text("log.txt").contains('\u{1b}'), "the log is what the program said");
}

#[test]
fn a_program_need_not_read_its_input() {
    let mut run = Run::of(r#"echo '{"a": 1}'"#);
    run.command.input = json!({"seed": 1, "long": "x".repeat(4 << 20)});
    assert_eq!(run.start().state, EndedState::Done);
}

#[test]
fn progress_is_passed_on_but_not_every_line_of_it() {
    let run = Run::of(
        r#"i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "{\"step\": $i}"; done; echo '{"note": 1}'; echo '{"a": 1}'"#,
    );
    let (mut seen, since) = (Vec::new(), Instant::now());
    run.start_until(&AtomicBool::new(false), &mut |line| seen.push(line.clone()));
    assert_eq!(seen[0], json!({"step": 1}));
    let most = 1 + since.elapsed().as_millis() / 200;
    assert!(seen.len() as u128 <= most && seen.iter().all(|line| line.get("step").is_some()), "{seen:?}");
}

#[test]
fn odd_output_does_no_harm() {
    let run = Run::of(
        r#"printf '\377\376 {"a": 1}\n\000\n{"a": "\377"}\n'; head -c 3000000 /dev/zero | tr '\0' x; echo
           printf '{"b": "%s"}' "$(head -c 300000 /dev/zero | tr '\0' y)""#,
    );
    let ended = run.start();
    assert_eq!(ended.state, EndedState::Done, "{ended:?}");
    assert_eq!(run.result()["result"]["b"].as_str().map(str::len), Some(300_000));
    assert!(fs::metadata(run.file("log.txt")).unwrap().len() > 3_300_000);
}

#[test]
fn python_writes_nan_and_the_run_diverged() {
    let run = Run::of(r#"echo '{"loss": NaN, "accuracy": 0.5}'"#);
    assert_eq!(run.start().state, EndedState::Done);
    let result = run.result();
    let outcome = json!({"status": "diverged", "step": null, "quantity": "loss", "value": "NaN"});
    assert_eq!((&result["outcome"], &result["metrics"]), (&outcome, &json!({"accuracy": 0.5})));
}

#[test]
fn a_result_file_must_be_of_this_attempt() {
    let mut run = Run::of(r#"test -e $D/write && echo '{"a": 1}' > $D/out.json; echo '{"b": 2}'"#);
    run.command.result = ResultSource::File(Template::literal("out.json"));
    let missing = run.start();
    assert_eq!((class(&missing), missing.exit_code), ("data", Some(0)));
    assert!(missing.message.contains("out.json is not there") && missing.help.is_some(), "{missing:?}");
    fs::write(run.file("out.json"), "{\"a\": 0}").unwrap();
    assert!(run.start().message.contains("is an older one"));
    fs::write(run.file("write"), "").unwrap();
    assert_eq!(run.start().state, EndedState::Done);
    assert_eq!(run.result()["result"], json!({"a": 1}));
}

#[test]
fn a_result_file_must_be_an_object_and_not_the_published_file() {
    let mut run = Run::of("echo '[1]' > $D/out.json");
    run.command.result = ResultSource::File(Template::literal("out.json"));
    let ended = run.start();
    assert!(class(&ended) == "data" && ended.message.contains("no JSON object"), "{ended:?}");
    run.command.result = ResultSource::File(Template::literal(run.file("x/../result.json").to_str().unwrap()));
    assert_eq!(class(&run.start()), "config");
}

#[test]
fn a_result_json_that_the_program_writes_publishes_nothing() {
    let run = Run::of(r#"echo '{"half": ' > $D/result.json; test -e $D/again && echo '{"a": 1}'"#);
    assert_eq!(class(&run.start()), "unknown");
    assert!(!run.has("result.json"));
    assert_eq!(run.text("result.from-program.json"), "{\"half\": \n");
    fs::write(run.file("again"), "").unwrap();
    assert_eq!(run.start().state, EndedState::Done);
    assert_eq!(run.result()["result"], json!({"a": 1}));
}
