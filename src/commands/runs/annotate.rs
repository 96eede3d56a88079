//! `aees runs tag` and `aees runs note`: words of the user about runs.

use std::ffi::OsString;
use std::process::ExitCode;

use aees_run::circumstances::without_credentials;
use aees_studies::disk::Annotations;
use aees_studies::registry::{RunId, RunRow};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::results::{Results, ResultsFlags};
use crate::stdout;

/// Puts tags on runs, or takes them off; `runs ls --tag` finds them
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct TagFlags {
    /// The runs
    #[arg(required = true, num_args = 1..)]
    run: Vec<String>,
    /// Tags to put on
    #[arg(long, value_name = "TAG,..", value_delimiter = ',', required_unless_present = "remove")]
    add: Vec<String>,
    /// Tags to take off
    #[arg(long, value_name = "TAG,..", value_delimiter = ',')]
    remove: Vec<String>,
    #[command(flatten)]
    results: ResultsFlags,
}

/// Writes a note on a run; an empty one takes it away
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct NoteFlags {
    /// The run
    run: String,
    /// What to say of it, nothing to take that back; what is said of it is printed when left out
    text: Option<OsString>,
    #[command(flatten)]
    results: ResultsFlags,
}

pub(super) fn tag(typed: &TagFlags) -> Result<ExitCode, Failure> {
    for tag in &typed.add {
        if tag.is_empty() || tag.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(Failure::with_help(format!("`{tag}` cannot be a tag"), "a tag is one word"));
        }
    }
    let results = typed.results.results();
    let runs = ids(&results, &typed.run)?;
    let all = Annotations::change(&results.root, &runs, |annotation| {
        annotation.tags.extend(typed.add.iter().map(|tag| without_credentials(tag)));
        annotation.tags.retain(|tag| !typed.remove.contains(tag));
    })?;
    for run in &runs {
        stdout::line(format!("{run}  {}", all.of(run).tags_told()).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn note(typed: &NoteFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let runs = ids(&results, std::slice::from_ref(&typed.run))?;
    let all = match &typed.text {
        Some(text) => Annotations::change(&results.root, &runs, |annotation| {
            annotation.note = Some(without_credentials(&text.to_string_lossy())).filter(|text| !text.trim().is_empty());
        })?,
        None => Annotations::read(&results.root)?,
    };
    for note in runs.iter().filter_map(|run| all.of(run).note) {
        stdout::line(note);
    }
    Ok(ExitCode::SUCCESS)
}

fn ids(results: &Results, names: &[String]) -> Result<Vec<RunId>, Failure> {
    let reader = results.reader()?;
    names.iter().map(|name| Ok(reader.run(name)?.run_id)).collect()
}

/// What is said of a run, for lists of pairs.
pub(super) fn facts(annotations: &Annotations, run: &RunRow) -> Vec<(String, String)> {
    let said = annotations.of(&run.run_id);
    let tags = Some(said.tags_told()).filter(|tags| !tags.is_empty());
    [("tags", tags), ("note", said.note)]
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text?)))
        .collect()
}

/// The same for programs.
pub(super) fn to_json(annotations: &Annotations, run: &RunId) -> serde_json::Value {
    let said = annotations.of(run);
    json!({"tags": said.tags, "note": said.note})
}
