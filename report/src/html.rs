//! One self-contained page for a study, or for any results: what was asked, the runs, the figures, the best settings, what
//! failed and why, what is missing, the commands, the versions and the machine.
//!
//! The page holds its styles, its script and its figures, and asks no network for anything. Everything on it is in the
//! HTML: without the script it can be read, with it the table of runs can be sorted and filtered. All text that comes from
//! files is escaped here, in one place; figures are images, so nothing in them can run.
//!
//! `contents.rs` fills a [`Page`] from results, `study.rs` adds what only the registry knows; the others write it.

mod contents;
mod details;
mod figure;
mod loop_story;
mod runs;
mod sections;
mod study;

use crate::best::Answer;
use crate::figures::NamedFigure;
use crate::markup::escaped;
use crate::read::SkippedFile;
use crate::record::RunRecord;
use crate::tables::Table;

pub use contents::PageQuestion;
pub use details::RunDetail;
pub(crate) use details::{end_of_log, rounded, run_details};
pub use figure::FIGURE_BYTES;
pub(crate) use figure::figure_section;
pub use loop_story::LoopStory;

/// A run as the table shows it.
#[derive(Debug, Clone, Default)]
pub struct PageRow {
    /// Its place in the study.
    pub index: Option<u64>,
    /// The short id, or the file's name.
    pub name: String,
    /// Its case in the study.
    pub case: Option<String>,
    /// A value for each of the page's axes; empty where it has none.
    pub axes: Vec<String>,
    pub seed: String,
    /// Where it is: `done`, `running`, ...
    pub state: String,
    /// How it ended, in words; the error of a failed run.
    pub outcome: String,
    /// The best value of the page's metric.
    pub best: Option<f64>,
    pub last: Option<f64>,
    /// The epoch of the best value, from 1.
    pub peak: Option<usize>,
    /// Seconds of the whole run.
    pub seconds: Option<f64>,
    /// The metric over the epochs.
    pub curve: Vec<f64>,
    /// Its place among the page's details; none of a run without a result.
    pub detail: Option<usize>,
}

/// A run or several that failed, diverged or are not there, and what helps.
#[derive(Debug, Clone, Default)]
pub struct Remark {
    /// Which run or runs.
    pub what: String,
    pub reason: String,
    /// The command that helps; empty when none does.
    pub command: String,
}

/// Everything the page tells.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The study's name, or what was read.
    pub title: String,
    /// What was asked: key and value.
    pub asked: Vec<(String, String)>,
    /// Counts by state, or whatever sums the page up.
    pub counts: Vec<(String, u64)>,
    /// The metric of the columns.
    pub metric: String,
    /// The names of the axes.
    pub axes: Vec<String>,
    pub rows: Vec<PageRow>,
    /// What the runs open to.
    pub details: Vec<RunDetail>,
    /// What a loop tried, for the page of one.
    pub story: Option<LoopStory>,
    /// Results as tables and their paired comparisons.
    pub tables: Vec<Table>,
    /// The study's file.
    pub yaml: String,
    /// What all of it cost: name and amount.
    pub compute: Vec<(String, String)>,
    /// What a reader must know before the first number.
    pub alerts: Vec<String>,
    pub figures: Vec<NamedFigure>,
    pub best: Option<Answer>,
    /// Failed runs.
    pub failures: Vec<Remark>,
    /// Diverged runs.
    pub diverged: Vec<Remark>,
    /// Runs that are still to come.
    pub missing: Vec<Remark>,
    /// Files that were passed over.
    pub skipped: Vec<SkippedFile>,
    /// What a reader should know.
    pub warnings: Vec<String>,
    /// Commands, each with what it is for.
    pub commands: Vec<(String, String)>,
    /// Versions and machines: name and values.
    pub provenance: Vec<(String, Vec<String>)>,
    /// When the page was made, in words.
    pub footer: String,
}

impl Page {
    /// Puts a loop on the page of its runs.
    pub fn tell_loop(&mut self, story: LoopStory, flags: &str) {
        let name = self.title.clone();
        self.asked.splice(..0, story.facts());
        self.figures.splice(..0, story.figure());
        // Settings that a loop compared are compared there.
        self.tables.clear();
        let commands = format!(
            "aees loop status {name}{flags}\naees loop resume {name} --loops 10{flags}\n\
             aees loop propose {name} --set KEY=VALUE{flags}"
        );
        self.commands.insert(0, ("The loop".into(), commands));
        self.story = Some(story);
    }

    /// The whole page.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let body = sections::all(self);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"aees\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n{body}<script>\n{}</script>\n</body>\n</html>\n",
            include_str!("html/style.css"),
            concat!(
                include_str!("html/theme.js"),
                include_str!("html/script.js"),
                include_str!("html/chart.js"),
                include_str!("html/cards.js"),
                include_str!("html/details.js")
            ),
        )
    }
}

/// The provenance of all runs: each name once, with its different values.
pub fn provenance(runs: &[RunRecord]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in runs.iter().flat_map(|run| &run.provenance) {
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) if values.contains(value) => {}
            Some((_, values)) => values.push(value.clone()),
            None => found.push((name.clone(), vec![value.clone()])),
        }
    }
    found
}

#[cfg(test)]
mod tests;
