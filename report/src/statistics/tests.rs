//! Against NumPy and SciPy: `report/tests/fixtures/tables/make_statistics.py`.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use aees_control::rng::NumpyGenerator;
use serde_json::Value;

use super::*;

fn goldens() -> Vec<(String, Value)> {
    let text = include_str!("../../tests/fixtures/tables/statistics.json");
    let document: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    document.into_iter().filter(|(_, golden)| golden.get("first").is_some()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(name: &str, ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-6), "{name}: {ours} is not {theirs}");
}

#[test]
fn every_number_of_a_comparison_is_scipys() {
    for (name, golden) in goldens() {
        let ours = compare(&numbers(&golden["first"]), &numbers(&golden["second"])).unwrap();
        close(&name, ours.summary.mean, &golden["mean"]);
        close(&name, ours.summary.sd.unwrap(), &golden["sd"]);
        close(&name, ours.bootstrap.unwrap().low, &golden["bootstrap"][0]);
        close(&name, ours.bootstrap.unwrap().high, &golden["bootstrap"][1]);
        close(&name, ours.student.unwrap().low, &golden["student"][0]);
        close(&name, ours.student.unwrap().high, &golden["student"][1]);
        close(&name, ours.t_test.unwrap().t, &golden["t"]);
        close(&name, ours.t_test.unwrap().p, &golden["p"]);
        close(&name, ours.signed_rank.unwrap().statistic, &golden["signed_rank"][0]);
        close(&name, ours.signed_rank.unwrap().p, &golden["signed_rank"][1]);
    }
}

#[test]
fn power_is_scipys_noncentral_t() {
    let text = include_str!("../../tests/fixtures/tables/statistics.json");
    let document: Value = serde_json::from_str(text).unwrap();
    for golden in document["power"].as_array().unwrap() {
        let (effect, pairs) = (golden[0].as_f64().unwrap(), golden[1].as_u64().unwrap());
        let ours = power_of_paired_t(effect, usize::try_from(pairs).unwrap());
        let theirs = golden[2].as_f64().unwrap();
        assert!((ours - theirs).abs() < 1e-6, "{effect}, {pairs} pairs: {ours} is not {theirs}");
    }
    for golden in document["seeds_needed"].as_array().unwrap() {
        let seeds = seeds_needed(golden[0].as_f64().unwrap()).unwrap();
        assert_eq!(Some(seeds as u64), golden[1].as_u64(), "{golden}");
    }
    assert_eq!((seeds_needed(0.0), power_of_paired_t(1.0, 1)), (None, 0.0));
}

#[test]
fn the_bootstrap_draws_numpys_indices() {
    for (name, golden) in goldens() {
        let n = numbers(&golden["first"]).len();
        let mut generator = NumpyGenerator::new(0);
        let draws: Vec<u64> = (0..10_000 * n).map(|_| generator.integers(n as u64)).collect();
        let first: Vec<f64> = draws[..40].iter().map(|draw| *draw as f64).collect();
        assert_eq!(first, numbers(&golden["first_draws"]), "{name}");
        assert_eq!(draws.iter().sum::<u64>(), golden["sum_of_draws"].as_u64().unwrap(), "{name}");
    }
}

#[test]
fn the_references_example_to_the_printed_digit() {
    let aees = [0.6091, 0.6117, 0.6173, 0.6258, 0.6205];
    let fixed = [0.5892, 0.5833, 0.5804, 0.5819, 0.5875];
    let ours = compare(&aees, &fixed).unwrap();
    let percent = |value: f64| format!("{:.2}", value * 100.0);
    assert_eq!(percent(ours.summary.mean), "3.24");
    assert_eq!([percent(ours.bootstrap.unwrap().low), percent(ours.bootstrap.unwrap().high)], ["2.50", "3.94"]);
    let test = ours.t_test.unwrap();
    assert_eq!((format!("{:.3}", test.t), test.degrees, format!("{:.3}", test.p)), ("8.041".into(), 4, "0.001".into()));
    assert_eq!(ours.wins, Wins { wins: 5, ties: 0, losses: 0 });
    // The smallest p that five pairs can have.
    assert_eq!(ours.signed_rank.unwrap().p, 0.0625);
    assert_eq!(format!("{:.3}", ours.d_z.unwrap()), "3.596");
}

#[test]
fn percentiles_interpolate_between_neighbours() {
    let sorted = [1.0, 2.0, 4.0, 8.0];
    assert_eq!(percentile(&sorted, 0.0), Some(1.0));
    assert_eq!(percentile(&sorted, 50.0), Some(3.0));
    // NumPy says 6.800000000000001 as well.
    assert_eq!(percentile(&sorted, 90.0), Some(6.800_000_000_000_001));
    assert_eq!(percentile(&sorted, 100.0), Some(8.0));
    assert_eq!(percentile(&[], 50.0), None);
    assert_eq!(percentile(&[5.0], 97.5), Some(5.0));
}

#[test]
fn holm_multiplies_by_what_is_left_and_never_falls() {
    // R: p.adjust(c(.01, .04, .03, .005), "holm") = .03 .06 .06 .02
    let corrected = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
    let rounded: Vec<Option<f64>> = corrected.iter().map(|p| p.map(|p| (p * 1e12).round() / 1e12)).collect();
    assert_eq!(rounded, [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)]);
    assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
}

#[test]
fn hedges_correction_is_the_gamma_formula() {
    // m = 4: Gamma(2) / (sqrt(2) Gamma(1.5)) = 1 / (sqrt(2) * sqrt(pi) / 2).
    let expected = 2.0 / (2.0 * std::f64::consts::PI).sqrt();
    assert!((hedges_correction(4).unwrap() - expected).abs() < 1e-14);
    assert_eq!(hedges_correction(1), None);
}

#[test]
fn one_number_has_a_mean_and_no_spread() {
    assert_eq!(MeanSd::of(&[0.5]), Some(MeanSd { n: 1, mean: 0.5, sd: None }));
    assert_eq!(MeanSd::of(&[]), None);
    assert_eq!(t_interval(&[0.5], 0.95), None);
    assert_eq!((bootstrap_interval(&[]), bootstrap_interval(&[0.5])), (None, None));
    let one_pair = compare(&[0.7], &[0.5]).unwrap();
    assert_eq!((one_pair.bootstrap, one_pair.student, one_pair.t_test), (None, None, None));
    assert_eq!(compare(&[1.0], &[]), None);
}

#[test]
fn equal_samples_are_no_test_and_no_panic() {
    let ours = compare(&[0.5, 0.5, 0.5], &[0.5, 0.5, 0.5]).unwrap();
    assert_eq!((ours.t_test, ours.signed_rank, ours.d_z), (None, None, None));
    assert_eq!(ours.summary.sd, Some(0.0));
    assert_eq!(ours.wins, Wins { wins: 0, ties: 3, losses: 0 });
    // The same difference three times, but for the last bits.
    let ours = compare(&[0.64, 0.651, 0.6625], &[0.6, 0.611, 0.6225]).unwrap();
    assert!(ours.summary.sd.unwrap() > 0.0);
    assert_eq!((ours.t_test, ours.d_z, ours.seeds_needed), (None, None, None));
}

#[test]
fn the_interval_is_students_and_not_the_normals() {
    // R: t.test(c(1, 2, 3, 4, 5)): mean 3, 95 % interval 1.036757 to 4.963243.
    let summary = MeanSd::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let ends = summary.t_interval(LEVEL).unwrap();
    assert!((ends.low - 1.036_757).abs() < 1e-6 && (ends.high - 4.963_243).abs() < 1e-6, "{ends:?}");
    assert!((summary.sd.unwrap() - 2.5_f64.sqrt()).abs() < 1e-12);
    assert_eq!(MeanSd::of(&[0.7]).unwrap().t_interval(LEVEL), None);
    assert_eq!(MeanSd::of(&[]), None);
    assert_eq!(t_quantile(LEVEL, 0.0), f64::INFINITY);
}

/// `scipy.stats.binom.ppf(0.025, n, 0.5)` is 1, 2, 40 and 86 for these n.
#[test]
fn the_interval_of_a_median_is_between_the_right_order_statistics() {
    let numbers = |n: u32| (1..=n).rev().map(f64::from).collect::<Vec<_>>();
    for (n, low, high) in [(6, 1.0, 6.0), (10, 2.0, 9.0), (100, 40.0, 61.0), (200, 86.0, 115.0)] {
        assert_eq!(median_interval(&numbers(n), LEVEL), Some(Interval { low, high }), "{n}");
    }
    for n in 0..6 {
        assert_eq!(median_interval(&numbers(n), LEVEL), None, "{n}");
    }
}
