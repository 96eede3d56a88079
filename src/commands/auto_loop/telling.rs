//! What a user sees of a loop at work: a line for each proposal and each decision.

use aees_run::printable::printable;
use aees_run::shown;
use aees_studies::auto_loop::{
    AutoLoopEnd, IterationRecord, LoopEvent, LoopHalt, LoopState, LoopStatus, LoopVerdict, ProposalSource,
};
use aees_studies::study::Study;
use serde_json::json;

use crate::progress::Style;
use crate::stdout;

pub(super) struct Telling {
    style: Style,
    metric: String,
}

impl Telling {
    pub(super) fn new(style: Style, study: &Study) -> Self {
        Self { style, metric: study.metric.as_ref().map(|metric| metric.name.clone()).unwrap_or_default() }
    }

    pub(super) fn show(&self, event: LoopEvent<'_>) {
        match (self.style, event) {
            (Style::None, _) => {}
            (Style::Json, event) => stdout::line(as_json(&event)),
            (_, LoopEvent::Proposed { iteration, source, proposal }) => {
                let from =
                    if source == ProposalSource::BuiltIn { String::new() } else { format!(" ({})", source.name()) };
                let words = [&proposal.description, &proposal.hypothesis].map(|text| text.trim());
                let words = words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
                let words = if words.is_empty() { proposal.changes() } else { words };
                say(&format!("iteration {iteration}{from}: {words}"));
            }
            (_, LoopEvent::Training { .. }) => {}
            (_, LoopEvent::Ended(record)) => say(&self.line(record)),
        }
    }

    fn line(&self, record: &IterationRecord) -> String {
        let mean = record
            .mean
            .map(|mean| format!(" {} {};", self.metric, shown::metric(&self.metric, mean)))
            .unwrap_or_default();
        let reason = record.reason.lines().next().unwrap_or_default();
        match record.verdict {
            LoopVerdict::Baseline => format!("baseline:{mean} {} runs", record.pairs.len()),
            verdict => format!("iteration {}: {}:{mean} {reason}", record.iteration, verdict.name()),
        }
    }

    /// The last words.
    pub(super) fn conclude(&self, name: &str, end: &AutoLoopEnd, state: &LoopState, flags: &str) {
        if self.style == Style::None && !matches!(end, AutoLoopEnd::AtRest(LoopStatus::NeedInput(_))) {
            return;
        }
        let best = state.incumbent.mean.map(|mean| format!(", {} {}", self.metric, shown::metric(&self.metric, mean)));
        let best = best.unwrap_or_default();
        say(&format!(
            "{name}: {} iterations, {} kept; the incumbent is {}{best}",
            state.iterations,
            state.kept,
            incumbent_words(state)
        ));
        let again = format!("aees loop resume {name}{flags}");
        match end {
            AutoLoopEnd::AtRest(LoopStatus::NeedInput(question)) => {
                say(&format!("a person is asked: {question}"));
                say(&format!("answer with `aees loop propose {name}{flags} ...`, then go on with: {again}"));
            }
            AutoLoopEnd::AtRest(LoopStatus::Finished) => {
                say(&format!("all iterations are done; more with: {again} --loops N"))
            }
            AutoLoopEnd::AtRest(LoopStatus::Plateau) => {
                say(&format!(
                    "nothing was kept in the last {} iterations: widen the ranges, or propose",
                    state.since_keep
                ));
            }
            AutoLoopEnd::AtRest(LoopStatus::Exhausted) => say("everything in the ranges was tried"),
            AutoLoopEnd::AtRest(LoopStatus::Open | LoopStatus::Failed(_)) => {}
            AutoLoopEnd::Halted(LoopHalt::Deadline) => say(&format!("the time is over; continue with: {again}")),
            AutoLoopEnd::Halted(LoopHalt::Interrupted) | AutoLoopEnd::ScopeDone => {
                say(&format!("continue with: {again}"))
            }
        }
    }
}

/// Where the incumbent came from.
pub(super) fn incumbent_words(state: &LoopState) -> String {
    match state.incumbent.iteration {
        0 => "the start".to_owned(),
        iteration => format!("that of iteration {iteration}"),
    }
}

fn say(text: &str) {
    eprintln!("{}", printable(text));
}

fn as_json(event: &LoopEvent<'_>) -> serde_json::Value {
    match event {
        LoopEvent::Proposed { iteration, source, proposal } => {
            json!({"event": "proposed", "iteration": iteration, "source": source, "proposal": proposal})
        }
        LoopEvent::Training { study, seeds } => json!({"event": "training", "study": study, "seeds": seeds}),
        LoopEvent::Ended(record) => json!({"event": "decided", "record": record}),
    }
}
