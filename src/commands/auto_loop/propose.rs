//! `aees loop propose`: a person's or an agent's proposal for the next iteration, checked and put where the loop looks for it.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use aees_run::artifact::write_atomically;
use aees_run::settings::ConfigError;
use aees_studies::auto_loop::{
    LARGEST_PROPOSAL, LoopCandidate, LoopFolder, LoopHistory, LoopState, Proposal, bounded_text, read_loop_study,
};
use clap::Args;
use serde_json::{Map, Value, json};

use super::meant;
use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout;

/// Checks a proposal and makes it the next one of a loop
#[derive(Args)]
#[command(after_help = "Exit codes: 0 it is the next one, 1 it cannot be tried and nothing was changed.")]
pub(crate) struct ProposeFlags {
    /// The loop
    name: String,
    /// The proposal as JSON; - for standard input
    #[arg(required_unless_present = "set", conflicts_with_all = ["set", "hypothesis", "description", "parent"])]
    file: Option<String>,
    /// A setting with its new value; repeat it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Why it should be better
    #[arg(long, value_name = "TEXT")]
    hypothesis: Option<String>,
    /// What is changed, in a sentence
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The iteration that it goes on from, 0 for the start [default: the incumbent]
    #[arg(long, value_name = "N")]
    parent: Option<u64>,
    /// Put it in the place of one that waits
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

impl ProposeFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let folder = meant(&results, Some(self.name.clone()))?;
        let proposal = self.proposal()?;
        check(&folder, &proposal)?;
        let path = folder.next_proposal();
        if path.exists() && !self.replace {
            let message = format!("a proposal waits already: {}", path.display());
            return Err(Failure::with_help(message, "say --replace to put this one in its place"));
        }
        let text = format!("{:#}\n", json!(proposal));
        write_atomically(&path, |out| out.write_all(text.as_bytes()))?;
        eprintln!("iteration {} will try it", LoopState::read(&folder)?.iterations + 1);
        stdout::line(path.display());
        Ok(ExitCode::SUCCESS)
    }

    fn proposal(&self) -> Result<Proposal, Failure> {
        let Some(file) = &self.file else { return self.of_flags() };
        let text = match file.as_str() {
            "-" => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().take(LARGEST_PROPOSAL + 1).read_to_end(&mut bytes);
                read.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
                if bytes.len() as u64 > LARGEST_PROPOSAL {
                    return Err(Failure::new("standard input is larger than any proposal"));
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            path => bounded_text(Path::new(path))?,
        };
        Proposal::parse(&text)
            .map_err(|reason| Failure::with_help(reason, "`aees loop schema` says what a proposal looks like"))
    }

    fn of_flags(&self) -> Result<Proposal, Failure> {
        let mut patch = Map::new();
        for assignment in &self.set {
            let Some((key, value)) = assignment.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
                return Err(ConfigError::NotAnAssignment { text: assignment.clone() }.into());
            };
            let value = value.trim();
            patch.insert(key.trim().to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)));
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let shown = if self.description.is_none() { self.set.join(" ") } else { text(&self.description) };
        Ok(Proposal {
            description: shown,
            hypothesis: text(&self.hypothesis),
            parent: self.parent,
            patch,
            ..Proposal::default()
        })
    }
}

/// What the loop would reject is refused here already.
fn check(folder: &LoopFolder, proposal: &Proposal) -> Result<(), Failure> {
    let state = LoopState::read(folder)?;
    let study = read_loop_study(&state.source, Some(folder.name()))?;
    let records = LoopHistory::read(folder, &state.history)?.records;
    if proposal.patch.is_empty() {
        return Err(Failure::new("a question for a person is no proposal to try: it has no `patch`"));
    }
    let candidate = LoopCandidate::of(&study, &state.incumbent.patch, &records, proposal).map_err(Failure::new)?;
    if candidate.is_incumbent {
        return Err(Failure::new("it is what the incumbent has already: there is nothing to try"));
    }
    Ok(())
}
