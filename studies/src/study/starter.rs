//! The commented study that `aees sweep new` writes.

use aees_run::settings::TaskName;

/// A study file of a task, or of a program of the user's where there is no task.
pub fn starter(name: &str, task: Option<TaskName>) -> String {
    let head = format!(
        "# What the runs do, what varies, and what counts. Every key: docs/studies.md, or `aees sweep schema`.\n\
         # Look at it with `aees sweep plan {name}.yaml`, run it with `aees sweep run {name}.yaml`.\n\
         aees: 1\nname: {name}\n"
    );
    let middle = match task {
        Some(task) => training(task),
        None => PROGRAM.to_owned(),
    };
    head + &middle + TAIL
}

fn training(task: TaskName) -> String {
    let (name, lr) = (task.name(), if task.is_text() { "[2e-5, 5e-5]" } else { "[1e-3, 1e-2]" });
    format!(
        "task: {name}\n\n\
         # One value for all runs. `aees train {name} --help` lists the settings.\n\
         set:\n  data: auto                # synthetic needs no download\n  epochs: 3\n\n\
         # Every combination of these.\n\
         sweep:\n  lr: {lr}\n\n\
         # Named variants, each with settings of its own.\n\
         cases:\n  - name: baseline\n  - name: aees\n    set:\n      control_mode: adaptive\n      lr_candidates: [0.5, 1.0, 2.0]\n\n\
         # What the study is judged by.\n\
         metric: {{name: val_accuracy, goal: max, measure: best}}\n"
    )
}

const PROGRAM: &str = "task: command

# Your program: settings come on standard input as JSON, and as {key} here. Its last line of output is its result, as
# {\"loss\": 0.5}. The line below stands for it.
command:
  argv: [sh, -c, 'echo \"{{\\\"loss\\\": {lr}}}\"']
  # argv: [python3, train.py, --lr, '{lr}', --seed, '{seed}', --device, '{device}']
  # workdir: .               # from this file's folder; where the study is planned when left out
  # env: {OMP_NUM_THREADS: '{threads}'}
  # timeout: 2h
  # identity: [argv, digest] # another program is another run

# One value for all runs.
set:
  model: small

# Every combination of these.
sweep:
  lr: [0.1, 0.01]

# What the study is judged by.
metric: {name: loss, goal: min}
";

const TAIL: &str = "
# Each setting with the seeds 0, 1 and 2.
seeds: 3

# Instead of all combinations, some: random, sobol, or tpe, which learns from results.
# search: {method: tpe, n: 40}

# Stop settings early that do worse than others: with these words, 1 in 3 goes on at 1, 3, 9, ... epochs or steps.
# prune: {method: asha, grace: 1, factor: 3}

# What it may spend.
# budget: {max_hours: 8, per_run_timeout: 2h}
";
