//! `aees loop schema`: what a proposal may say, for programs that propose and for editors.

use std::process::ExitCode;

use aees_studies::auto_loop::proposal_schema;

use crate::stdout;

pub(super) fn print() -> ExitCode {
    stdout::line(format!("{:#}", proposal_schema()));
    ExitCode::SUCCESS
}
