//! `aees report tables`: which tables, and where they go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_report::tables::{
    DuplicateRule, KINDS, Table, TableFormat, TableOptions, build, build_all, general, general_flags,
};
use aees_report::{ResultSet, RunRecord};
use aees_run::output::{OutputKind, write_outputs};
use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::sources::{Sources, exit_code};
use crate::stdout;
use crate::words::words;

/// Tables of results: mean and spread over seeds, paired comparisons; Markdown, LaTeX, CSV
#[derive(Args)]
#[command(after_help = explanation())]
pub(crate) struct TablesFlags {
    #[command(flatten)]
    sources: Sources,
    /// The tables to write [default: all that there are runs for]
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name).chain(["all"])),
        hide_possible_values = true,
    )]
    table: Vec<String>,
    /// One table of any runs instead: a row for each value of these settings or fields
    #[arg(long, value_name = "KEY,..", value_delimiter = ',', conflicts_with = "table")]
    group_by: Vec<String>,
    /// Its numbers: best, final, same_epoch, a program's metric .. [default: best,final]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    metric: Vec<String>,
    /// How to write: md, tex, csv [default: md on stdout, all three with --out]
    #[arg(
        long,
        value_name = "FORMAT",
        value_delimiter = ',',
        value_parser = words(TableFormat::ALL.map(|format| (format.extension(), format))),
        hide_possible_values = true,
    )]
    format: Vec<TableFormat>,
    /// Write files NAME.md, NAME.tex and NAME.csv here instead of printing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs that a row needs [default: one for each seed of the study, or else as many as most rows of its table have]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    expect_n: Option<u32>,
    /// Average also rows that lack runs, with their n beside the number
    #[arg(long)]
    allow_partial: bool,
    /// Compare these rows, by name, who picks or case, instead of the usual contrasts
    #[arg(long, value_name = "A:B", value_delimiter = ',', value_parser = pair)]
    compare: Vec<(String, String)>,
    /// Compare every row with this one: baseline, random, a row's name or a case
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Two different results for one seed: leave the row out, or take the first, the last or the mean
    #[arg(
        long,
        value_name = "RULE",
        default_value = "refuse",
        value_parser = words([
            ("refuse", DuplicateRule::Refuse),
            ("first", DuplicateRule::First),
            ("last", DuplicateRule::Last),
            ("mean", DuplicateRule::Mean),
        ]),
    )]
    duplicates: DuplicateRule,
    #[command(flatten)]
    force: ForceFlag,
}

/// Two names with a colon between them.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once(':').map(|(one, other)| (one.trim(), other.trim())) {
        Some((one, other)) if !one.is_empty() && !other.is_empty() => Ok((one.to_owned(), other.to_owned())),
        _ => Err("say two names with a colon between them, as in AEES:Random".into()),
    }
}

fn explanation() -> String {
    let width = KINDS.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    let kinds = KINDS.iter().map(|kind| format!("  {:width$}  {}\n", kind.name, kind.about));
    format!("Tables:\n{}Most come with a second one, of differences paired by seed.", kinds.collect::<String>())
}

pub(super) fn run(typed: &TablesFlags) -> Result<ExitCode, Failure> {
    let ResultSet { runs, expected_seeds, skipped, .. } = typed.sources.read()?;
    let tables = tables(typed, &runs, expected_seeds)?;
    if tables.is_empty() {
        let message = format!("none of the {} results belongs into a table that was asked for", runs.len());
        return Err(match general_flags(&runs) {
            Some(flags) => Failure::with_help(message, format!("name the rows yourself, as in {flags}")),
            None => Failure::new(message),
        });
    }
    if typed.compares() && !tables.iter().any(Table::is_of_comparisons) {
        let rows: BTreeSet<&str> = tables.iter().flat_map(Table::row_names).collect();
        let help = format!("the rows are {}", rows.into_iter().collect::<Vec<_>>().join("; "));
        return Err(Failure::with_help("no two rows of one problem have these names", help));
    }
    match &typed.out {
        Some(folder) => write(folder, &tables, &typed.formats(&TableFormat::ALL), typed.force.force)?,
        None => print(&tables, &typed.formats(&[TableFormat::Markdown])),
    }
    Ok(exit_code(&skipped))
}

impl TablesFlags {
    fn compares(&self) -> bool {
        !self.compare.is_empty() || self.against.is_some()
    }

    /// Those that were asked for, in the usual order.
    fn formats(&self, default: &[TableFormat]) -> Vec<TableFormat> {
        let asked = if self.format.is_empty() { default } else { &self.format };
        TableFormat::ALL.into_iter().filter(|format| asked.contains(format)).collect()
    }

    fn options(&self, expected_seeds: Option<Vec<i64>>) -> TableOptions {
        TableOptions {
            expect_n: self.expect_n.map(|n| n as usize),
            allow_partial: self.allow_partial,
            compare: self.compare.clone(),
            against: self.against.clone(),
            duplicates: self.duplicates,
            expected_seeds,
        }
    }
}

fn tables(typed: &TablesFlags, runs: &[RunRecord], expected_seeds: Option<Vec<i64>>) -> Result<Vec<Table>, Failure> {
    let options = typed.options(expected_seeds);
    if !typed.group_by.is_empty() || !typed.metric.is_empty() {
        let group_by = words_or(&typed.group_by, ["task", "method"]);
        return Ok(general(runs, &group_by, &words_or(&typed.metric, ["best", "final"]), &options)?);
    }
    let names = &typed.table;
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

fn words_or(typed: &[String], default: [&str; 2]) -> Vec<String> {
    match typed.is_empty() {
        true => default.map(str::to_owned).to_vec(),
        false => typed.iter().map(|word| word.trim().to_owned()).collect(),
    }
}

fn write(folder: &Path, tables: &[Table], formats: &[TableFormat], force: bool) -> Result<(), Failure> {
    let file = |table: &Table, format: &TableFormat| {
        let path = folder.join(format!("{}.{}", table.name, format.extension()));
        (path, OutputKind::TEXT, format.write(table).into_bytes())
    };
    let files = tables.iter().flat_map(|table| formats.iter().map(move |format| file(table, format)));
    let files: Vec<_> = files.collect();
    write_outputs(&files, force)?;
    files.iter().for_each(|(path, ..)| stdout::line(path.display()));
    Ok(())
}

fn print(tables: &[Table], formats: &[TableFormat]) {
    for format in formats {
        let texts: Vec<String> = tables.iter().map(|table| format.write(table)).collect();
        stdout::line(texts.join("\n").trim_end());
    }
}
