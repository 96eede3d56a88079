//! `aees report overhead` on real runs.

use crate::program::{DUAL, Scratch};
use serde_json::Value;

#[test]
fn repeats_are_counted_and_the_baseline_is_found() {
    let scratch = Scratch::new();
    for name in ["results/plain", "results/plain_run2"] {
        scratch.train(name, &[]).ok();
    }
    for name in ["results/dual", "results/dual_run2"] {
        scratch.train(name, &DUAL).ok();
    }
    let table = scratch.run(["report", "overhead", "results"]).ok().stdout();
    assert!(table.contains("| Baseline | 2 |") && table.contains("| AEES-Dual | 2 |"), "{table}");
    let rows = scratch.run(["report", "overhead", "results", "--format", "json"]).ok().stdout();
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let dual = rows["rows"].as_array().unwrap().iter().find(|row| row["config"] == "aees_both_none").unwrap().clone();
    let (low, high) = (dual["overhead_ci95"][0].as_f64().unwrap(), dual["overhead_ci95"][1].as_f64().unwrap());
    let percent = dual["overhead_percent"].as_f64().unwrap();
    assert!(low <= percent && percent <= high, "{low} {percent} {high}");
    let csv = scratch.run(["report", "overhead", "results", "--format", "csv"]).ok().stdout();
    assert_eq!(csv.lines().count(), 3);
}
