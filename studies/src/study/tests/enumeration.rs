//! How many combinations there are, and in which order.

use super::super::{Overrides, Settings, Study, check_size};
use super::{CIFAR, COMMAND, Folder, errors, expand, fixture, labels};

#[test]
fn five_experiments_of_the_paper_runner_have_their_2640_rows() {
    // 1.1.1 of the specification of sweeps.
    let expected = [("e1", 600), ("e2_offline", 1080), ("e2_online", 600), ("e2b", 240), ("e4", 120)];
    let mut total = 0;
    for (name, rows) in expected {
        let study = Study::read(&fixture(&format!("{name}.yaml"))).unwrap();
        let expansion = study.expand(&Overrides::default()).unwrap();
        assert_eq!((expansion.runs(), expansion.duplicates), (rows, 0), "{name}");
        assert_eq!(study.name, name);
        total += expansion.runs();
    }
    assert_eq!(total, 2640);
}

#[test]
fn a_grid_of_two_by_a_zip_of_two_by_three_in_cases_with_one_exclude_is_ten() {
    let text = format!(
        "{COMMAND}sweep: {{a: [1, 2]}}\nzip: [{{b: [1, 2], c: [3, 4]}}]\n\
         cases: [{{name: x, sweep: {{d: [1, 2]}}}}, {{name: y}}]\nexclude: [{{a: 1, d: 2}}]\n"
    );
    let expansion = expand(&text).unwrap();
    assert_eq!((expansion.settings.len(), expansion.excluded), (10, 2));
    assert_eq!(
        labels(&expansion)[..3],
        ["case=x a=1 b=1 c=3 d=1", "case=y a=1 b=1 c=3", "case=x a=1 b=2 c=4 d=1"],
        "the last axis is the fastest, and cases come last"
    );
}

#[test]
fn orders_are_as_documented() {
    let study = |order: &str| format!("{COMMAND}compat: {{order: {order}}}\nsweep: {{b: [1, 2], a: [3, 4]}}\n");
    let order = |order| labels(&expand(&study(order)).unwrap()).join("; ");
    assert_eq!(order("file"), "b=1 a=3; b=1 a=4; b=2 a=3; b=2 a=4");
    assert_eq!(order("sorted"), "a=3 b=1; a=3 b=2; a=4 b=1; a=4 b=2");
    assert_eq!(order("first-fastest"), "b=1 a=3; b=2 a=3; b=1 a=4; b=2 a=4");
}

#[test]
fn runs_are_numbered_with_the_seeds_fastest() {
    let expansion = expand(&format!("{COMMAND}sweep: {{a: [1, 2]}}\nseeds: \"3,7-8\"\n")).unwrap();
    let runs: Vec<_> = expansion
        .settings
        .iter()
        .flat_map(|setting| setting.seeds.iter().map(|slot| (slot.index, setting.index, slot.seed)))
        .collect();
    assert_eq!(runs, [(0, 0, 3), (1, 0, 7), (2, 0, 8), (3, 1, 3), (4, 1, 7), (5, 1, 8)]);
}

#[test]
fn configurations_are_the_slowest_axis() {
    let folder = super::Folder::new().with("a.yaml", "x: 1\n").with("b.yaml", "x: 2\n");
    let text = format!("{COMMAND}configs: [a.yaml, b.yaml]\nset: {{z: 0}}\nsweep: {{y: [1, 2]}}\n");
    let expansion = folder.read(&text).unwrap().expand(&Overrides::default()).unwrap();
    let expected = ["configs=a.yaml y=1", "configs=a.yaml y=2", "configs=b.yaml y=1", "configs=b.yaml y=2"];
    assert_eq!(labels(&expansion), expected);
    assert_eq!(expansion.settings[3].settings.get("x"), Some(2.into()));
}

#[test]
fn ranges_and_spacings() {
    let values = |form: &str| -> String {
        let expansion = expand(&format!("{COMMAND}sweep: {{a: {form}}}\n")).unwrap();
        labels(&expansion).join(" ").replace("a=", "")
    };
    assert_eq!(values("{range: {from: 1, to: 7, step: 3}}"), "1 4 7");
    assert_eq!(values("{range: {from: 0.1, to: 0.5, step: 0.1}}"), "0.1 0.2 0.3 0.4 0.5");
    assert_eq!(values("{range: {from: 3, to: 1, step: -1}}"), "3 2 1");
    assert_eq!(values("{linspace: {from: 0, to: 1, n: 3}}"), "0.0 0.5 1.0");
    assert_eq!(values("{linspace: {from: 10, to: 30, n: 3}}"), "10 20 30");
    assert_eq!(values("{logspace: {from: 1e-6, to: 1e-2, n: 5}}"), "1e-6 0.00001 0.0001 0.001 0.01");
    assert_eq!(values("{choice: [[1, 2], {b: 3}]}"), "1,2 {\"b\":3}");
}

#[test]
fn lists_of_lists_are_candidates_that_are_lists() {
    let expansion =
        expand(&format!("{CIFAR}sweep: {{lr_candidates: [[0.5, 1, 2], [1]], noise_candidates: [[0], [0, 0.01]]}}\n"));
    let expansion = expansion.unwrap();
    assert_eq!(labels(&expansion)[1], "lr_candidates=0.5,1.0,2.0 noise_candidates=0.0,0.01");
    assert_eq!(expansion.settings.len(), 4);
}

#[test]
fn equal_combinations_are_one_setting_and_reported() {
    let expansion = expand(&format!("{CIFAR}sweep: {{lr: [1e-3, 0.0010], epochs: [1, 2]}}\n")).unwrap();
    assert_eq!(labels(&expansion), ["lr=0.001 epochs=1", "lr=0.001 epochs=2"]);
    assert_eq!((expansion.duplicates, expansion.became), (2, [0, 1, 0, 1].map(Some).to_vec()));
}

#[test]
fn trials_do_not_depend_on_how_many_are_drawn() {
    let study = |n: u32, axes: &str| {
        format!(
            "{CIFAR}search: {{method: random, n: {n}, seed: 7}}\nsweep: {{lr: {{loguniform: {{from: 1e-4, to: 1e-1}}}}, \
             epochs: {{randint: {{from: 1, to: 9}}}}, momentum: {{uniform: {{from: 0, to: 1}}}}, batch_size: [32, 64]{axes}}}\n"
        )
    };
    let few = labels(&expand(&study(20, "")).unwrap());
    let many = labels(&expand(&study(200, "")).unwrap());
    assert_eq!(few, many[..20]);
    let more_axes = labels(&expand(&study(20, ", weight_decay: {uniform: {from: 0, to: 1}}")).unwrap());
    assert!(
        few.iter().zip(&more_axes).all(|(few, more)| more.starts_with(few.as_str())),
        "an axis more shifts nothing"
    );
    // Draws of one seed are stable across versions: identities hang on them.
    assert_eq!(few[0], "lr=0.000236581419281 epochs=4 momentum=0.421719627557 batch_size=32");
}

#[test]
fn random_draws_fill_their_ranges() {
    let text = format!(
        "{CIFAR}search: {{method: random, n: 2000, seed: 1}}\nsweep: {{epochs: {{randint: {{from: 1, to: 4}}}}, \
         momentum: {{uniform: {{from: 0, to: 1}}}}, reward_clip_max: {{normal: {{mean: 5, std: 0.5}}}}}}\n"
    );
    let expansion = expand(&text).unwrap();
    let column = |key: &str| -> Vec<f64> {
        expansion.settings.iter().map(|setting| setting.settings.get(key).unwrap().as_f64().unwrap()).collect()
    };
    for epochs in 1..=4 {
        let share = column("epochs").iter().filter(|value| **value == f64::from(epochs)).count() as f64 / 2000.0;
        // Four standard deviations of a share of 1/4 in 2000.
        assert!((share - 0.25).abs() < 0.039, "{epochs}: {share}");
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean(&column("momentum")) - 0.5).abs() < 0.026);
    let normal = column("reward_clip_max");
    let variance = mean(&normal.iter().map(|value| (value - 5.0).powi(2)).collect::<Vec<_>>());
    assert!((mean(&normal) - 5.0).abs() < 0.045 && (variance - 0.25).abs() < 0.035, "{variance}");
}

#[test]
fn a_million_combinations_are_refused_before_they_are_built() {
    let axis = "{range: {from: 1, to: 1000, step: 1}}";
    let text = format!("{COMMAND}sweep: {{a: {axis}, b: {axis}, c: {axis}}}\n");
    assert_eq!(
        errors(&text),
        ["study.yaml:2:7: the study has 1000000000 combinations; no more than 1000000 can be planned"]
    );
}

#[test]
fn more_than_ten_thousand_runs_need_a_yes() {
    let text = |seeds| format!("{COMMAND}sweep: {{a: {{range: {{from: 1, to: 100, step: 1}}}}}}\nseeds: {seeds}\n");
    check_size(expand(&text(100)).unwrap().runs(), false).unwrap();
    let large = expand(&text(101)).unwrap();
    assert_eq!(check_size(large.runs(), false).unwrap_err().0[0].to_string(), "10100 runs are more than 10000");
    check_size(large.runs(), true).unwrap();
}

#[test]
fn a_study_without_axes_is_one_setting() {
    let expansion = expand(CIFAR).unwrap();
    assert_eq!(labels(&expansion), ["the only one"]);
    assert_eq!(expansion.runs(), 1);
    assert!(matches!(expansion.settings[0].settings, Settings::Train(_)));
}

#[test]
fn sobol_points_fill_every_axis_and_keep_when_there_are_more() {
    let study = |n: u64| {
        format!(
            "{CIFAR}search: {{method: sobol, n: {n}, seed: 3}}\nsweep: {{momentum: {{uniform: {{from: 0, to: 1}}}}, \
             lr: {{loguniform: {{from: 1e-4, to: 1}}}}, reward_clip_max: {{normal: {{mean: 5, std: 0.5}}}}, batch_size: [16, 32, 64, 128]}}\n"
        )
    };
    let few = labels(&expand(&study(64)).unwrap());
    assert_eq!(few, labels(&expand(&study(128)).unwrap())[..64]);
    let expansion = expand(&study(64)).unwrap();
    let column = |key: &str| -> Vec<f64> {
        expansion.settings.iter().map(|setting| setting.settings.get(key).unwrap().as_f64().unwrap()).collect()
    };
    for size in [16.0, 32.0, 64.0, 128.0] {
        assert_eq!(column("batch_size").iter().filter(|value| **value == size).count(), 16, "each has its share");
    }
    for sixteenth in 0..16 {
        let in_it = |value: &&f64| (**value * 16.0) as i32 == sixteenth;
        assert_eq!(column("momentum").iter().filter(in_it).count(), 4);
        let in_it = |value: &&f64| ((value.log10() + 4.0) * 4.0) as i32 == sixteenth;
        assert_eq!(column("lr").iter().filter(in_it).count(), 4);
    }
    let normal = column("reward_clip_max");
    assert_eq!(normal.iter().filter(|value| **value < 5.0).count(), 32, "half lies below the mean");
}

/// Points of a study's trials go on as they were, with cases and configurations among what is chosen.
#[test]
fn trials_of_a_search_that_learns_follow_from_its_results() {
    let text = format!(
        "{COMMAND}metric: {{name: loss, goal: min}}\nsearch: {{method: tpe, n: 50, first: 8, round: 5, seed: 1}}\n\
         sweep: {{x: {{uniform: {{from: -1, to: 1}}}}}}\n\
         cases: [{{name: a, sweep: {{y: {{uniform: {{from: 0, to: 1}}}}}}}}, {{name: b, set: {{z: 1}}}}]\n"
    );
    let run = |stop_after: usize| {
        let mut study = Folder::new().read(&text).unwrap();
        while study.learns() && study.chosen().len() < stop_after {
            let expansion = study.expand(&Overrides::default()).unwrap();
            let loss = |became: &Option<usize>| {
                let settings = &expansion.settings[became.unwrap()].settings;
                let x = settings.get("x").unwrap().as_f64().unwrap();
                (x - 0.5).powi(2) + settings.get("y").map_or(0.0, |y| 1.0 + y.as_f64().unwrap())
            };
            let losses: Vec<f64> = expansion.became.iter().map(loss).collect();
            study.choose(&losses);
        }
        study
    };
    let whole = run(usize::MAX);
    assert_eq!(whole.chosen().len(), 50);
    assert_eq!(
        run(20).chosen(),
        &whole.chosen()[..run(20).chosen().len()],
        "a search that stops has the first of them"
    );
    let expansion = whole.expand(&Overrides::default()).unwrap();
    let last = &expansion.settings[expansion.settings.len() - 20..];
    let in_b = last.iter().filter(|setting| setting.case == ["b"]).count();
    assert!(in_b >= 15, "it found the better case: {in_b} of 20");
}
