//! `aees`: trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling.
//!
//! The program's table of contents: parse, do the verb, an exit code. Each verb is a file in `commands`, with what can be
//! typed for it; the rooms below do the work. Nothing else prints.

#![deny(unsafe_code)]

#[macro_use]
mod stderr;

mod allocator;
mod arguments;
mod commands;
mod config_flags;
mod examples;
mod failure;
mod force;
mod hint;
mod interrupt;
mod progress;
mod results;
mod setting_flags;
mod sources;
mod stdout;
mod table;
mod threads;
mod version;
mod words;

use std::process::ExitCode;

use aees_studies::background::become_detached;
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    auto_loop, bench, board, completions, config, data, devices, doctor, export, man, pretokenize, registry, replay,
    report, runs, slurm, sweep, train, worker,
};
use crate::failure::{EXIT_ENVIRONMENT, Failure};

/// Trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling
#[derive(Parser)]
#[command(
    name = "aees",
    version,
    long_version = version::long(),
    after_help = "Every verb takes --color auto, always or never; NO_COLOR=1 is another way to say never."
)]
struct CommandLine {
    #[command(subcommand)]
    verb: AeesVerb,
}

#[derive(Subcommand)]
enum AeesVerb {
    Train(train::TrainFlags),
    Pretokenize(pretokenize::PretokenizeFlags),
    #[command(subcommand)]
    Data(data::DataVerb),
    Export(export::ExportFlags),
    #[command(subcommand)]
    Sweep(sweep::SweepVerb),
    #[command(subcommand)]
    Loop(auto_loop::LoopVerb),
    #[command(subcommand)]
    Slurm(slurm::SlurmVerb),
    Worker(worker::WorkerFlags),
    #[command(subcommand)]
    Runs(runs::RunsVerb),
    #[command(subcommand)]
    Registry(registry::RegistryVerb),
    #[command(subcommand)]
    Report(report::ReportVerb),
    Replay(replay::ReplayFlags),
    Board(board::BoardFlags),
    #[command(subcommand)]
    Bench(bench::BenchVerb),
    Devices(devices::DevicesFlags),
    Doctor(doctor::DoctorFlags),
    #[command(subcommand)]
    Config(config::ConfigVerb),
    Completions(completions::CompletionsFlags),
    Man(man::ManFlags),
}

fn main() -> ExitCode {
    let (words, detached) = match become_detached(std::env::args_os()) {
        Ok(started) => started,
        Err(error) => return Failure::from(error).report(),
    };
    let exit = match arguments::parse::<CommandLine>(words) {
        Ok(typed) => run(typed.verb).unwrap_or_else(Failure::report),
        Err(error) => failure::usage(&error),
    };
    // What was not written was not done; another exit code says more.
    let exit = match stdout::finish() {
        Err(message) if exit == ExitCode::SUCCESS => {
            message.map_or(ExitCode::from(EXIT_ENVIRONMENT), |message| Failure::new(message).report())
        }
        _ => exit,
    };
    if let Some(Err(error)) = detached.map(|detached| detached.record_end(exit)) {
        eprintln!("warning: the end of this launch is not recorded: {error}");
    }
    exit
}

fn run(verb: AeesVerb) -> Result<ExitCode, Failure> {
    if matches!(verb, AeesVerb::Train(_) | AeesVerb::Worker(_) | AeesVerb::Bench(_)) {
        allocator::keep_freed_memory();
    }
    match verb {
        AeesVerb::Train(typed) => typed.run(),
        AeesVerb::Pretokenize(typed) => typed.run(),
        AeesVerb::Data(typed) => typed.run(),
        AeesVerb::Export(typed) => typed.run(),
        AeesVerb::Sweep(typed) => typed.run(),
        AeesVerb::Loop(typed) => typed.run(),
        AeesVerb::Slurm(typed) => typed.run(),
        AeesVerb::Worker(typed) => worker::run(&typed),
        AeesVerb::Runs(typed) => typed.run(),
        AeesVerb::Registry(typed) => typed.run(),
        AeesVerb::Report(typed) => typed.run(),
        AeesVerb::Replay(typed) => typed.run(),
        AeesVerb::Board(typed) => typed.run(),
        AeesVerb::Bench(typed) => typed.run(),
        AeesVerb::Devices(_) => devices::run(),
        AeesVerb::Doctor(typed) => typed.run(),
        AeesVerb::Config(typed) => typed.run(),
        AeesVerb::Completions(typed) => typed.run(examples::added(CommandLine::command())),
        AeesVerb::Man(typed) => typed.run(examples::added(CommandLine::command())),
    }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
