//! `aees report figures`: writes the pictures and their data, and prints the paths.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::artifact::{FileError, write_atomically};
use clap::ArgMatches;

use super::read;
use crate::failure::Failure;
use crate::stdout;
use aees_report::figures::{COLUMN_MM, Drawn, DrawnFigure, FigureKind, FigureOptions, PAGE_MM, Theme, draw};

/// Narrower, and a figure has no room for its text; wider, and no paper holds it.
const WIDTHS_MM: std::ops::RangeInclusive<f64> = 60.0..=400.0;

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let options = options(arguments)?;
    let found = read(arguments)?;
    let drawn = draw(&found.runs, &options);
    tell(&drawn, &options);
    if drawn.figures.is_empty() {
        return Err(nothing(&drawn, &options));
    }
    let Some(folder) = arguments.get_one::<PathBuf>("out") else { return Ok(ExitCode::SUCCESS) };
    fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
    let formats: Vec<&str> = arguments.get_many::<String>("format").unwrap_or_default().map(String::as_str).collect();
    for figure in &drawn.figures {
        save(figure, folder, &formats)?;
    }
    let missing = !options.kinds.is_empty() && !drawn.without_data.is_empty();
    if missing { Err(nothing(&drawn, &options)) } else { Ok(ExitCode::SUCCESS) }
}

fn options(arguments: &ArgMatches) -> Result<FigureOptions, Failure> {
    let named =
        |kind: &FigureKind| arguments.get_many::<String>("figure").unwrap_or_default().any(|name| name == kind.name());
    let texts = |flag: &str| arguments.get_many::<String>(flag).unwrap_or_default().cloned().collect();
    let dark = arguments.get_one::<String>("theme").is_some_and(|theme| theme == "dark");
    Ok(FigureOptions {
        kinds: FigureKind::ALL.into_iter().filter(named).collect(),
        width_mm: width(arguments.get_one::<String>("width").map_or("column", String::as_str))?,
        theme: if dark { Theme::Dark } else { Theme::Light },
        smooth: arguments.get_one::<u16>("smooth").map(|epochs| usize::from(*epochs)),
        group_by: texts("group-by"),
        allow_partial: arguments.get_flag("allow-partial"),
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
        Failure::new(format!("--width {text}: no width for a figure"), Some(help.into()))
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
    let help = match drawn.incomplete.is_empty() || options.allow_partial {
        true => None,
        false => Some("--allow-partial draws groups that lack a seed or an epoch".into()),
    };
    Failure::new(format!("no data for {}", reasons.join("; ")), help)
}

fn save(figure: &DrawnFigure, folder: &Path, formats: &[&str]) -> Result<(), Failure> {
    let path = |ending: &str| folder.join(format!("{}.{ending}", figure.named.name));
    write(&path("csv"), figure.named.csv.as_bytes())?;
    if formats.contains(&"svg") {
        write(&path("svg"), figure.named.svg.as_bytes())?;
    }
    if formats.contains(&"png") {
        write(&path("png"), &figure.png()?)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_atomically(path, |out| out.write_all(bytes))?;
    stdout::line(path.display());
    Ok(())
}
