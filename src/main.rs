//! `aees`: trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling.

use std::process::ExitCode;

fn main() -> ExitCode {
    aees::main()
}
