//! `aees sweep rungs`: how the rungs of a study that prunes stand, and whether its decisions come out again.

use std::process::ExitCode;

use aees_studies::registry::{RungReplay, RungRow};
use aees_studies::study::PruneRule;
use clap::Args;
use serde_json::{Value, json};

use crate::failure::{EXIT_SOME_FAILED, Failure};
use crate::results::{ResultsFlags, one_study};
use crate::stdout;
use crate::table::{Grid, GridCell};

/// Shows the rungs of a study that prunes: who came, who went on, who was stopped
#[derive(Args)]
#[command(
    after_help = "Exit codes of --replay: 0 all decisions are the same, 2 one is not, 1 the study or its registry cannot be read."
)]
pub(crate) struct RungsFlags {
    /// The study: its name, or the beginning of it
    study: String,
    /// Make every decision again from what was recorded, and compare
    #[arg(long)]
    replay: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

impl RungsFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let reader = self.results.results().reader()?;
        let name = one_study(&reader, &self.study)?;
        let Some(rule) = reader.prune_rule(&name)? else {
            let help = "a study prunes when its file has `prune`: docs/studies.md";
            return Err(Failure::with_help(format!("the study {name} does not prune"), help));
        };
        let rungs = reader.rungs(&name)?;
        let replay = if self.replay { Some(reader.replay_rungs(&name)?) } else { None };
        if self.json {
            stdout::line(document(&name, &rule, &rungs, replay.as_ref()));
        } else {
            eprintln!("{name}: {} on {}", rule.method.name(), rule.metric);
            table(&rule, &rungs);
            replay.iter().for_each(tell);
        }
        let differs = replay.is_some_and(|replay| !replay.differences.is_empty());
        Ok(if differs { ExitCode::from(EXIT_SOME_FAILED) } else { ExitCode::SUCCESS })
    }
}

fn table(rule: &PruneRule, rungs: &[RungRow]) {
    Grid::of(rungs)
        .text("compared within", |rung| if rung.race.is_empty() { "the study" } else { &rung.race })
        .number(rule.by.name(), |rung| rung.at.to_string())
        .number("came", |rung| rung.came.to_string())
        .number("went on", |rung| rung.promoted.to_string())
        .number("pruned", |rung| rung.pruned.to_string())
        .number("wait", |rung| waiting(rung).to_string())
        .number("best", |rung| GridCell::metric(&rule.metric.name, rung.best))
        .number("last to go on", |rung| GridCell::metric(&rule.metric.name, rung.cutoff))
        .print();
}

fn waiting(rung: &RungRow) -> usize {
    rung.came.saturating_sub(rung.promoted + rung.pruned)
}

fn tell(replay: &RungReplay) {
    let RungReplay { decisions, differences } = replay;
    differences.iter().for_each(|difference| eprintln!("differs: {difference}"));
    match differences.len() {
        0 => eprintln!("{decisions} decisions were made again: all are the same"),
        count => eprintln!("{decisions} decisions were made again: {count} differences"),
    }
}

fn document(name: &str, rule: &PruneRule, rungs: &[RungRow], replay: Option<&RungReplay>) -> Value {
    let rung = |rung: &RungRow| {
        json!({
            "race": rung.race, "at": rung.at, "came": rung.came, "promoted": rung.promoted, "pruned": rung.pruned,
            "waiting": waiting(rung), "best": rung.best, "cutoff": rung.cutoff,
        })
    };
    json!({
        "study": name,
        "prune": rule,
        "rungs": rungs.iter().map(rung).collect::<Vec<_>>(),
        "replay": replay,
    })
}
