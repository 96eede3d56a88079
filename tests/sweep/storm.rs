//! kill -9 at random moments: every run ends with exactly one result. The full storm is `benches/storm.rs`.

#[path = "../../benches/storm/mod.rs"]
mod bench;

use crate::program::Scratch;

#[test]
fn a_storm_of_kills_loses_nothing_and_runs_nothing_twice() {
    let scratch = Scratch::new();
    let outcome = bench::Storm {
        program: env!("CARGO_BIN_EXE_aees").into(),
        folder: scratch.path(""),
        runs: 200,
        jobs: 8,
        kills: 12,
        seed: 7,
    }
    .run();
    assert_eq!(outcome.done, 200, "{outcome:?}");
    assert_eq!(outcome.changed_results, 0, "{outcome:?}");
    assert_eq!(outcome.accepted_twice, 0, "{outcome:?}");
    assert!(outcome.intact, "{outcome:?}");
    assert!(outcome.kills >= 12, "{outcome:?}");
}
