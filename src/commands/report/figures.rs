//! `aees report figures`: writes the pictures and their data, and prints the paths.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_report::figures::{COLUMN_MM, Drawn, DrawnFigure, FONT_SIZE, FigureKind, FigureOptions, PAGE_MM, Theme, draw};
use aees_run::output::{OutputFile, OutputKind, write_outputs};
use clap::{Args, ValueEnum, value_parser};

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::sources::{Sources, exit_code};
use crate::stdout;
use crate::words::words;

/// Figures as SVG, PDF and PNG, each with the CSV of its data
#[derive(Args)]
pub(crate) struct FiguresFlags {
    #[command(flatten)]
    sources: Sources,
    /// Where the figures go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Draw only these; without it, all that there is data for
    #[arg(
        long,
        value_name = "NAME,..",
        value_delimiter = ',',
        value_parser = words(FigureKind::ALL.map(|kind| (kind.name(), kind))),
    )]
    figure: Vec<FigureKind>,
    /// The kinds of files
    #[arg(long, value_name = "FORMAT,..", value_delimiter = ',', default_value = "svg,pdf,png")]
    format: Vec<Picture>,
    /// column (85 mm), page (175 mm), or millimetres from 60 to 400
    #[arg(long, value_name = "WIDTH", default_value = "column")]
    width: String,
    /// Size of most text in points, 5 to 16; titles are a little larger
    #[arg(long, value_name = "POINTS", default_value_t = FONT_SIZE)]
    font_size: f64,
    /// The ground
    #[arg(
        long,
        value_name = "theme",
        default_value = "light",
        value_parser = words([("light", Theme::Light), ("dark", Theme::Dark)]),
    )]
    theme: Theme,
    /// Centred rolling mean of the learning curves; the reference takes 5
    #[arg(long, value_name = "EPOCHS", value_parser = value_parser!(u16).range(1..))]
    smooth: Option<u16>,
    /// Group the strips by these settings instead of by what runs are
    #[arg(long, value_name = "KEY,..", value_delimiter = ',')]
    group_by: Vec<String>,
    /// Also draw groups that lack a seed or an epoch
    #[arg(long)]
    allow_partial: bool,
    #[command(flatten)]
    force: ForceFlag,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Picture {
    Svg,
    Pdf,
    Png,
}

/// Smaller, and nobody can read it; larger, and nothing else has room.
const FONT_SIZES: std::ops::RangeInclusive<f64> = 5.0..=16.0;

/// Narrower, and a figure has no room for its text; wider, and no paper holds it.
const WIDTHS_MM: std::ops::RangeInclusive<f64> = 60.0..=400.0;

pub(super) fn run(typed: &FiguresFlags) -> Result<ExitCode, Failure> {
    let options = options(typed)?;
    let found = typed.sources.read()?;
    let drawn = draw(&found.runs, &options);
    tell(&drawn, &options);
    if drawn.figures.is_empty() {
        return Err(nothing(&drawn, &options));
    }
    let mut files = Vec::new();
    for figure in &drawn.figures {
        files.extend(files_of(figure, &typed.out, &typed.format)?);
    }
    write_outputs(&files, typed.force.force)?;
    files.iter().for_each(|(path, ..)| stdout::line(path.display()));
    let missing = !options.kinds.is_empty() && !drawn.without_data.is_empty();
    if missing { Err(nothing(&drawn, &options)) } else { Ok(exit_code(&found.skipped)) }
}

fn options(typed: &FiguresFlags) -> Result<FigureOptions, Failure> {
    Ok(FigureOptions {
        kinds: FigureKind::ALL.into_iter().filter(|kind| typed.figure.contains(kind)).collect(),
        width_mm: width(&typed.width)?,
        font_size: font_size(typed.font_size)?,
        theme: typed.theme,
        smooth: typed.smooth.map(usize::from),
        group_by: typed.group_by.clone(),
        allow_partial: typed.allow_partial,
    })
}

fn font_size(points: f64) -> Result<f64, Failure> {
    Some(points).filter(|points| FONT_SIZES.contains(points)).ok_or_else(|| {
        Failure::with_help(format!("--font-size {points}: no size for text"), "give points from 5 to 16")
    })
}

fn width(text: &str) -> Result<f64, Failure> {
    let width = match text {
        "column" => Some(COLUMN_MM),
        "page" => Some(PAGE_MM),
        millimetres => millimetres.parse().ok(),
    };
    width.filter(|width| WIDTHS_MM.contains(width)).ok_or_else(|| {
        let help = "give `column`, `page`, or millimetres from 60 to 400";
        Failure::with_help(format!("--width {text}: no width for a figure"), help)
    })
}

/// Says what was left out: groups that lack something always, kinds without data when they were asked for.
fn tell(drawn: &Drawn, options: &FigureOptions) {
    let done = if options.allow_partial { "incomplete, drawn" } else { "incomplete, not drawn" };
    drawn.incomplete.iter().for_each(|group| eprintln!("{done}: {group}"));
    if !drawn.incomplete.is_empty() && !options.allow_partial {
        eprintln!("--allow-partial draws them");
    }
}

fn nothing(drawn: &Drawn, options: &FigureOptions) -> Failure {
    let reasons: Vec<String> =
        drawn.without_data.iter().map(|(kind, missing)| format!("`{}`: {missing}", kind.name())).collect();
    let message = format!("no data for {}", reasons.join("; "));
    if drawn.incomplete.is_empty() || options.allow_partial {
        return Failure::new(message);
    }
    Failure::with_help(message, "--allow-partial draws groups that lack a seed or an epoch")
}

fn files_of(figure: &DrawnFigure, folder: &Path, formats: &[Picture]) -> Result<Vec<OutputFile>, Failure> {
    let path = |ending: &str| folder.join(format!("{}.{ending}", figure.named.name));
    let mut files = vec![(path("csv"), OutputKind::TEXT, figure.named.csv.clone().into_bytes())];
    if formats.contains(&Picture::Svg) {
        files.push((path("svg"), OutputKind::PICTURE, figure.named.svg.clone().into_bytes()));
    }
    if formats.contains(&Picture::Pdf) {
        files.push((path("pdf"), OutputKind::PICTURE, figure.pdf()?));
    }
    if formats.contains(&Picture::Png) {
        files.push((path("png"), OutputKind::PICTURE, figure.png()?));
    }
    Ok(files)
}
