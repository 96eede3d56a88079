//! The answer for people.

use std::fmt::Write;

use super::{Answer, Candidate, Group};
use crate::statistics::LEVEL;

/// A number with four digits after the point, or in powers of ten where that says nothing.
pub fn shown(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) { format!("{value:.4}") } else { format!("{value:.3e}") }
}

impl Answer {
    /// The best `top` settings of each group, and everything that is out of the race.
    pub fn text(&self, top: usize) -> String {
        let mut text = format!(
            "{} {} ({}), mean over seeds, sample SD, 95 % interval of the mean by Student's t\n",
            self.question.measure.to_string(),
            self.question.metric,
            self.question.goal.name()
        );
        for group in &self.groups {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}", group.text(top));
        }
        text
    }
}

impl Group {
    fn text(&self, top: usize) -> String {
        let (settings, runs) = (self.candidates.len(), self.runs);
        let mut text = format!("{}: {settings} settings tried, {} seeds, {runs} runs\n", self.title(), self.seeds);
        let racing: Vec<&Candidate> = self.candidates.iter().filter(|candidate| candidate.races()).collect();
        if racing.is_empty() {
            text.push_str("  no setting is in the race\n");
        }
        for (rank, candidate) in racing.iter().take(top).enumerate() {
            let _ = writeln!(text, "  {}. {}  {}", rank + 1, candidate.numbers(), candidate.setting.words(&self.keys));
        }
        if racing.len() > top {
            let _ = writeln!(text, "  and {} more in the race", racing.len() - top);
        }
        for candidate in self.candidates.iter().filter(|candidate| !candidate.races()) {
            let _ = writeln!(text, "  out {}  {}", candidate.numbers(), candidate.setting.words(&self.keys));
            for out in &candidate.out {
                let _ = writeln!(text, "      seed {}: {} ({})", out.seed, out.reason, out.path.display());
            }
        }
        text
    }
}

impl Candidate {
    /// `0.7123 ± 0.0031 [0.7084, 0.7162] n=5`.
    pub fn numbers(&self) -> String {
        let Some(spread) = self.spread else { return "no number".into() };
        let sd = spread.sd.map(|sd| format!(" ± {}", shown(sd))).unwrap_or_default();
        let interval = spread.t_interval(LEVEL).map(|ends| format!(" [{}, {}]", shown(ends.low), shown(ends.high)));
        format!("{}{sd}{} n={}", shown(spread.mean), interval.unwrap_or_default(), spread.n)
    }
}
