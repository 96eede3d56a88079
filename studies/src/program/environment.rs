//! The environment of a program: the user's own, without the secrets that this program knows of, and what a run adds.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::job::{CommandJob, Job, ProgramSlot};
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
    if let Some(visible) = visible_gpus(&command.slot, env::var("CUDA_VISIBLE_DEVICES").ok().as_deref()) {
        change("CUDA_VISIBLE_DEVICES", Some(visible.into()));
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

/// What `CUDA_VISIBLE_DEVICES` is for a slot: its GPU, counted among those that this process sees itself; none for a CPU.
/// Nothing is changed for a slot without a device.
fn visible_gpus(slot: &ProgramSlot, seen: Option<&str>) -> Option<String> {
    let device = slot.device.as_deref()?;
    let Some(number) = device.strip_prefix("cuda") else { return (device == "cpu").then(String::new) };
    let number: usize = number.strip_prefix(':').map_or(Some(0), |number| number.parse().ok())?;
    let seen = seen.and_then(|list| list.split(',').nth(number)).map(|name| name.trim().to_owned());
    Some(seen.filter(|name| !name.is_empty()).unwrap_or_else(|| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_the_gpu_of_its_slot() {
        let visible =
            |device: &str, seen| visible_gpus(&ProgramSlot { device: Some(device.into()), threads: None }, seen);
        assert_eq!(visible("cuda:1", None).as_deref(), Some("1"));
        assert_eq!(visible("cuda", None).as_deref(), Some("0"));
        assert_eq!(visible("cuda:1", Some("2, 5")).as_deref(), Some("5"));
        assert_eq!(visible("cuda:0", Some("GPU-8a1f")).as_deref(), Some("GPU-8a1f"));
        assert_eq!(visible("cpu", None).as_deref(), Some(""));
        assert_eq!(visible_gpus(&ProgramSlot::default(), None), None);
    }
}
