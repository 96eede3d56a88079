//! `aees runs ls --costs`: what was spent, failed attempts included. Unknown is unknown and never zero.

use std::process::ExitCode;

use aees_run::shown::number;
use aees_run::times::span;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::results::study_names;
use crate::stdout;
use crate::table::Grid;
use aees_studies::registry::{CostRow, Reader};

/// Prints what the attempts of each study used, by how they ended.
pub(super) fn run(reader: &Reader, pattern: Option<&str>, as_json: bool) -> Result<ExitCode, Failure> {
    let mut all: Vec<(String, Vec<CostRow>)> = Vec::new();
    for study in study_names(reader, pattern)? {
        let costs = costs(reader, &study)?;
        all.push((study, costs));
    }
    if as_json {
        let costs = all.iter().map(|(study, endings)| json!({"study": study, "endings": endings}));
        stdout::line(json!({"costs": costs.collect::<Value>()}));
    } else {
        table(&all);
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows of a study, and their sum if there are several.
fn costs(reader: &Reader, study: &str) -> Result<Vec<CostRow>, Failure> {
    let mut rows = reader.costs(study)?;
    if rows.len() > 1 {
        rows.push(total(&rows));
    }
    Ok(rows)
}

fn total(rows: &[CostRow]) -> CostRow {
    // What is known of some is a sum; what is known of none stays unknown.
    let amount = |of: fn(&CostRow) -> Option<u64>| rows.iter().filter_map(of).reduce(u64::saturating_add);
    let real = |of: fn(&CostRow) -> Option<f64>| rows.iter().filter_map(of).reduce(|a, b| a + b);
    CostRow {
        ending: "all".into(),
        attempts: rows.iter().map(|row| row.attempts).sum(),
        wall_ms: amount(|row| row.wall_ms),
        gpu_ms: amount(|row| row.gpu_ms),
        tokens_in: amount(|row| row.tokens_in),
        tokens_out: amount(|row| row.tokens_out),
        joules: real(|row| row.joules),
        cost_usd: real(|row| row.cost_usd),
        cost_unknown: rows.iter().map(|row| row.cost_unknown).sum(),
    }
}

fn table(all: &[(String, Vec<CostRow>)]) {
    let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".into());
    let rows: Vec<(&String, &CostRow)> =
        all.iter().flat_map(|(study, rows)| rows.iter().map(move |row| (study, row))).collect();
    Grid::of(&rows)
        .text("study", |(study, _)| *study)
        .text("ended", |(_, row)| &row.ending)
        .number("attempts", |(_, row)| row.attempts.to_string())
        .number("time", |(_, row)| known(row.wall_ms.map(|wall| span(wall as f64))))
        .number("GPU time", |(_, row)| known(row.gpu_ms.map(|gpu| span(gpu as f64))))
        .number("tokens in", |(_, row)| known(row.tokens_in.map(|tokens| tokens.to_string())))
        .number("tokens out", |(_, row)| known(row.tokens_out.map(|tokens| tokens.to_string())))
        .number("joules", |(_, row)| known(row.joules.map(number)))
        .number("cost in USD", |(_, row)| cost(row))
        .print();
}

fn cost(row: &CostRow) -> String {
    match (row.cost_usd, row.cost_unknown) {
        (None, _) => "unknown".into(),
        (Some(cost), 0) => format!("{cost:.4}"),
        (Some(cost), unknown) => format!("{cost:.4} + {unknown} unknown"),
    }
}
