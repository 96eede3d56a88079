//! `aees report best`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::artifact::write_atomically;
use clap::ArgMatches;

use crate::failure::Failure;
use crate::stdout;
use aees_report::best::{Answer, Question, best, confirm};
use aees_report::{RunRecord, Source};
use aees_studies::registry::{Reader, RunFilter};
use aees_studies::study::{Goal, Measure};

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let question = question(arguments)?;
    let found = super::read(arguments)?;
    let answer = best(&found.runs, &question)?;
    if arguments.get_flag("json") {
        stdout::line(answer.json());
    } else {
        answer.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let top = arguments.get_one::<usize>("top").copied().unwrap_or(5);
        stdout::line(answer.text(top).trim_end());
    }
    if let (Some(count), Some(out)) = (arguments.get_one::<String>("confirm"), arguments.get_one::<PathBuf>("out")) {
        write_study(&answer, &found.runs, &planned_seeds(arguments), count, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn question(arguments: &ArgMatches) -> Result<Question, Failure> {
    let text = |name: &str| arguments.get_one::<String>(name).cloned().unwrap_or_default();
    let (metric, word) = (text("metric"), text("measure"));
    let measure = Measure::parse(&word).ok_or_else(|| {
        Failure::new(format!("{word} is no measure"), Some("say final, best, auc or, for example, last_k(5)".into()))
    })?;
    let less_is_better = ["loss", "seconds", "time", "error"].iter().any(|word| metric.contains(word));
    let goal = match text("goal").as_str() {
        "min" => Goal::Min,
        "max" => Goal::Max,
        _ if less_is_better => Goal::Min,
        _ => Goal::Max,
    };
    let group_by = arguments.get_many::<String>("group-by").unwrap_or_default();
    let group_by = group_by.filter(|key| !key.is_empty()).cloned().collect();
    Ok(Question { group_by, metric, measure, goal })
}

/// The seeds of all runs of the studies that are asked about, also of those without a result.
fn planned_seeds(arguments: &ArgMatches) -> BTreeSet<i64> {
    let mut seeds = BTreeSet::new();
    for source in super::sources(arguments) {
        let Source::Study { registry, name, .. } = source else { continue };
        // Without a registry the results alone say which seeds there were.
        let Ok(reader) = Reader::open(&registry) else { continue };
        let filter = RunFilter { study: Some(name), ..RunFilter::default() };
        seeds.extend(reader.runs(&filter).unwrap_or_default().iter().map(|run| run.seed.cast_signed()));
    }
    seeds
}

fn write_study(
    answer: &Answer,
    runs: &[RunRecord],
    seen: &BTreeSet<i64>,
    count: &str,
    out: &Path,
) -> Result<(), Failure> {
    let count = count.strip_prefix("seeds=").unwrap_or(count);
    let count: u64 = count.parse().map_err(|_| {
        Failure::new(format!("--confirm {count} is no number of seeds"), Some("for example --confirm 30".into()))
    })?;
    let stem = out.file_stem().map(|stem| confirm::slug(&stem.to_string_lossy())).unwrap_or_default();
    let name = if stem.is_empty() { "confirm".to_owned() } else { stem };
    let text = confirm::study(answer, runs, seen, count, &name)?;
    write_atomically(out, |file| file.write_all(text.as_bytes()))?;
    eprintln!("wrote {}; see what it comes to with `aees sweep plan {}`", out.display(), out.display());
    Ok(())
}
