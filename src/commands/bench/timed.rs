//! Short work for a clock: it is repeated until a repetition is long enough to be timed, and several repetitions are taken.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::figures::{Seconds, duration};
use super::peer::{Peer, PeerAnswer};
use crate::failure::Failure;
use crate::stdout;
use crate::table::{Grid, GridCell, Side};

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
    peer: Option<&Peer>,
    words: &[String],
    as_json: bool,
) -> Result<(), Failure> {
    let answer = peer.map(|peer| peer.ask(words, None)).transpose()?;
    let theirs = |name: &str| -> Result<Option<f64>, Failure> {
        answer.as_ref().map_or(Ok(None), |answer: &PeerAnswer| answer.row(name))
    };
    if as_json {
        let row = |row: &Timed| {
            let (median, [low, high]) = (row.seconds.median(), row.seconds.range());
            let theirs = theirs(&row.name)?;
            let n = row.seconds.0.len();
            Ok(json!({
                "name": row.name, "median_s": median, "min_s": low, "max_s": high, "n": n, "peer_median_s": theirs,
                "ratio": theirs.map(|theirs| theirs / median),
            }))
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, Failure>>()?;
        let mut document = about.as_object().cloned().unwrap_or_else(Map::new);
        document.insert("rows".into(), rows.into());
        document.insert("peer".into(), answer.map_or(Value::Null, |answer| answer.about()));
        stdout::line(Value::Object(document));
        return Ok(());
    }
    let mut table = Grid::new([
        ("", Side::Left),
        ("median", Side::Right),
        ("range", Side::Left),
        ("peer", Side::Right),
        ("ratio", Side::Right),
    ]);
    for row in rows {
        let [low, high] = row.seconds.range();
        let theirs = theirs(&row.name)?;
        let ratio = theirs.map(|theirs| format!("{:.1}", theirs / row.seconds.median()));
        table.row(vec![
            row.name.clone().into(),
            duration(row.seconds.median()).into(),
            format!("{} to {}", duration(low), duration(high)).into(),
            theirs.map(duration).unwrap_or_default().into(),
            GridCell::from(ratio.unwrap_or_default()),
        ]);
    }
    table.print();
    Ok(())
}
