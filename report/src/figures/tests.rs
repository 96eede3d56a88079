//! Every kind of figure, from synthetic runs: structure, room between texts, data, and what is said about what is missing.

use super::fixtures::{AEES, AEES_COSINE, PLAIN, archive, program, run};
use super::*;
use crate::record::Episodes;

fn drawn(runs: &[RunRecord], kind: FigureKind) -> Vec<NamedFigure> {
    let options = FigureOptions { kinds: vec![kind], ..FigureOptions::default() };
    let drawn = draw(runs, &options);
    assert!(drawn.without_data.is_empty(), "{:?}", drawn.without_data);
    drawn.figures.into_iter().map(|figure| figure.named).collect()
}

/// How many shapes of a class a figure has.
fn count(svg: &str, class: &str) -> usize {
    let document = roxmltree::Document::parse(svg).unwrap();
    document.descendants().filter(|node| node.attribute("class") == Some(class)).count()
}

fn words(svg: &str, class: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let nodes = document.descendants().filter(|node| node.attribute("class") == Some(class));
    nodes.filter_map(|node| node.text()).map(|text| text.replace('\u{a0}', " ")).collect()
}

/// Set `AEES_FIGURES` to a folder to look at every kind of figure.
#[test]
fn every_figure_keeps_its_texts_apart_and_inside() {
    let sets = [("archive", archive()), ("program", program())];
    for (width_mm, theme) in [(COLUMN_MM, Theme::Light), (PAGE_MM, Theme::Dark)] {
        for (set, runs) in &sets {
            let drawn = draw(runs, &FigureOptions { width_mm, theme, ..FigureOptions::default() });
            assert!(drawn.incomplete.is_empty(), "{:?}", drawn.incomplete);
            assert!(!drawn.figures.is_empty());
            for figure in &drawn.figures {
                roxmltree::Document::parse(&figure.named.svg).unwrap();
                assert_apart(figure);
                if let Some(folder) = std::env::var_os("AEES_FIGURES") {
                    let path =
                        std::path::Path::new(&folder).join(format!("{set}-{width_mm}-{}.png", figure.named.name));
                    std::fs::write(&path, figure.png().unwrap()).unwrap();
                    std::fs::write(path.with_extension("svg"), &figure.named.svg).unwrap();
                    std::fs::write(path.with_extension("pdf"), figure.pdf().unwrap()).unwrap();
                }
            }
        }
    }
}

fn assert_apart(figure: &DrawnFigure) {
    let texts = figure.drawing.texts();
    assert!(texts.len() > 6);
    for (index, (text, room)) in texts.iter().enumerate() {
        assert!(text.size >= 7.0, "{}: {} is too small", figure.named.name, text.text);
        let (width, height) = (figure.drawing.width, figure.drawing.height);
        let inside = room.0 >= 0.0 && room.1 >= 0.0 && room.2 <= width && room.3 <= height;
        assert!(inside, "{}: `{}` {room:?} leaves the sheet of {width} by {height}", figure.named.name, text.text);
        for (other, taken) in &texts[index + 1..] {
            let apart = room.2 <= taken.0 || taken.2 <= room.0 || room.3 <= taken.1 || taken.3 <= room.1;
            assert!(apart, "{}: `{}` {room:?} and `{}` {taken:?}", figure.named.name, text.text, other.text);
        }
    }
}

#[test]
fn a_curve_has_a_line_a_band_a_ring_and_a_square_for_each_condition() {
    let figures = drawn(&archive(), FigureKind::Curves);
    assert_eq!(figures.len(), 1);
    let svg = &figures[0].svg;
    assert_eq!([count(svg, "line"), count(svg, "band"), count(svg, "peak"), count(svg, "final")], [12, 12, 12, 12]);
    assert_eq!(words(svg, "axis-title"), ["Epoch", "Accuracy (%)", "Epoch", "Accuracy (%)"]);
    assert!(words(svg, "legend-label").contains(&"AEES-LR (n = 5)".to_owned()), "{:?}", words(svg, "legend-label"));
    assert_eq!(figures[0].csv.lines().count(), 1 + 2 * 6 * 60);
}

#[test]
fn the_ring_is_at_the_mean_of_peaks_and_the_csv_has_every_digit() {
    let mut runs = vec![run(PLAIN, "AdamW", 0, 3), run(PLAIN, "AdamW", 1, 3)];
    runs[0].val_accuracies = vec![0.1, 0.5, 0.3];
    runs[1].val_accuracies = vec![0.2, 0.3, 0.6];
    for run in &mut runs {
        run.best_val_accuracy = run.val_accuracies.iter().copied().fold(0.0, f64::max);
        run.final_val_accuracy = run.val_accuracies.last().copied();
    }
    let csv = &drawn(&runs, FigureKind::Curves)[0].csv;
    let row: Vec<&str> = csv.lines().nth(3).unwrap().split(',').collect();
    let (mean, sd): (f64, f64) = (row[6].parse().unwrap(), row[7].parse().unwrap());
    assert_eq!(&row[..6], ["cifar100", "sym40", "AdamW", "Baseline", "3", "2"]);
    assert!((mean - 0.45).abs() < 1e-12 && (sd - 0.3 / 2f64.sqrt()).abs() < 1e-12, "{csv}");
}

#[test]
fn shares_of_arms_add_up_to_one() {
    let figures = drawn(&archive(), FigureKind::Arms);
    let mut sums = std::collections::BTreeMap::<String, f64>::new();
    for line in figures[0].csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        *sums.entry([cells[3], cells[4], cells[6]].join(" ")).or_default() += cells[8].parse::<f64>().unwrap();
    }
    assert!(sums.len() > 100);
    assert!(sums.values().all(|sum| (sum - 1.0).abs() < 1e-9), "{sums:?}");
    assert!(count(&figures[0].svg, "reference") > 0, "no 1/K line");
}

#[test]
fn overhead_is_percent_over_the_plain_baseline_without_the_first_epoch() {
    let mut runs = vec![run(PLAIN, "AdamW", 0, 3), run(AEES, "AdamW", 0, 3)];
    runs[0].epoch_seconds = vec![100.0, 4.0, 4.0];
    runs[1].epoch_seconds = vec![1.0, 5.0, 5.0];
    let csv = &drawn(&runs, FigureKind::Overhead)[0].csv;
    assert!(csv.lines().nth(2).unwrap().ends_with(",5,25"), "{csv}");
}

#[test]
fn strips_are_grouped_by_any_setting_in_numerical_order() {
    let group_by = vec!["agent.width".to_owned()];
    let options = FigureOptions { kinds: vec![FigureKind::Strips], group_by, ..FigureOptions::default() };
    let figures = for_study(&program(), &options);
    let labels = words(&figures[0].svg, "tick-label");
    let groups: Vec<&String> = labels.iter().filter(|label| label.contains("width")).collect();
    assert_eq!(groups[..3], ["agent.width 16 (n = 12)", "agent.width 64 (n = 12)", "agent.width 256 (n = 12)"]);
    assert_eq!(count(&figures[0].svg, "run"), 2 * 36);
    let unknown = FigureOptions { group_by: vec!["nonsense".into()], ..options };
    assert!(draw(&program(), &unknown).without_data[0].1.contains("`nonsense`"));
}

#[test]
fn a_group_that_lacks_a_seed_is_named_and_drawn_only_on_demand() {
    let mut runs: Vec<RunRecord> = (0..3).map(|seed| run(PLAIN, "AdamW", seed, 5)).collect();
    runs.push(run(AEES, "AdamW", 0, 5));
    let mut diverged = RunRecord { diverged_at: Some(77), ..run(AEES, "AdamW", 1, 2) };
    diverged.config.insert("epochs".into(), 5.into());
    runs.push(diverged);
    let kinds = vec![FigureKind::Curves];
    let strict = draw(&runs, &FigureOptions { kinds: kinds.clone(), ..FigureOptions::default() });
    assert!(
        strict.incomplete.iter().any(|line| line.contains("AEES") && line.contains("lacks seed")),
        "{:?}",
        strict.incomplete
    );
    assert!(
        strict.incomplete.iter().any(|line| line.contains("seed 1 diverged at step 77")),
        "{:?}",
        strict.incomplete
    );
    assert_eq!(count(&strict.figures[0].named.svg, "line"), 1);
    let partial = draw(&runs, &FigureOptions { kinds, allow_partial: true, ..FigureOptions::default() });
    assert!(count(&partial.figures[0].named.svg, "line") > 1);
}

#[test]
fn a_kind_without_data_says_what_is_missing() {
    let runs = [run(PLAIN, "AdamW", 0, 5)];
    let kinds = vec![FigureKind::Arms, FigureKind::Norms, FigureKind::Sigma, FigureKind::Overhead];
    let drawn = draw(&runs, &FigureOptions { kinds: kinds.clone(), ..FigureOptions::default() });
    assert!(drawn.figures.is_empty());
    assert_eq!(drawn.without_data.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), kinds);
}

#[test]
fn what_cannot_be_drawn_does_not_break_the_rest() {
    let mut odd = run(AEES, "AdamW", 0, 4);
    odd.val_accuracies = vec![f64::NAN, 0.5, f64::NAN, 0.6];
    if let Some(episodes) = &mut odd.episodes {
        episodes.update_norms.iter_mut().for_each(|norm| *norm = -1.0);
        episodes.rewards.clear();
    }
    let mut empty = run(AEES_COSINE, "<b>&\"", 0, 1);
    (empty.val_accuracies, empty.final_val_accuracy, empty.episodes) = (vec![], None, Some(Episodes::default()));
    for figure in for_study(&[odd, empty], &FigureOptions { allow_partial: true, ..FigureOptions::default() }) {
        roxmltree::Document::parse(&figure.svg).unwrap();
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf"), "{}", figure.svg);
    }
}

#[test]
fn equal_runs_give_equal_figures_in_any_order() {
    let (forward, mut backward) = (archive(), archive());
    backward.reverse();
    let svgs = |runs: &[RunRecord]| -> Vec<String> {
        for_study(runs, &FigureOptions::default()).into_iter().map(|figure| figure.svg).collect()
    };
    assert_eq!(svgs(&forward), svgs(&backward));
}

/// Colours, dashes and markers of all lines of one panel.
fn strokes(svg: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let lines = document.descendants().filter(|node| node.attribute("class") == Some("line"));
    let word = |node: &roxmltree::Node<'_, '_>, key| node.attribute(key).unwrap_or_default().to_owned();
    lines.map(|node| (word(&node, "stroke"), word(&node, "stroke-dasharray"))).collect()
}

/// Twenty-four methods in three panels: no two of them look alike, and each looks the same in every figure.
#[test]
fn no_two_series_share_colour_and_dashes() {
    let runs: Vec<RunRecord> = (0..24u32)
        .map(|number| {
            let mut run = run(AEES, "AdamW", 0, 5);
            run.config.insert("discount".into(), serde_json::json!(0.5 + f64::from(number) / 100.0));
            run
        })
        .collect();
    let mut curves = strokes(&drawn(&runs, FigureKind::Curves)[0].svg);
    assert_eq!(curves.len(), 24);
    assert_eq!(curves, strokes(&drawn(&runs, FigureKind::Norms)[0].svg));
    curves.sort();
    curves.dedup();
    assert_eq!(curves.len(), 24);
}

#[test]
fn few_seeds_are_drawn_beside_their_mean() {
    let seeds = |n: i64| (0..n).map(|seed| run(PLAIN, "AdamW", seed, 5)).collect::<Vec<_>>();
    for (n, thin) in [(1, 0), (2, 2), (5, 5), (6, 0)] {
        assert_eq!(count(&drawn(&seeds(n), FigureKind::Curves)[0].svg, "seed"), thin, "{n} seeds");
    }
}

/// Where methods were tested against the plain baseline, the bars say so, and the note says how.
#[test]
fn a_difference_that_was_tested_is_marked() {
    let series = |kind| (0..5).map(move |seed| run(kind, "AdamW", seed, 5));
    let figures = drawn(&series(PLAIN).chain(series(AEES)).collect::<Vec<_>>(), FigureKind::PeakFinal);
    let notes = words(&figures[0].svg, "note");
    assert_eq!(notes.iter().filter(|note| note.chars().all(|letter| letter == '*')).count(), 2, "{notes:?}");
    assert!(notes.join(" ").contains("against Baseline: paired t test by seed, Holm"), "{notes:?}");
    // One seed has no spread: nothing can be tested.
    let figures = drawn(&[run(PLAIN, "AdamW", 0, 5), run(AEES, "AdamW", 0, 5)], FigureKind::PeakFinal);
    assert_eq!(words(&figures[0].svg, "note"), ["Whiskers: ± 1 sample SD over runs."]);
}

#[test]
fn a_copy_of_a_result_is_no_further_run() {
    let runs: Vec<RunRecord> = (0..3).chain(0..3).map(|seed| run(PLAIN, "AdamW", seed, 5)).collect();
    let svg = &drawn(&runs, FigureKind::Curves)[0].svg;
    assert!(words(svg, "legend-label").contains(&"Baseline (n = 3)".to_owned()), "{:?}", words(svg, "legend-label"));
    let mut other = run(PLAIN, "AdamW", 1, 5);
    other.val_accuracies[2] = 0.9;
    let drawn = draw(&[&runs[..3], &[other]].concat(), &FigureOptions::default());
    assert!(drawn.incomplete[0].ends_with("seed 1 has several results that differ"), "{:?}", drawn.incomplete);
}

/// The reference trained again up to each seed's peak, so these runs differ in their epochs.
#[test]
fn runs_that_end_at_their_peaks_are_one_series_of_diagnostics() {
    let again = |kind, seed: i64| {
        let mut run = run(kind, "AdamW", seed, 10 + seed as usize);
        run.val_accuracies.sort_by(f64::total_cmp);
        RunRecord { best_subsets: None, ..run }
    };
    let runs: Vec<RunRecord> = (0..4).flat_map(|seed| [again(PLAIN, seed), again(AEES, seed)]).collect();
    let figures = drawn(&runs, FigureKind::Diagnostics);
    assert_eq!((figures.len(), count(&figures[0].svg, "mean")), (1, 2));
    assert!(words(&figures[0].svg, "legend-label").contains(&"AEES (n = 4)".to_owned()));
}

/// What was left out for want of a seed is not said to be missing.
#[test]
fn the_reason_for_no_figure_is_the_true_one() {
    let mut runs: Vec<RunRecord> = (0..3).map(|seed| run(PLAIN, "AdamW", seed, 5)).collect();
    runs.iter_mut().for_each(|run| (run.subsets, run.best_subsets) = (None, None));
    runs.push(run(AEES, "AdamW", 0, 5));
    let options = FigureOptions { kinds: vec![FigureKind::Arms], ..FigureOptions::default() };
    assert_eq!(draw(&runs, &options).without_data[0].1, "every group that has the data lacks a seed or an epoch");
    let none = draw(&runs[..3], &options);
    assert_eq!(none.without_data[0].1, "no run has episodes with more than one arm to pick from");
}

/// Each method stands beside the baseline at its own rate, and one that has none is not tested.
#[test]
fn bars_of_a_sweep_are_tested_at_their_own_rate() {
    let at = |kind, lr: f64| {
        (0..5).map(move |seed| {
            let mut run = run(kind, "AdamW", seed, 5);
            run.lr = lr;
            run.config.insert("lr".into(), lr.into());
            run
        })
    };
    let stars = |runs: Vec<RunRecord>| {
        let notes = words(&drawn(&runs, FigureKind::PeakFinal)[0].svg, "note");
        let stars = notes.iter().filter(|note| note.chars().all(|letter| letter == '*')).count();
        (stars, notes.join(" "))
    };
    let (count, notes) =
        stars([at(PLAIN, 1e-3), at(PLAIN, 3e-4), at(AEES, 1e-3), at(AEES, 3e-4)].into_iter().flatten().collect());
    assert_eq!(count, 4, "{notes}");
    assert!(notes.contains("against the plain baseline that is most like it"), "{notes}");
    let (count, notes) = stars(at(PLAIN, 1e-3).chain(at(AEES, 3e-4)).collect());
    assert_eq!(count, 0, "{notes}");
}

/// Two files of one result of a program, which has no curves: the second tells nothing new; a repeat has a time of its own.
#[test]
fn a_copy_of_a_programs_result_is_no_further_run() {
    let timed = |wall: f64| {
        let mut runs = program();
        runs.truncate(1);
        runs[0].val_accuracies.clear();
        runs[0].train_losses.clear();
        runs[0].epoch_seconds.clear();
        runs[0].metrics = vec![("score".into(), 0.5)];
        runs[0].wall_seconds = Some(wall);
        runs.remove(0)
    };
    let one = [timed(3.0), RunRecord { path: "copy.json".into(), ..timed(3.0) }];
    let several = [timed(3.0), RunRecord { path: "again.json".into(), ..timed(4.0) }];
    let options = FigureOptions::default();
    assert_eq!(draw(&one, &options).incomplete, Vec::<String>::new());
    assert!(draw(&several, &options).incomplete[0].ends_with("has several results that differ"));
}
