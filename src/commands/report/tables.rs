//! `aees report tables`: which tables, and where they go.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::artifact::write_atomically;
use clap::ArgMatches;

use crate::failure::Failure;
use crate::stdout;
use aees_report::tables::{DuplicateRule, Format, KINDS, Table, TableOptions, build, build_all, general};
use aees_report::{ResultSet, RunRecord};

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let ResultSet { runs, expected_seeds, .. } = super::read(arguments)?;
    let tables = tables(arguments, &runs, expected_seeds)?;
    if tables.is_empty() {
        let message = format!("none of the {} results belongs into a table that was asked for", runs.len());
        let help = "name the rows yourself: --group-by method,optimizer --metric best,final";
        return Err(Failure::new(message, Some(help.into())));
    }
    match arguments.get_one::<PathBuf>("out") {
        Some(folder) => write(folder, &tables, &formats(arguments, &Format::ALL))?,
        None => print(&tables, &formats(arguments, &[Format::Markdown])),
    }
    Ok(ExitCode::SUCCESS)
}

fn tables(arguments: &ArgMatches, runs: &[RunRecord], expected_seeds: Option<Vec<i64>>) -> Result<Vec<Table>, Failure> {
    let options = TableOptions { expected_seeds, ..options(arguments) };
    let group_by = words(arguments, "group-by");
    let mut metrics = words(arguments, "metric");
    if !group_by.is_empty() || !metrics.is_empty() {
        if metrics.is_empty() {
            metrics = vec!["best".into(), "final".into()];
        }
        let group_by = if group_by.is_empty() { vec!["task".into(), "method".into()] } else { group_by };
        return Ok(general(runs, &group_by, &metrics, &options)?);
    }
    let names = words(arguments, "table");
    if names.is_empty() || names.iter().any(|name| name == "all") {
        return Ok(build_all(runs, &options));
    }
    let mut tables = Vec::new();
    for kind in KINDS.iter().filter(|kind| names.iter().any(|name| name == kind.name)) {
        let made = build(kind, runs, &options);
        if made.is_empty() {
            eprintln!("no runs for the table {}", kind.name);
        }
        tables.extend(made);
    }
    Ok(tables)
}

fn words(arguments: &ArgMatches, name: &str) -> Vec<String> {
    arguments.get_many::<String>(name).unwrap_or_default().map(|word| word.trim().to_owned()).collect()
}

fn options(arguments: &ArgMatches) -> TableOptions {
    TableOptions {
        expect_n: arguments.get_one::<u32>("expect-n").map(|n| *n as usize),
        allow_partial: arguments.get_flag("allow-partial"),
        duplicates: match arguments.get_one::<String>("duplicates").map(String::as_str) {
            Some("first") => DuplicateRule::First,
            Some("last") => DuplicateRule::Last,
            Some("mean") => DuplicateRule::Mean,
            _ => DuplicateRule::Refuse,
        },
        expected_seeds: None,
    }
}

fn formats(arguments: &ArgMatches, default: &[Format]) -> Vec<Format> {
    let asked = words(arguments, "format");
    if asked.is_empty() {
        return default.to_vec();
    }
    Format::ALL.into_iter().filter(|format| asked.iter().any(|word| word == format.extension())).collect()
}

fn write(folder: &Path, tables: &[Table], formats: &[Format]) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display()), None))?;
    for table in tables {
        for format in formats {
            let path = folder.join(format!("{}.{}", table.name, format.extension()));
            write_atomically(&path, |file| file.write_all(format.write(table).as_bytes()))?;
            stdout::line(path.display());
        }
    }
    Ok(())
}

fn print(tables: &[Table], formats: &[Format]) {
    for format in formats {
        let texts: Vec<String> = tables.iter().map(|table| format.write(table)).collect();
        stdout::line(texts.join("\n").trim_end());
    }
}
