//! `aees sweep status`: studies from far away. Counts, what runs now, how fast it goes, what failed, and why nothing runs.

mod board;
mod watch;

use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use self::board::Board;
use super::registry::Place;
use super::table::colours;
use crate::failure::Failure;
use crate::stdout;
use aees_studies::registry::Reader;

/// Shows how studies stand, once or until they are over.
pub(crate) fn status(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let reader = Place::of(arguments).reader()?;
    let names: Vec<&str> = arguments.get_many::<String>("study").into_iter().flatten().map(String::as_str).collect();
    if arguments.get_flag("watch") {
        return watch::watch(&reader, &names, arguments.get_one::<f64>("every").copied());
    }
    let boards = boards(&reader, &names)?;
    if arguments.get_flag("json") {
        let studies: Vec<Value> = boards.iter().map(Board::to_json).collect();
        stdout::line(json!({"now": reader.now(), "studies": studies}));
    } else if boards.is_empty() {
        eprintln!("there is no study yet");
    } else {
        stdout::line(text(&boards, colours(), usize::MAX));
    }
    Ok(ExitCode::SUCCESS)
}

fn boards(reader: &Reader, names: &[&str]) -> Result<Vec<Board>, Failure> {
    reader.status(names)?.into_iter().map(|status| Board::of(reader, status)).collect()
}

/// The boards as text, with at most so many running runs each.
fn text(boards: &[Board], colours: bool, most: usize) -> String {
    boards.iter().flat_map(|board| board.lines(colours, most)).collect::<Vec<_>>().join("\n")
}
