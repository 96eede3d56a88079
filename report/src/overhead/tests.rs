//! The protocol on made-up times; the reference's published numbers come out of times that have its means.

use serde_json::json;

use super::*;
use crate::fixtures::{record, with};
use crate::record::Control;

/// A repeat whose first epoch is slow.
fn repeat(control: Control, axes: (usize, usize), scheduler: &str, seconds: f64) -> RunRecord {
    let mut run = record("cifar100", 0);
    run.control = control;
    run.lr_candidates = vec![1.0; axes.0];
    run.noise_candidates = vec![0.0; axes.1];
    run.scheduler = scheduler.into();
    run.epoch_seconds = vec![100.0, seconds - 0.5, seconds + 0.5];
    run
}

fn repeats(control: Control, axes: (usize, usize), scheduler: &str, seconds: &[f64]) -> Vec<RunRecord> {
    seconds.iter().map(|seconds| repeat(control, axes, scheduler, *seconds)).collect()
}

#[test]
fn the_first_epoch_does_not_count_and_repeats_of_one_seed_do() {
    let runs = repeats(Control::Baseline, (1, 1), "none", &[4.56, 4.58, 4.60]);
    let rows = rows(&runs);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].seconds_per_epoch.n, 3);
    assert!((rows[0].seconds_per_epoch.mean - 4.58).abs() < 1e-12);
    assert!((rows[0].seconds_per_epoch.sd.unwrap() - 0.02).abs() < 1e-12);
    assert_eq!(rows[0].overhead, Some(Overhead { percent: 0.0, interval: None }));
}

#[test]
fn the_references_row_of_cifar_adamw_comes_out() {
    // Baseline 4.58 s; overheads +0.5, +15.5, +17.3, +18.3 %.
    // Repeats never take the same time; these have the published means.
    let of = |percent: f64| [-0.01, 0.0, 0.01].map(|by| 4.58 * (1.0 + percent / 100.0) + by);
    let mut runs = repeats(Control::Baseline, (1, 1), "none", &[4.57, 4.58, 4.59]);
    runs.extend(repeats(Control::Baseline, (1, 1), "cosine", &of(0.5)));
    runs.extend(repeats(Control::Adaptive, (3, 1), "none", &of(15.5)));
    runs.extend(repeats(Control::Adaptive, (1, 3), "none", &of(17.3)));
    runs.extend(repeats(Control::Adaptive, (3, 3), "none", &of(18.3)));
    let rows = rows(&runs);
    let found: Vec<(String, String)> =
        rows.iter().map(|row| (row.word.clone(), format!("{:+.1}", row.overhead.unwrap().percent))).collect();
    let expected = [
        ("baseline_none", "+0.0"),
        ("baseline_cosine", "+0.5"),
        ("aees_lr_only_none", "+15.5"),
        ("aees_noise_only_none", "+17.3"),
        ("aees_both_none", "+18.3"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(word, percent)| (word.into(), percent.into())).into();
    assert_eq!(found, expected);
}

#[test]
fn the_interval_is_welchs_of_the_log_ratio() {
    let mut runs = repeats(Control::Baseline, (1, 1), "none", &[10.0, 10.2, 9.8]);
    runs.extend(repeats(Control::Adaptive, (3, 1), "none", &[11.0, 11.1, 10.9]));
    let rows = rows(&runs);
    let overhead = rows[1].overhead.unwrap();
    assert!((overhead.percent - 10.0).abs() < 1e-9);
    // By hand: relative SDs 0.02 and 0.1/11, variance 1.6088e-4, SE 0.012684, df 2.7914, t 3.3222.
    let (low, high) = overhead.interval.unwrap();
    assert!((low - 5.46).abs() < 0.05 && (high - 14.73).abs() < 0.05, "[{low}, {high}]");
}

#[test]
fn other_work_is_not_compared() {
    let mut runs = repeats(Control::Baseline, (1, 1), "none", &[10.0]);
    runs.push(with(repeat(Control::Adaptive, (3, 1), "none", 20.0), json!({"batch_size": 64})));
    let rows = rows(&runs);
    assert_eq!(rows.len(), 2);
    let aees = rows.iter().find(|row| row.word == "aees_lr_only_none").unwrap();
    assert_eq!(aees.overhead, None);
    assert_eq!(aees.work, "batch_size=64");
    assert!(markdown(&rows).contains("| batch_size=64 |"), "{}", markdown(&rows));
}

#[test]
fn a_run_of_one_epoch_is_marked_and_a_run_without_times_is_left_out() {
    let mut short = repeat(Control::Baseline, (1, 1), "none", 5.0);
    short.epoch_seconds = vec![7.0];
    let mut empty = short.clone();
    empty.epoch_seconds.clear();
    let rows = rows(&[short, empty]);
    assert_eq!((rows[0].seconds_per_epoch.n, rows[0].seconds_per_epoch.mean, rows[0].unsteady), (1, 7.0, 1));
    assert!(markdown(&rows).contains("7.00 * | baseline"), "{}", markdown(&rows));
}

#[test]
fn the_csv_has_the_references_columns() {
    let table = csv(&rows(&repeats(Control::Baseline, (1, 1), "none", &[4.0, 4.5])));
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("task,optimizer,config,label,n,wall_minutes_mean,wall_minutes_std,sec_per_epoch_mean")
    );
    assert!(lines[1].starts_with("cifar100,AdamW,baseline_none,Baseline,2,"), "{table}");
    assert!(lines[1].ends_with(",3,300,cifar100_seed0.json;cifar100_seed0.json"), "{table}");
    assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
}
