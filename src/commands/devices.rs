//! `aees devices`: what `--device` can name here.

use std::process::ExitCode;

use aees_train::engine::available;

use crate::failure::Failure;
use crate::stdout;

/// Lists the devices that this build can use on this machine
#[derive(clap::Args)]
pub(crate) struct DevicesFlags {}

/// Best first.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let mut devices: Vec<String> = available().iter().map(|target| target.device.describe()).collect();
    // Several engines may know one device.
    devices.dedup();
    devices.into_iter().for_each(stdout::line);
    Ok(ExitCode::SUCCESS)
}
