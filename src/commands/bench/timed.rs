//! Short work for a clock: it is repeated until a repetition is long enough to be timed, and several repetitions are taken.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::figures::{Seconds, duration};
use super::peer::Peer;
use crate::failure::Failure;
use crate::stdout;
use crate::table::Grid;

/// Repetitions of each work; of long work 3.
const REPEATS: usize = 15;

/// Work that takes so long is long, in seconds.
const LONG: f64 = 0.3;

/// A repetition takes at least this long, in seconds.
const LONG_ENOUGH: f64 = 2e-3;

/// Something that was timed.
pub(super) struct Timed {
    pub(super) name: String,
    /// Seconds of once, in each repetition.
    seconds: Seconds,
}

impl Timed {
    /// Does it, again and again.
    pub(super) fn take<E>(name: impl Into<String>, mut work: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        let mut times_in_one = 1_u32;
        let mut lap = |times: u32| {
            let start = Instant::now();
            (0..times).try_for_each(|_| work()).map(|()| start.elapsed().as_secs_f64())
        };
        // Doubling warms caches and clocks up, too.
        let mut last = lap(times_in_one)?;
        while last < LONG_ENOUGH && times_in_one < 1 << 24 {
            times_in_one *= 2;
            last = lap(times_in_one)?;
        }
        let repeats = if last > LONG { 3 } else { REPEATS };
        let seconds = (0..repeats).map(|_| Ok(lap(times_in_one)? / f64::from(times_in_one)));
        Ok(Self { name: name.into(), seconds: Seconds(seconds.collect::<Result<_, E>>()?) })
    }
}

/// Tells what was timed, beside what a peer says of the same names.
pub(super) fn tell(
    about: Value,
    rows: &[Timed],
    peer: Option<PathBuf>,
    words: &[String],
    as_json: bool,
) -> Result<(), Failure> {
    let answer = peer.map(|python| Peer { python, script: None }.ask(words, None)).transpose()?;
    let theirs = |row: &Timed| answer.as_ref().map_or(Ok(None), |answer| answer.row(&row.name));
    let rows: Vec<(&Timed, Option<f64>)> =
        rows.iter().map(|row| Ok((row, theirs(row)?))).collect::<Result<_, Failure>>()?;
    if as_json {
        let row = |(row, theirs): &(&Timed, Option<f64>)| {
            let (median, [low, high]) = (row.seconds.median(), row.seconds.range());
            json!({
                "name": row.name, "median_s": median, "min_s": low, "max_s": high, "n": row.seconds.0.len(),
                "peer_median_s": theirs, "ratio": theirs.map(|theirs| theirs / median),
            })
        };
        let rows: Value = rows.iter().map(row).collect();
        let mut document = about.as_object().cloned().unwrap_or_else(Map::new);
        document.insert("rows".into(), rows);
        document.insert("peer".into(), answer.map_or(Value::Null, |answer| answer.about()));
        stdout::line(Value::Object(document));
        return Ok(());
    }
    let range = |[low, high]: [f64; 2]| format!("{} to {}", duration(low), duration(high));
    Grid::of(&rows)
        .text("", |(row, _)| &row.name)
        .number("median", |(row, _)| duration(row.seconds.median()))
        .text("range", |(row, _)| range(row.seconds.range()))
        .number("peer", |(_, theirs)| theirs.map(duration).unwrap_or_default())
        .number("ratio", |(row, theirs)| {
            theirs.map(|it| format!("{:.1}", it / row.seconds.median())).unwrap_or_default()
        })
        .print();
    Ok(())
}
