//! How a program's end is told: exit codes, stops, timeouts, and that nobody is left.

use super::*;

#[test]
fn exit_code_42_is_a_rate_limit() {
    let run = Run::of(r#"echo '{"retry_after": 12.5}'; exit 42"#);
    let ended = run.start();
    assert_eq!(ended.state, EndedState::RateLimited { after_seconds: Some(12.5) });
    let silent = Run::of("exit 42").start();
    assert_eq!((silent.state, silent.exit_code), (EndedState::RateLimited { after_seconds: None }, Some(42)));
    assert!(!run.has("result.json"));
}

#[test]
fn a_failure_has_the_class_that_the_program_names_and_its_last_words() {
    let ended = Run::of(r#"echo '{"class": "data"}'; echo 'row 7 is broken' >&2; exit 3"#).start();
    assert_eq!((class(&ended), ended.exit_code), ("data", Some(3)));
    assert_eq!(ended.message, "sh ended with exit code 3\nrow 7 is broken");
    let ended = Run::of(r#"echo '{"class": "wizardry"}'; exit 3"#).start();
    assert_eq!(class(&ended), "unknown");
    let ended = Run::of(r#"seq 1 100 >&2; exit 1"#).start();
    assert!(ended.message.contains("\n61\n") && !ended.message.contains("\n60\n"), "{}", ended.message);
}

#[test]
fn a_signal_is_a_failure_of_its_own() {
    let ended = Run::of("kill -SEGV $$").start();
    assert_eq!((class(&ended), ended.exit_code), ("signal", None));
    assert!(ended.message.contains("signal 11"), "{}", ended.message);
}

#[test]
fn no_result_is_a_failure_that_says_what_was_expected() {
    let ended = Run::of("echo accuracy 0.9; exit 0").start();
    assert_eq!((class(&ended), ended.exit_code), ("data", Some(0)));
    assert!(ended.message.contains("JSON object") && ended.message.contains("accuracy 0.9"), "{ended:?}");
    assert!(ended.help.unwrap().contains("last line"));
}

#[test]
fn a_program_that_cannot_be_run_is_told_before_anything_starts() {
    let script = tempfile::NamedTempFile::new().unwrap();
    let plain = script.path().to_str().unwrap();
    let cases = [
        ("no-such-program-anywhere", "it is in no folder of PATH"),
        ("./no/such/file", "there is no such file"),
        (plain, "it is not executable"),
        ("", "no program's name"),
        ("-c", "no program's name"),
    ];
    for (program, expected) in cases {
        let ended = Run::with_arguments(vec![program.to_owned()]).start();
        assert_eq!(class(&ended), "config");
        assert!(ended.message.contains(expected) && ended.help.is_some(), "{ended:?}");
    }
    let long = vec!["true".to_owned(), "x".repeat(64 << 20)];
    assert_eq!(class(&Run::with_arguments(long).start()), "config");
    // A script whose interpreter is not there passes the checks; the gate's shell tells.
    assert_eq!(class(&Run::of("no-such-program-anywhere").start()), "config");
}

#[test]
fn a_stop_before_the_start_starts_nothing() {
    let run = Run::of("echo x > $D/effects");
    assert_eq!(run.start_until(&AtomicBool::new(true), &mut |_| {}).state, EndedState::Interrupted);
    assert!(!run.has("effects"));
}

#[test]
fn a_stopped_program_may_end_in_its_own_way() {
    // The shell waits for `sleep` first, unless that is in the background.
    let run = Run::of(
        r#"trap 'kill -9 $!; echo bye; echo "{\"a\": 1}"; touch $D/saved; exit 0' TERM
           sleep 1000 & echo '{"step": 1}'; wait"#,
    );
    assert_eq!(run.start_and_stop().state, EndedState::Interrupted);
    assert!(run.has("saved") && !run.has("result.json") && run.text("log.txt").contains("bye"));
}

/// A program with a child and a grandchild, in its group and out of it, none of which minds a SIGTERM.
const STUBBORN: &str = r#"
    trap '' TERM
    sh -c "trap '' TERM; echo \$\$ > $D/child; sleep 1000 & echo \$! > $D/grandchild; wait; sleep 1000" &
    setsid sh -c "trap '' TERM; echo \$\$ > $D/outside; exec sleep 1000" < /dev/null > /dev/null 2>&1 &
    until [ -s $D/child ] && [ -s $D/grandchild ] && [ -s $D/outside ]; do sleep 0.01; done
    echo $$ > $D/program"#;

const STUBBORN_PIDS: [&str; 4] = ["program", "child", "grandchild", "outside"];

fn assert_nobody_is_left(run: &Run) {
    for name in STUBBORN_PIDS {
        assert!(!is_alive(run.pid(name)), "{name} is alive");
    }
    assert!(!run.has("program.json"));
}

#[test]
fn a_stop_leaves_no_descendant_alive() {
    let mut run = Run::of(&format!("{STUBBORN}; echo '{{\"step\": 1}}'; wait; sleep 1000"));
    run.limits.grace = Duration::from_millis(200);
    assert_eq!(run.start_and_stop().state, EndedState::Interrupted);
    assert_nobody_is_left(&run);
}

#[test]
fn a_timeout_is_a_failure_and_leaves_no_descendant_alive() {
    // Never over before the descendants are there: a program that is too slow for that is tried with more.
    for seconds in [1.0, 10.0, 60.0] {
        let mut run = Run::of(&format!("{STUBBORN}; echo waiting >&2; wait; sleep 1000"));
        run.limits.grace = Duration::from_millis(200);
        run.command.timeout_seconds = Some(seconds);
        let ended = run.start();
        assert_eq!(class(&ended), "timeout");
        if run.has("program") {
            assert!(ended.message.contains("waiting"), "{ended:?}");
            return assert_nobody_is_left(&run);
        }
    }
    panic!("the program did not come so far");
}

#[test]
fn what_a_program_leaves_running_ends_with_it() {
    let mut run = Run::of(&format!("{STUBBORN}; echo '{{\"a\": 1}}'"));
    run.limits.linger = Duration::from_millis(100);
    assert_eq!(run.start().state, EndedState::Done);
    assert_nobody_is_left(&run);
}

#[test]
fn a_short_timeout_does_not_end_a_shorter_program() {
    let mut run = Run::of(r#"echo '{"a": 1}'"#);
    run.command.timeout_seconds = Some(60.0);
    assert_eq!(run.start().state, EndedState::Done);
}
