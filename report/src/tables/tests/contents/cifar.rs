//! Label noise on CIFAR-100: side by side, with what was memorised, and at the peak.

use super::*;
use crate::NoiseSetting::{Asymmetric, Symmetric};

fn asym20(run: RunRecord) -> RunRecord {
    labels(run, Asymmetric(0.2))
}

fn subsets(corrupted_vs_noisy: f64, corrupted_vs_clean: f64, clean: f64) -> Option<LabelNoiseAccuracies> {
    Some(LabelNoiseAccuracies { all: 0.5, clean, corrupted_vs_noisy, corrupted_vs_clean })
}

#[test]
fn noise_settings_side_by_side() {
    let sym40 = |run| labels(run, Symmetric(0.4));
    let cosine = |run| scheduled(asym20(run), "cosine");
    let tables = built(
        "noisy-combined",
        vec![
            five(asym20, spread(58.45, 0.37), spread(56.25, 0.81)),
            five(|run| halves(asym20(run)), spread(61.69, 0.67), spread(57.97, 0.86)),
            five(cosine, spread(60.22, 0.63), spread(60.04, 0.65)),
            five(|run| halves(cosine(run)), spread(62.15, 0.60), spread(59.84, 0.28)),
            five(|run| sgd(asym20(run)), spread(57.29, 0.89), spread(51.94, 1.58)),
            five(|run| halves(sgd(asym20(run))), spread(62.54, 0.28), spread(58.36, 1.22)),
            five(|run| halves(sym40(run)), spread(55.02, 1.12), spread(39.91, 1.20)),
            five(sym40, spread(51.68, 0.62), spread(38.06, 0.12)).into_iter().skip(1).collect(),
            five(|run| sgd(sym40(run)), spread(50.07, 0.81), spread(33.79, 1.23)),
            decoys(|run| run),
            decoys(|run| RunRecord { lr: 5e-4, ..with(asym20(run), &[("lr", json!(5e-4))]) }),
            decoys(|run| of_length(halves(asym20(run)), 1)),
        ],
    );
    assert_eq!(names(&tables), ["cifar_noisy"]);
    assert_rows(
        &tables[0],
        "| Method | asym20 best (%) | asym20 final (%) | sym40 best (%) | sym40 final (%) |
        | **AdamW** |  |  |  |  |
        | Baseline | 58.45 ± 0.37 | 56.25 ± 0.81 | --† | --† |
        | Baseline + cosine | 60.22 ± 0.63 | **60.04 ± 0.65** | -- | -- |
        | AEES | *61.69 ± 0.67* | 57.97 ± 0.86 | 55.02 ± 1.12 | 39.91 ± 1.20 |
        | AEES + cosine | **62.15 ± 0.60** | *59.84 ± 0.28* | -- | -- |
        | **SGD** |  |  |  |  |
        | Baseline | *57.29 ± 0.89* | *51.94 ± 1.58* | 50.07 ± 0.81 | 33.79 ± 1.23 |
        | AEES | **62.54 ± 0.28** | **58.36 ± 1.22** | -- | -- |",
    );
    let notes = &tables[0].notes;
    // A rate that no bandit works on is no baseline of the main tables.
    assert_eq!(notes[0], "asym20: 5 runs are in the tables of fixed multipliers and rates, not in this one");
    assert_eq!(notes[1], "asym20: 5 runs of another length than 2 epochs are not in this table");
    assert_eq!(notes[2], "asym20: 20 % asymmetric label noise; mean ± sample SD over n = 5 seeds");
    assert_eq!(notes[3], "sym40: 40 % symmetric label noise; mean ± sample SD over n = 4 to 5 seeds");
    assert_eq!(notes[4], "sym40: † AdamW, Baseline: 4 of 5 runs; missing seed 0");
}

#[test]
fn the_detailed_noisy_table_tells_what_was_memorised() {
    let sym40 = |run| sgd(labels(run, Symmetric(0.4)));
    let measured = |runs: Vec<RunRecord>, noisy: [f64; 5], clean: [f64; 5], train: [f64; 5]| -> Vec<RunRecord> {
        let values = noisy.into_iter().zip(clean).zip(train);
        let of = |(run, ((noisy, clean), train))| RunRecord { subsets: subsets(noisy, clean, train), ..run };
        runs.into_iter().zip(values).map(of).collect()
    };
    let baseline = five(sym40, spread(50.07, 0.81), spread(33.79, 1.23));
    let aees = five(|run| halves(sym40(run)), spread(55.63, 0.99), spread(39.67, 3.84));
    let mut runs = vec![
        measured(baseline, spread(78.5, 1.5), spread(9.25, 0.5), spread(96.0, 0.25)),
        measured(aees, spread(90.5, 3.5), spread(4.5, 1.0), spread(99.0, 0.125)),
    ];
    let expected = |corrupted: &str| {
        format!(
            "| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) | Peak epoch | Corr. noisy (%) | Corr. clean (%) | Train clean (%) |
            | **SGD** |  |  |  |  |  |  |  |  |  |
            | Baseline | 5 | *50.07 ± 0.81* | *50.07 ± 0.81* | *33.79 ± 1.23* | *16.28 ± 0.42* | 1.0 ± 0.0 | {corrupted}
            | AEES | 5 | **55.63 ± 0.99** | **55.63 ± 0.99** | **39.67 ± 3.84** | **15.96 ± 2.85** | 1.0 ± 0.0 |"
        )
    };
    let tables = built("noisy-detailed", runs.clone());
    assert_eq!(names(&tables), ["cifar_noisy_sym40_detailed"]);
    let whole = expected("**78.50 ± 1.50** | **9.25 ± 0.50** | 96.00 ± 0.25 |");
    assert_rows(&tables[0], &format!("{whole} *90.50 ± 3.50* | *4.50 ± 1.00* | 99.00 ± 0.12 |"));

    // One run without diagnostics: no mean of the other four passes for one of five.
    runs[0][3].subsets = None;
    let tables = built("noisy-detailed", runs);
    let lacking = expected("-- | -- | -- |");
    assert_rows(&tables[0], &format!("{lacking} 90.50 ± 3.50 | 4.50 ± 1.00 | 99.00 ± 0.12 |"));
    has(&markdown(&tables), "† SGD, Baseline: no corrupted_noisy in plain_3.json");
}

#[test]
fn the_detailed_checkpoints_have_one_row_for_each_run() {
    let ours = |run| RunRecord { layout: Layout::Aees, ..run };
    let again = |run, epochs| RunRecord { subsets: subsets(0.29, 0.538, 0.75), ..of_length(run, epochs) };
    let at_peak = |run| RunRecord { best_subsets: subsets(0.37, 0.458, 0.625), subsets: subsets(1.0, 0.0, 1.0), ..run };
    let mut diverged = ours(at_peak(asym20(plain(2, 0.5, 0.25))));
    diverged.diverged_at = Some(42);
    // Retrained to its peak, which is where it ends, and whose last epoch counts even when an earlier one was better.
    let retrained = RunRecord { path: "again.json".into(), ..again(halves(asym20(plain(0, 0.75, 0.617))), 16) };
    let cosine = again(scheduled(asym20(plain(0, 0.5, 0.603)), "cosine"), 187);
    let runs = vec![
        cosine,
        retrained,
        ours(at_peak(asym20(plain(1, 0.58, 0.5)))),
        ours(at_peak(asym20(plain(0, 0.5, 0.59)))),
        diverged,
        ours(at_peak(sgd(labels(plain(0, 0.5, 0.25), Symmetric(0.4))))),
        // Measured at the end of a whole run, without label noise, under trend, at another rate: none is at a peak, or of the table.
        RunRecord { subsets: subsets(1.0, 0.0, 1.0), ..of_length(asym20(plain(5, 0.5, 0.5)), 200) },
        ours(at_peak(plain(6, 0.5, 0.5))),
        ours(at_peak(trend(halves(asym20(plain(7, 0.5, 0.5)))))),
        ours(at_peak(RunRecord { lr: 5e-4, ..with(asym20(plain(8, 0.5, 0.5)), &[("lr", json!(5e-4))]) })),
    ];
    let tables = built("checkpoints-detailed", vec![runs]);
    assert_eq!(names(&tables), ["cifar_checkpoints_detailed"]);
    assert_rows(
        &tables[0],
        "| Method | Seed | Epoch | Best (%) | Corr. noisy (%) | Corr. clean (%) | Train clean (%) |
        | **asym20, AdamW** |  |  |  |  |  |  |
        | Baseline | 0 | 2 | 59.00 | 37.00 | 45.80 | 62.50 |
        | Baseline | 1 | 1 | 58.00 | 37.00 | 45.80 | 62.50 |
        | Baseline + cosine | 0 | 2 | 60.30 | 29.00 | 53.80 | 75.00 |
        | AEES | 0 | 2 | 61.70 | 29.00 | 53.80 | 75.00 |
        | **sym40, SGD** |  |  |  |  |  |  |
        | Baseline | 0 | 1 | 50.00 | 37.00 | 45.80 | 62.50 |",
    );
    let notes = tables[0].notes.join("\n");
    has(&notes, "asym20, AdamW, Baseline: seed 2 diverged at step 42 and does not count: plain_2.json");
    has(&notes, "The cosine runs of the reference were trained again");
}
