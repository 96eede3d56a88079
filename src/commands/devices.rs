//! `aees devices`: what `--device` can name here.

use std::process::ExitCode;

use aees_train::engine::device::available;

use crate::failure::Failure;
use crate::stdout;

/// Lists the devices that this build can use on this machine
#[derive(clap::Args)]
pub(crate) struct Devices {}

/// Best first.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    for device in available() {
        stdout::line(device.describe());
    }
    Ok(ExitCode::SUCCESS)
}
