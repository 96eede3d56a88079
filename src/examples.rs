//! Examples of what can be typed, at the end of `--help`. A test reads every one of them as a command line.

use clap::Command;

/// A verb, and below it for each example what it does and what is typed, as they are printed.
const EXAMPLES: &str = "\
aees
  # One run: the bandit picks one of three learning-rate multipliers for each episode
  aees train cifar100 --control-mode adaptive --lr-candidates 0.5,1,2
  # Many runs, each exactly once, two at a time
  aees sweep run study.yaml --jobs 2
  # What came of them
  aees report tables results
  # What this machine can do
  aees doctor

aees train
  # A baseline on data made on the spot, small enough for any machine
  aees train cifar100 --data synthetic --model-width 8 --limit-train 1000 --epochs 2
  # The bandit picks one of three learning-rate multipliers for each episode
  aees train cifar100 --control-mode adaptive --lr-candidates 0.5,1,2
  # Learning rate and gradient noise, on text, without a network
  aees train sst2 --control-mode adaptive --lr-candidates 0.5,1,2 --noise-candidates 0,0.01 --local-files-only
  # How long would it take?
  aees train cifar100 --epochs 200 --dry-run
  # Continue what was stopped
  aees train --resume results/cifar100/baseline_adamw_seed0-0123456789abcdef

aees pretokenize
  # Before timed runs
  aees pretokenize agnews
  # Both tasks
  aees pretokenize all

aees data fetch
  # For runs without a network
  aees data fetch all
  # Into another cache
  aees data fetch sst2 --cache-dir /data/hub

aees export
  # For PyTorch and transformers
  aees export results/sst2/adaptive_adamw_seed0-0123456789abcdef --to model

aees config show
  # Everything that a command would set
  aees config show sst2 --lr 3e-5
  # A file to start from
  aees config show cifar100 --control-mode adaptive --lr-candidates 0.5,1,2
  # What a run was made with
  aees config show --run results/cifar100/baseline_adamw_seed0-0123456789abcdef

aees sweep run
  # All runs of a study, two at a time
  aees sweep run study.yaml --jobs 2
  # Some of them, in the background
  aees sweep run study.yaml --only lr=0.001 --bg

aees loop start
  # Thirty iterations, in the background
  aees loop start night.yaml --loops 30
  # Only what the others are compared with, here
  aees loop start night.yaml --only setup,baseline --no-background

aees loop propose
  # A setting, and why
  aees loop propose night --set lr=1e-3 --hypothesis too-high
  # As JSON
  aees loop propose night proposal.json

aees sweep plan
  # What would run
  aees sweep plan study.yaml
  # A line for each run, for another scheduler
  aees sweep plan study.yaml --format jobs

aees slurm submit
  # What Slurm would get
  aees slurm submit study.yaml --dry-run
  # All of it
  aees slurm submit study.yaml

aees runs ls
  # The best runs of a study
  aees runs ls noisy --sort val_accuracy
  # As a file for a spreadsheet
  aees runs ls --csv

aees report tables
  # All tables that the results allow
  aees report tables results
  # For a paper
  aees report tables results --format tex --out tables

aees report figures
  # All figures
  aees report figures results --out figures

aees report html
  # One page that opens anywhere
  aees report html results --out report.html

aees board
  # What trains here, as a page that follows it
  aees board
  # Runs of another folder, on any free port
  aees board /data/runs --port 0

aees bench train
  # Steps a second here
  aees bench train cifar100 --model-width 16
  # In turn with PyTorch
  aees bench train sst2 --peer python3 --rounds 3";

/// The program with examples at the end of its verbs' long help.
pub(crate) fn added(command: Command) -> Command {
    add(command, "aees")
}

fn add(command: Command, path: &str) -> Command {
    let command = command.mut_subcommands(|verb| {
        let path = format!("{path} {}", verb.get_name());
        add(verb, &path)
    });
    let of_verb = |block: &'static str| block.strip_prefix(path)?.strip_prefix('\n');
    let Some(examples) = EXAMPLES.split("\n\n").find_map(of_verb) else { return command };
    let examples = format!("Examples:\n{examples}");
    let long = match command.get_after_help() {
        Some(text) => format!("{text}\n\n{examples}"),
        None => examples,
    };
    command.after_long_help(long)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::CommandLine;

    #[test]
    fn every_example_can_be_typed() {
        let mut verb = "";
        for line in EXAMPLES.lines().filter(|line| !line.starts_with("  # ")) {
            let Some(example) = line.strip_prefix("  ") else {
                verb = line;
                continue;
            };
            assert!(example.starts_with(verb), "{example}");
            let read = CommandLine::command().try_get_matches_from(example.split(' '));
            assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
        }
    }
}
