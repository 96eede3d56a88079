//! `aees report html`: the page of results, written to a file.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_report::html::{LoopStory, Page, PageQuestion};
use aees_report::{ReadError, ReportSource, ResultSet};
use aees_run::output::{OutputKind, write_output};
use aees_run::times::{moment, now};
use clap::Args;

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::sources::{Sources, exit_code};

/// One self-contained page: what was asked, runs, figures, best settings, failures, commands, versions
#[derive(Args)]
#[command(
    after_help = "The page opens from disk and asks no network for anything. Name a study to have its failed and missing \
                  runs on it; a folder of results has none."
)]
pub(crate) struct HtmlFlags {
    #[command(flatten)]
    sources: Sources,
    /// The file to write
    #[arg(long, value_name = "PAGE.html")]
    out: PathBuf,
    /// The metric of the table and of the best settings [default: the study's, or val_accuracy]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// What makes a group of the best settings: task, optimizer, scheduler, method, label_noise or any setting
    #[arg(long, value_name = "KEY,...", value_delimiter = ',')]
    group_by: Vec<String>,
    #[command(flatten)]
    force: ForceFlag,
}

pub(super) fn run(typed: &HtmlFlags) -> Result<ExitCode, Failure> {
    let sources = typed.sources.sources();
    let found = match ResultSet::read(&sources) {
        Ok(found) => found,
        // A study without results still has a page: what was asked, and what failed.
        Err(ReadError::Nothing { skipped, .. })
            if matches!(sources.as_slice(), [ReportSource::Study { .. } | ReportSource::Loop { .. }]) =>
        {
            ResultSet { skipped, ..ResultSet::default() }
        }
        Err(error) => return Err(error.into()),
    };
    let out = &typed.out;
    let results = typed.sources.results();
    let reader = if let [ReportSource::Study { .. }] = sources.as_slice() { results.reader().ok() } else { None };
    let story = match sources.as_slice() {
        [ReportSource::Loop { name, .. }] => Some(LoopStory::read(&results.root, name)?),
        _ => None,
    };
    let question = PageQuestion {
        sources: &sources,
        registry: reader.as_ref(),
        flags: &results.flags,
        metric: typed.metric.as_deref().or(story.as_ref().map(LoopStory::metric)),
        group_by: &typed.group_by,
    };
    let exit = exit_code(&found.skipped);
    let mut page = Page::of(found, &question)?;
    if let Some(story) = story {
        page.tell_loop(story, &results.flags);
    }
    page.footer = format!("Made {} UTC by aees {}.", moment(now()), env!("CARGO_PKG_VERSION"));
    let html = page.html();
    write_output(out, OutputKind::PAGE, html.as_bytes(), typed.force.force)?;
    eprintln!("wrote {} ({} KB)", out.display(), html.len().div_ceil(1000));
    Ok(exit)
}
