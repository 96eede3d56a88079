//! The grammar of seeds: a number of them, a text such as `0-4,7`, or a list.

use aees_run::settings::Place;

use super::error::{StudyError, StudyProblem};
use super::yaml::{Kind, YamlNode};

/// More seeds than anybody gives to one setting.
const MAX_SEEDS: i64 = 1_000_000;

/// The seeds of a study file: `5` means 0 to 4.
///
/// # Errors
/// Anything but a count, a text in the grammar or a list of whole numbers.
pub(super) fn from_node(node: &YamlNode) -> Result<Vec<i64>, StudyError> {
    let refuse = |text: String, reason: String| StudyError::at(&node.place, StudyProblem::Seeds { text, reason });
    match &node.kind {
        Kind::Scalar { text, plain: true } => match text.parse::<i64>() {
            Ok(count) if (1..=MAX_SEEDS).contains(&count) => Ok((0..count).collect()),
            Ok(_) => Err(refuse(text.clone(), format!("the number of seeds must be from 1 to {MAX_SEEDS}"))),
            Err(_) => parse(text).map_err(|reason| refuse(format!("`{text}`"), reason)),
        },
        Kind::Scalar { text, .. } => parse(text).map_err(|reason| refuse(format!("{text:?}"), reason)),
        Kind::List(items) => {
            let texts = items.iter().map(|item| item.text().filter(|text| text.parse::<i64>().is_ok()));
            let texts: Option<Vec<&str>> = texts.collect();
            let texts = texts.ok_or_else(|| refuse("this".into(), "a list holds whole numbers only".into()))?;
            parse(&texts.join(",")).map_err(|reason| refuse(format!("[{}]", texts.join(", ")), reason))
        }
        Kind::Map(_) => Err(refuse("a map".into(), "it is neither a number, a text nor a list".into())),
    }
}

/// The seeds of the command line: `3` means the seed 3.
///
/// # Errors
/// Text outside the grammar.
pub(super) fn from_text(text: &str) -> Result<Vec<i64>, StudyError> {
    parse(text).map_err(|reason| {
        StudyError::at(&Place::Flag("seeds".into()), StudyProblem::Seeds { text: format!("{text:?}"), reason })
    })
}

fn parse(text: &str) -> Result<Vec<i64>, String> {
    let mut seeds = Vec::new();
    for piece in text.split(',').map(str::trim) {
        let (first, last) = match piece.split_once('-') {
            Some((first, last)) => (seed(first)?, seed(last)?),
            None => (seed(piece)?, seed(piece)?),
        };
        if first > last {
            return Err(format!("{piece} counts down"));
        }
        if last - first >= MAX_SEEDS {
            return Err(format!("{piece} is more than {MAX_SEEDS} seeds"));
        }
        seeds.extend(first..=last);
    }
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("seed {} stands twice", pair[0])),
        None => Ok(seeds),
    }
}

fn seed(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a number is missing".into());
    }
    text.parse().ok().filter(|seed| *seed >= 0).ok_or_else(|| format!("`{text}` is not a whole number from 0 up"))
}
