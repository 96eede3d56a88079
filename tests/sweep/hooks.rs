//! `on_end` and `on_failure`, and studies in the background with filters.

use std::fs;

use serde_json::Value;

use super::{effects, runs, shell_study, sweep};
use crate::program::{Scratch, wait_until};

#[test]
fn a_command_of_the_user_hears_how_a_study_ended() {
    let scratch = Scratch::new();
    let script = "[ {x} = 2 ] && {{ echo broken sensor >&2; exit 7; }}\necho '{{\"score\": {x}}}'";
    let hooks = "on_end: 'cat > end.json'\non_failure: [sh, -c, 'cat > failure.json; exit 3']\n";
    let study = shell_study(&scratch, "told", script, &format!("sweep: {{x: [1, 2]}}\n{hooks}"));
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(
        run.stderr().contains("warning: on_failure: sh"),
        "a hook that fails is told and changes nothing: {}",
        run.stderr()
    );
    let end = scratch.json("end.json");
    assert_eq!((&end["study"], &end["exit_code"], &end["hook"]), (&"told".into(), &2.into(), &"on_end".into()));
    assert_eq!((&end["counts"]["done"], &end["counts"]["failed"]), (&1.into(), &1.into()));
    assert!(end["failed"][0]["error"].as_str().unwrap().contains("broken sensor"), "{end}");
    assert_eq!(end["failed"][0]["place"], "told:1");
    assert_eq!(scratch.json("failure.json")["hook"], "on_failure");

    // All is well: only one of them runs.
    fs::remove_file(scratch.path("failure.json")).unwrap();
    let study = shell_study(&scratch, "well", "echo '{{\"score\": 1}}'", hooks);
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    assert_eq!(scratch.json("end.json")["counts"], serde_json::json!({"done": 1}));
    assert!(!scratch.path("failure.json").exists());
    // Stopped by a breaker, before anything was final.
    let study = shell_study(
        &scratch,
        "broken",
        "exit 1",
        &format!("sweep: {{x: [1, 2, 3, 4]}}\nbreakers: {{consecutive: 2}}\n{hooks}"),
    );
    assert_eq!(sweep(&scratch, &["run", study.to_str().unwrap()]).code(), Some(3));
    assert!(scratch.json("failure.json")["reason"].as_str().unwrap().contains("in a row"));
}

#[test]
fn a_hook_is_a_line_or_words() {
    let scratch = Scratch::new();
    for hook in ["on_end: {a: 1}", "on_end: []", "on_failure: [[x]]"] {
        let study = shell_study(&scratch, "odd", "true", hook);
        sweep(&scratch, &["plan", study.to_str().unwrap()]).refused(&["a line for the shell, or a list of words"]);
    }
}

#[test]
fn a_study_in_the_background_takes_filters() {
    let scratch = Scratch::new();
    let study = shell_study(
        &scratch,
        "part",
        "echo {x} {seed} >> effects\necho '{{\"a\": 1}}'",
        "sweep: {x: [1, 2, 3]}\nseeds: 2",
    );
    let file = study.to_str().unwrap();
    let launched = sweep(&scratch, &["run", file, "--bg", "--only", "x=1,3", "--seeds", "1"]).ok();
    assert!(!launched.stdout().trim().is_empty());
    let is_done = |run: &Value| run["state"] == "done";
    wait_until("two runs are done", || runs(&scratch).iter().filter(|run| is_done(run)).count() == 2);
    let ended = || {
        let list = scratch.run(["runs", "bg", "list", "--json"]).ok().stdout();
        let list: Value = serde_json::from_str(&list).unwrap();
        list["launches"].as_array().unwrap().iter().all(|launch| launch["exit_code"] == 0)
    };
    wait_until("it has ended", ended);
    let mut seen = effects(&scratch, "effects");
    seen.sort();
    assert_eq!(seen, ["1 1", "3 1"]);
}
