//! `--state` and `--only`: which runs of the studies are meant.

use aees_studies::registry::{RunFilter, RunState};
use clap::Args;

use crate::failure::Failure;
use crate::words::words;

#[derive(Args)]
pub(crate) struct StateFlags {
    /// Only those in one of these states
    #[arg(
        long,
        value_name = "STATE,..",
        value_delimiter = ',',
        value_parser = words(RunState::ALL.map(|state| (state.name(), state))),
    )]
    pub(super) state: Vec<RunState>,
    /// Only those with one of these values on an axis; given again, both must hold
    #[arg(long, value_name = "KEY=VALUE,..")]
    only: Vec<String>,
}

impl StateFlags {
    /// The filter, for the runs of one study or of all.
    pub(super) fn of(&self, study: Option<String>) -> Result<RunFilter, Failure> {
        let axes: Result<_, _> = self.only.iter().map(|text| axis(text)).collect();
        Ok(RunFilter { study, states: self.state.clone(), axes: axes?, limit: None })
    }
}

/// `key=a,b`.
fn axis(text: &str) -> Result<(String, Vec<String>), Failure> {
    let Some((key, values)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
        let message = format!("--only {text}: there is no key with values");
        return Err(Failure::with_help(message, "write it as key=value or key=value,value"));
    };
    Ok((key.to_owned(), values.split(',').map(str::to_owned).collect()))
}
