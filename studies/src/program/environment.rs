//! The environment of a program: the user's own, without the secrets that this program knows of, and what a run adds.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::job::{CommandJob, Job};
use crate::study::SECRETS;

/// The secrets that are set here and that a program will not see.
pub fn withheld(pass_on: &[String]) -> Vec<&'static str> {
    SECRETS.into_iter().filter(|name| !pass_on.iter().any(|own| own == name) && env::var_os(name).is_some()).collect()
}

/// What changes in this process's environment for a program: variables with their values, none for those that go.
pub(super) fn changes(job: &Job, command: &CommandJob, config: &Path) -> Vec<(OsString, Option<OsString>)> {
    let mut changes: Vec<(OsString, Option<OsString>)> = Vec::new();
    let mut change = |name: &str, value: Option<OsString>| changes.push((name.into(), value));
    withheld(&command.pass_on).into_iter().for_each(|name| change(name, None));
    if env::var_os("PYTHONUNBUFFERED").is_none() {
        change("PYTHONUNBUFFERED", Some("1".into()));
    }
    if let (Some(threads), None) = (command.slot.threads, env::var_os("OMP_NUM_THREADS")) {
        change("OMP_NUM_THREADS", Some(threads.to_string().into()));
    }
    change("AEES_DEVICE", command.slot.device.clone().map(OsString::from));
    change("AEES_RUN_ID", Some(job.run_id.clone().into()));
    change("AEES_CONFIG", Some(config.into()));
    change("AEES_ATTEMPT", Some(job.attempt.to_string().into()));
    for (name, value) in &command.environment {
        // What is open still was refused when the study was planned.
        let value = value.as_ref().map(|value| command.slot.fill(value).text().unwrap_or_default());
        change(name, value.map(OsString::from));
    }
    changes
}
