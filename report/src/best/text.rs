//! The answer for people.

use std::fmt::Write;

use super::{Answer, Ranked, Ranking, words};
use crate::number::Scale;
use crate::statistics::LEVEL;

impl Answer {
    /// The best `top` settings of each group, and everything that is out of the race.
    pub fn text(&self, top: usize) -> String {
        let mut text = format!(
            "{} {} ({}), mean over seeds, sample SD, 95 % interval of the mean by Student's t\n",
            self.question.measure,
            self.question.metric,
            self.question.goal.name()
        );
        for group in &self.groups {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}", group.text(top, &self.question.metric));
        }
        text
    }
}

impl Ranking {
    fn text(&self, top: usize, metric: &str) -> String {
        let (settings, runs) = (self.ranked.len(), self.runs);
        let mut text = format!("{}: {settings} settings tried, {} seeds, {runs} runs\n", self.title(), self.seeds);
        let racing: Vec<&Ranked> = self.ranked.iter().filter(|candidate| candidate.races()).collect();
        if racing.is_empty() {
            text.push_str("  no setting is in the race\n");
        }
        for candidate in racing.iter().take(top) {
            let (rank, setting) = (candidate.rank.unwrap_or_default(), words(&candidate.attributes, &self.keys));
            let _ = writeln!(text, "  {rank}. {}  {setting}", candidate.numbers(metric));
        }
        if racing.len() > top {
            let _ = writeln!(text, "  and {} more in the race", racing.len() - top);
        }
        for candidate in self.ranked.iter().filter(|candidate| !candidate.races()) {
            let _ = writeln!(text, "  out {}  {}", candidate.numbers(metric), words(&candidate.attributes, &self.keys));
            for out in &candidate.excluded {
                let _ = writeln!(text, "      seed {}: {} ({})", out.seed, out.reason, out.path.display());
            }
        }
        text
    }
}

impl Ranked {
    /// `71.23 ± 0.31 [70.84, 71.62] % n=5` of an accuracy, and of others without `%`.
    pub fn numbers(&self, metric: &str) -> String {
        let Some(spread) = self.spread else { return "no number".into() };
        let scale = Scale::of(metric, spread.mean);
        let sd = spread.sd.map(|sd| format!(" ± {}", scale.text(sd))).unwrap_or_default();
        let interval = spread.t_interval(LEVEL);
        let interval = interval.map(|ends| format!(" [{}, {}]", scale.text(ends.low), scale.text(ends.high)));
        let interval = interval.unwrap_or_default();
        format!("{}{sd}{interval}{} n={}", scale.text(spread.mean), scale.unit(), spread.n)
    }
}
