//! What a foreign program gets and gives.

use std::fs;

use super::{count, effects, runs, shell_study, sweep};
use crate::program::{Scratch, read_json};

#[test]
fn a_program_reads_its_settings_and_its_numbers_are_kept() {
    let scratch = Scratch::new();
    let script = "cat > given\ncp given \"$AEES_RUN_DIR/copy.json\"\necho noise\n\
                  echo '{{\"score\": 0.75, \"episodes\": 12, \"tokens_in\": 300, \"tokens_out\": 40, \"cost_usd\": 0.5}}'";
    let study = shell_study(&scratch, "gives", script, "set: {optimizer.name: adam, x: 3}\nseeds: [7]");
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    let given = scratch.json("given");
    assert_eq!((&given["optimizer"]["name"], &given["x"], &given["seed"]), (&"adam".into(), &3.into(), &7.into()));
    let id = runs(&scratch)[0]["run_id"].as_str().unwrap().to_owned();
    let folder = scratch.path("results/runs").join(&id[..2]).join(&id[..16]);
    assert_eq!(read_json(&folder.join("copy.json")), given);
    let result = read_json(&folder.join("result.json"));
    assert_eq!(result["result"]["score"], 0.75);
    assert_eq!(
        (&result["episodes"], &result["tokens_in"], &result["cost_usd"]),
        (&12.into(), &300.into(), &0.5.into())
    );
    let costs = scratch.run(["runs", "ls", "--costs"]).ok();
    assert!(costs.stdout().contains("0.5"), "{}", costs.stdout());
}

#[test]
fn a_rate_limited_run_is_put_off_and_is_no_failure() {
    let scratch = Scratch::new();
    let script = "echo try >> tries\nif [ $(wc -l < tries) -lt 3 ]; then echo '{{\"retry_after\": 0.2}}'; exit 42; fi\necho '{{\"ok\": 1}}'";
    let study = shell_study(&scratch, "limited", script, "seeds: 1");
    let run = sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
    assert!(run.stderr().contains("rate limited"), "{}", run.stderr());
    assert_eq!(effects(&scratch, "tries").len(), 3);
    assert_eq!(runs(&scratch)[0]["retries_used"].as_u64().unwrap_or(0), 0);
    assert_eq!(count(&scratch, "done"), 1);
}

#[test]
fn a_result_may_come_from_a_file() {
    let scratch = Scratch::new();
    let text = "aees: 1\nname: file\ntask: command\ncommand:\n  argv: [sh, -c, 'echo \"{{\\\"loss\\\": 0.25}}\" > {run_dir}/out.json']\n  result: {file: out.json}\n";
    fs::write(scratch.path("file.yaml"), text).unwrap();
    sweep(&scratch, &["run", "file.yaml"]).ok();
    assert_eq!(count(&scratch, "done"), 1);
}
