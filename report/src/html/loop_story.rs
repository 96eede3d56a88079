//! A loop on its page: what was tried, what was kept and why, and how the incumbent came to be.

use aees_run::times::moment;
use aees_studies::auto_loop::{IterationRecord, LoopError, LoopFolder, LoopHistory, LoopState, LoopVerdict};
use aees_studies::disk::Root;
use aees_studies::study::Objective;
use serde_json::{Map, Value};

use super::runs::sort_key;
use crate::fields::plain;
use crate::figures::{NamedFigure, PathPoint, incumbent_path};
use crate::markup::{escaped, table};
use crate::number::Scale;

/// A loop and its history.
#[derive(Debug, Clone)]
pub struct LoopStory {
    state: LoopState,
    records: Vec<IterationRecord>,
    metric: Objective,
}

impl LoopStory {
    /// The story of a loop below a root.
    ///
    /// # Errors
    /// When its state or its history cannot be read.
    pub fn read(root: &Root, name: &str) -> Result<Self, LoopError> {
        let folder = LoopFolder::find(root, name)?;
        let state = LoopState::read(&folder)?;
        let records = LoopHistory::read(&folder, &state.history)?.records;
        let metric = Objective::parse(&state.foundation.metric);
        Ok(Self { state, records, metric })
    }

    /// The number that candidates are judged by.
    pub fn metric(&self) -> &str {
        &self.metric.name
    }

    /// What was asked, and what came of it.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let state = &self.state;
        let count = |verdict: LoopVerdict| self.records.iter().filter(|record| record.verdict == verdict).count();
        let verdicts = [
            LoopVerdict::Keep,
            LoopVerdict::Discard,
            LoopVerdict::Inconclusive,
            LoopVerdict::Diverged,
            LoopVerdict::Crash,
            LoopVerdict::Duplicate,
            LoopVerdict::Rejected,
        ];
        let met = verdicts.into_iter().filter(|verdict| count(*verdict) > 0);
        let counts: Vec<String> = met.map(|verdict| format!("{} {}", count(verdict), verdict.name())).collect();
        let seconds: f64 = self.records.iter().map(|record| record.seconds).sum();
        let incumbent = match state.incumbent.iteration {
            0 => "the start".to_owned(),
            iteration => format!("iteration {iteration}: {}", settings(&state.incumbent.patch)),
        };
        let fact = |name: &str, text: String| (name.to_owned(), text);
        vec![
            fact("file", state.source.display().to_string()),
            fact("task", state.foundation.task.clone()),
            fact("metric", state.foundation.metric.clone()),
            fact("iterations", format!("{} ({})", state.iterations, counts.join(", "))),
            fact("incumbent", incumbent),
            fact("its mean", self.shown(state.incumbent.mean)),
            fact("training of candidates", aees_run::times::span(seconds * 1e3)),
            fact("begun, last changed (UTC)", format!("{}, {}", moment(state.created_at), moment(state.updated_at))),
        ]
    }

    /// How the metric's values are written, and differences of them.
    fn scale(&self) -> Scale {
        let mean = self.records.iter().find_map(|record| record.mean);
        mean.map_or(Scale::Plain, |mean| Scale::of(&self.metric.name, mean))
    }

    /// A value of the metric; a dash where there is none.
    fn shown(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| self.scale().shown(value))
    }

    /// The incumbent's path, with every candidate.
    pub(super) fn figure(&self) -> Option<NamedFigure> {
        let point = |record: &IterationRecord| {
            Some(PathPoint {
                iteration: record.iteration,
                verdict: record.verdict.name(),
                mean: record.mean?,
                half_width: record.estimate.and_then(|estimate| estimate.half_width),
                is_incumbent: matches!(record.verdict, LoopVerdict::Keep | LoopVerdict::Baseline),
            })
        };
        incumbent_path(&self.records.iter().filter_map(point).collect::<Vec<_>>(), &self.metric.name)
    }

    /// The table of iterations.
    pub(super) fn section(&self) -> String {
        let about = "<p>Candidate and incumbent train on the same seeds; a difference is the mean over them, turned so that more is better, \
             with its 95 % interval from the pooled noise (accuracies in percent, differences in points). A candidate is kept when the difference reaches what it must. The rule is in \
             <code>docs/loop.md</code>.</p>\n";
        let columns = [
            ("iteration", true),
            ("verdict", false),
            ("what was tried", false),
            ("from", false),
            ("seeds", true),
            ("mean", true),
            ("difference", true),
            ("95 % interval", true),
            ("must reach", true),
            ("why", false),
        ];
        let rows: String = self.records.iter().map(|record| self.row(record)).collect();
        about.to_owned() + &table(("Iterations", "", "Iterations"), columns, &rows)
    }

    fn row(&self, record: &IterationRecord) -> String {
        let estimate = record.estimate;
        let scale = self.scale();
        let signed = |value: f64| format!("{}{}", if value >= 0.0 { "+" } else { "" }, scale.text(value));
        let difference = estimate.map(|estimate| signed(estimate.difference));
        let interval = estimate.and_then(|estimate| {
            let half = estimate.half_width?;
            Some(format!("{} to {}", signed(estimate.difference - half), signed(estimate.difference + half)))
        });
        let class = if record.verdict == LoopVerdict::Keep { " class=\"winner\"" } else { "" };
        let from = record.source.map_or("–", |source| source.name()).replace('_', " ");
        let dash = || "–".to_owned();
        let mut what = escaped(&record.title());
        for more in [&settings(&record.proposal.patch), &record.proposal.hypothesis] {
            if !more.is_empty() && *more != record.title() {
                what += &format!("<br><small>{}</small>", escaped(more));
            }
        }
        format!(
            "<tr{class}><th scope=\"row\" class=\"n\">{}</th><td><span class=\"state {1}\">{1}</span></td><td class=\"outcome\">{what}</td>\
             <td>{from}</td><td class=\"n\">{2}</td><td class=\"n\" data-key=\"{3}\">{4}</td><td class=\"n\">{5}</td><td class=\"n\">{6}</td>\
             <td class=\"n\">{7}</td><td class=\"outcome\">{8}</td></tr>\n",
            record.iteration,
            record.verdict.name(),
            record.pairs.len(),
            sort_key(record.mean),
            self.shown(record.mean),
            difference.unwrap_or_else(dash),
            interval.unwrap_or_else(dash),
            estimate.and_then(|estimate| estimate.threshold).map_or_else(dash, |threshold| scale.text(threshold)),
            escaped(&record.reason),
        )
    }
}

/// `lr=0.001 weight_decay=0.1`.
fn settings(patch: &Map<String, Value>) -> String {
    patch.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
}
