//! Rules, formats and rows, on records made by hand. What the program prints for files is in `tests/report_tables.rs`.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use serde_json::json;

use super::*;
use crate::{Control, Layout, NoiseSetting};

mod contents;

/// A plain CIFAR-100 run of two epochs: its best accuracy, then its last.
fn plain(seed: i64, best: f64, last: f64) -> RunRecord {
    let config = json!({"control_mode": "baseline", "epochs": 2, "lr": 0.001, "optimizer": "AdamW", "lr_candidates": [1.0],
        "noise_candidates": [0.0], "label_noise_type": "none", "label_noise_rate": 0.0, "seed": seed});
    RunRecord {
        path: format!("plain_{seed}.json").into(),
        layout: Layout::ReferenceNew,
        run_id: None,
        task: "cifar100".into(),
        method_name: "Baseline".into(),
        control: Control::Baseline,
        seed,
        optimizer: "AdamW".into(),
        scheduler: "none".into(),
        lr: 0.001,
        lr_candidates: vec![1.0],
        noise_candidates: vec![0.0],
        episode_length: 200,
        context_mode: "none".into(),
        instability_lambda: 0.0,
        label_noise: NoiseSetting::Clean,
        config: config.as_object().unwrap().clone(),
        train_losses: vec![3.0 + seed as f64, 2.0],
        train_accuracies: vec![0.2, 0.3],
        val_accuracies: vec![best, last],
        epoch_seconds: vec![5.0, 4.0],
        epoch_tflops: vec![1.0, 1.0],
        best_val_accuracy: best.max(last),
        final_val_accuracy: Some(last),
        wall_seconds: Some(9.0),
        estimated_flops: Some(2e12),
        total_steps: 100,
        episodes: None,
        subsets: None,
        best_subsets: None,
        diverged_at: None,
        metrics: Vec::new(),
        curves: std::collections::BTreeMap::new(),
        runtime: Vec::new(),
        inputs: Vec::new(),
        case: None,
        purpose: None,
        provenance: Vec::new(),
        circumstances: Vec::new(),
        contradictions: Vec::new(),
    }
}

fn with(mut run: RunRecord, settings: &[(&str, serde_json::Value)]) -> RunRecord {
    run.config.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    run
}

/// The same under the bandit.
fn aees(seed: i64, best: f64, last: f64) -> RunRecord {
    let run = plain(seed, best, last);
    let run = with(run, &[("control_mode", json!("adaptive")), ("lr_candidates", json!([0.5, 1.0, 2.0]))]);
    RunRecord {
        path: format!("aees_{seed}.json").into(),
        control: Control::Adaptive,
        method_name: "AdaptiveScheduler".into(),
        lr_candidates: vec![0.5, 1.0, 2.0],
        ..run
    }
}

fn noisy(run: RunRecord) -> RunRecord {
    let run = with(run, &[("label_noise_type", json!("asymmetric")), ("label_noise_rate", json!(0.2))]);
    RunRecord { label_noise: NoiseSetting::Asymmetric(0.2), ..run }
}

fn of(name: &str, runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    build(KINDS.iter().find(|kind| kind.name == name).unwrap(), runs, options)
}

fn markdown(tables: &[Table]) -> String {
    tables.iter().map(|table| TableFormat::Markdown.write(table)).collect()
}

#[track_caller]
fn has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
}

fn two_methods() -> Vec<RunRecord> {
    let plain_runs = [(0, 0.5, 0.25), (1, 0.625, 0.5)].map(|(seed, best, last)| plain(seed, best, last));
    let aees_runs = [(0, 0.75, 0.5), (1, 0.6875, 0.625)].map(|(seed, best, last)| aees(seed, best, last));
    plain_runs.into_iter().chain(aees_runs).collect()
}

#[test]
fn markdown_is_as_written_here() {
    let text = markdown(&of("clean", &two_methods(), &TableOptions::default())[..1]);
    let expected = "\
### CIFAR-100 without label noise

| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) | Peak epoch |
| :-- | --: | --: | --: | --: | --: | --: |
| **AdamW** |  |  |  |  |  |  |
| Baseline | 2 | *56.25 ± 8.84* | *56.25 ± 8.84* | *37.50 ± 17.68* | *18.75 ± 8.84* | 1.0 ± 0.0 |
| AEES | 2 | **71.88 ± 4.42** | **71.88 ± 4.42** | **56.25 ± 8.84** | **15.62 ± 13.26** | 1.0 ± 0.0 |

- Best takes each run at its own best epoch, which flatters; Same epoch takes all runs of a row at one epoch, that of the \
best mean curve. Mean ± sample SD over seeds.
";
    assert_eq!(text, expected);
}

#[test]
fn latex_is_as_written_here() {
    let tables = general(&two_methods(), &["method".into()], &["best".into()], &TableOptions::default()).unwrap();
    let expected = r"\begin{table}[t]
\centering
\caption{Runs by method.}
\label{tab:runs}
\normalsize\setlength{\tabcolsep}{6pt}
\begin{tabular}{@{}lrr@{}}
\toprule
method & n & Best (\%) \\
\midrule
AEES & 2 & \textbf{71.88} $\pm$ 4.42 \\
Baseline & 2 & \emph{56.25} $\pm$ 8.84 \\
\bottomrule
\end{tabular}
\end{table}
";
    assert_eq!(TableFormat::Latex.write(&tables[0]), expected);
}

#[test]
fn csv_keeps_every_digit_and_ends_lines_with_a_line_feed() {
    let mut runs = two_methods();
    runs[0].best_val_accuracy = 0.1 + 0.2;
    let tables = general(&runs[..2], &["method".into()], &["best".into()], &TableOptions::default()).unwrap();
    let text = TableFormat::Csv.write(&tables[0]);
    let mean = (0.1 + 0.2 + 0.625) / 2.0;
    assert!(
        text.starts_with("method,n,best_mean,best_std\nBaseline,2,") && text.contains(&format!("{mean:?}")),
        "{text}"
    );
    assert!(!text.contains('\r'));
}

#[test]
fn latex_escapes_and_closes_what_it_opens() {
    let mut table = of("clean", &two_methods(), &TableOptions::default()).remove(0);
    table.title = r"50 % of {a_b} & $c \d ~ ^ # <x>".into();
    table.notes.push("† a_b: see `--seed 1`".into());
    let text = TableFormat::Latex.write(&table);
    has(&text, r"50 \% of \{a b\} \& \$c \textbackslash{}d \textasciitilde{} \textasciicircum{} \# $<$x$>$");
    has(&text, r"$^{\dagger}$ a\_\allowbreak{}b: see -{}-seed 1");
    let unescaped = text.replace(r"\{", "").replace(r"\}", "");
    assert_eq!(unescaped.matches('{').count(), unescaped.matches('}').count());
    assert_eq!(text.matches(r"\begin{").count(), text.matches(r"\end{").count());
    assert_eq!(text.replace(r"\$", "").matches('$').count() % 2, 0);
}

#[test]
fn a_row_that_lacks_runs_is_left_out_with_the_command_that_makes_them() {
    let runs: Vec<RunRecord> =
        two_methods().into_iter().skip(1).chain([plain(2, 0.5, 0.5), aees(2, 0.5, 0.5)]).collect();
    let text = markdown(&of("clean", &runs, &TableOptions { expect_n: Some(3), ..TableOptions::default() })[..1]);
    has(&text, "| Baseline | 2 | --† | --† |");
    has(&text, "- † AdamW, Baseline: 2 of 3 runs; missing seed 0\n- `aees train cifar100 --set epochs=2 --seed 0`\n");
    let partial = TableOptions { expect_n: Some(3), allow_partial: true, ..TableOptions::default() };
    let text = markdown(&of("clean", &runs, &partial)[..1]);
    has(&text, "| Baseline | 2 | *56.25 ± 8.84 (n = 2)†* |");
    has(&text, "missing seed 0");
}

#[test]
fn the_command_names_what_is_not_at_its_default() {
    let runs: Vec<RunRecord> = two_methods().into_iter().take(3).map(noisy).collect();
    let text = markdown(&of("noisy", &runs, &TableOptions { expect_n: Some(2), ..TableOptions::default() }));
    has(
        &text,
        "`aees train cifar100 --set control_mode=adaptive --set epochs=2 --set label_noise_rate=0.2 --set \
         label_noise_type=asymmetric --set lr_candidates=0.5,1,2 --seed 1`",
    );
}

#[test]
fn expected_is_what_most_rows_have() {
    let mut runs = two_methods();
    runs.extend([0, 1].map(|seed| {
        let run = with(plain(seed, 0.5, 0.5), &[("lr_scheduler", json!("cosine"))]);
        RunRecord { scheduler: "cosine".into(), ..run }
    }));
    runs.remove(0);
    let text = markdown(&of("clean", &runs, &TableOptions::default()));
    has(&text, "† AdamW, Baseline: 1 of 2 runs; missing seed 0");
    has(&text, "AdamW: AEES - Baseline, best: not compared, because not every seed has both");
}

#[test]
fn the_seeds_of_a_study_are_expected_of_every_row() {
    let expected_seeds = Some(vec![0, 1, 7]);
    let mut runs = two_methods();
    runs.extend([plain(7, 0.5, 0.5), plain(3, 0.5, 0.25)]);
    let options = TableOptions { expected_seeds, ..TableOptions::default() };
    let text = markdown(&of("clean", &runs, &options)[..1]);
    has(&text, "- † AdamW, AEES: 2 of 3 runs; missing seed 7\n");
    has(&text, "--set lr_candidates=0.5,1,2 --seed 7`");
    assert!(!text.contains("AdamW, Baseline:"), "a seed more is none too few: {text}");
    // A row that all others are like is still not whole.
    let text = markdown(&of("clean", &two_methods(), &options)[..1]);
    has(&text, "AdamW, Baseline: 2 of 3 runs; missing seed 7");
    let asked = TableOptions { expect_n: Some(2), ..options };
    assert!(!markdown(&of("clean", &two_methods(), &asked)[..1]).contains('†'));
}

#[test]
fn two_results_for_one_seed_are_both_named() {
    let mut runs = two_methods();
    runs.push(RunRecord { path: "plain_0_again.json".into(), ..plain(0, 0.25, 0.25) });
    runs.push(RunRecord { path: "a_copy.json".into(), ..plain(1, 0.625, 0.5) });
    let with_rule =
        |duplicates| markdown(&of("clean", &runs, &TableOptions { duplicates, ..TableOptions::default() })[..1]);
    let refused = with_rule(DuplicateRule::Refuse);
    has(&refused, "| Baseline | 2 | --‡ |");
    has(
        &refused,
        "‡ AdamW, Baseline: seed 0 has 2 different results, plain_0.json and plain_0_again.json: the row is left out",
    );
    has(&refused, "1 file holds a result that another file holds, too, and counts once");
    has(&with_rule(DuplicateRule::First), "| Baseline | 2 | *56.25 ± 8.84* |");
    has(&with_rule(DuplicateRule::Last), "| Baseline | 2 | *43.75 ± 26.52* |");
    has(&with_rule(DuplicateRule::Mean), "| Baseline | 2 | *50.00 ± 17.68* |");
}

#[test]
fn a_diverged_seed_is_diverged_and_not_missing() {
    let mut runs = two_methods();
    runs[1].diverged_at = Some(42);
    let text = markdown(&of("clean", &runs, &TableOptions { expect_n: Some(2), ..TableOptions::default() }));
    has(&text, "AdamW, Baseline: seed 1 diverged at step 42 and does not count: plain_1.json");
    has(&text, "† AdamW, Baseline: 1 of 2 runs; diverged seed 1\n");
    assert!(!text.contains("aees train"), "what diverged would diverge again: {text}");
}

#[test]
fn a_mean_of_zero_is_printed_as_zero() {
    let runs = [plain(0, 0.5, 0.5), plain(1, 0.5, 0.5)];
    has(
        &markdown(&of("clean", &runs, &TableOptions::default())),
        "| 50.00 ± 0.00 | 50.00 ± 0.00 | 50.00 ± 0.00 | 0.00 ± 0.00 |",
    );
}

#[test]
fn what_is_printed_alike_stands_out_alike_and_a_lone_number_does_not() {
    let mut table = of("clean", &two_methods(), &TableOptions::default()).remove(0);
    let number = |value| Cell::Number { value, sd: None, mark: String::new() };
    table.rows.iter_mut().for_each(|row| row.cells[2] = number(0.5));
    let column = |table: &Table, at: usize| table.emphasis().iter().map(|row| row[at]).collect::<Vec<_>>();
    assert_eq!(column(&table, 2), [Emphasis::None, Emphasis::None], "two that are alike");
    table.rows.push(table.rows[0].clone());
    table.rows[2].cells[2] = number(0.500_01);
    assert_eq!(column(&table, 2), [Emphasis::None; 3], "three that are printed alike");
    table.rows[2].cells[2] = number(0.25);
    assert_eq!(column(&table, 2), [Emphasis::Best, Emphasis::Best, Emphasis::Second], "the best of both");
    table.rows.pop();
    table.rows[1].cells[2] = Cell::Missing(String::new());
    assert_eq!(column(&table, 2), [Emphasis::None, Emphasis::None]);
    // The drop is better when it is small.
    assert_eq!(column(&table, 5), [Emphasis::Second, Emphasis::Best]);
}

#[test]
fn one_epoch_for_all_seeds_is_not_above_the_peaks() {
    // One seed peaks first, the other last; their mean is best in the end.
    let runs = [plain(0, 0.75, 0.5), plain(1, 0.25, 0.625)];
    let table = &of("clean", &runs, &TableOptions::default())[0];
    let value = |at: usize| match &table.rows[0].cells[at] {
        Cell::Number { value, .. } => *value,
        other => panic!("{other:?}"),
    };
    assert_eq!((value(2), value(3), value(4)), (0.6875, 0.5625, 0.5625));
}

#[test]
fn a_random_controller_is_not_aees() {
    let mut runs = two_methods();
    runs.extend([0, 1].map(|seed| {
        let run = with(aees(seed, 0.5, 0.5), &[("control_mode", json!("random"))]);
        RunRecord { control: Control::Random, ..run }
    }));
    let text = markdown(&of("clean", &runs, &TableOptions::default()));
    has(&text, "| Random | 2 | 50.00");
    has(&text, "| AEES | 2 | **71.88");
}

#[test]
fn settings_under_one_name_get_rows_that_tell_the_difference() {
    let mut runs = two_methods();
    runs.extend([0, 1].map(|seed| with(aees(seed, 0.5, 0.5), &[("discount", json!(0.5))])));
    let text = markdown(&of("clean", &runs, &TableOptions::default()));
    has(&text, "| AEES (discount 0.5) | 2 | 50.00 ± 0.00");
    has(&text, "| AEES (discount 0.95) | 2 | **71.88 ± 4.42** |");
}

#[test]
fn ablations_compare_by_seed_and_correct_for_their_number() {
    let penalised = |seed, best, last| {
        let run = with(aees(seed, best, last), &[("reward_instability_lambda", json!(0.1))]);
        RunRecord { instability_lambda: 0.1, ..run }
    };
    let runs = [aees(0, 0.5, 0.25), aees(1, 0.5, 0.5), penalised(0, 0.5625, 0.25), penalised(1, 0.625, 0.5)];
    let tables = of("penalty", &runs, &TableOptions::default());
    assert_eq!(
        tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(),
        ["instability_penalty", "instability_penalty_paired"]
    );
    let text = markdown(&tables[1..]);
    // t = 3 on one degree of freedom has p = 0.205; the other difference is zero in both seeds, and is no test.
    has(&text, "| Penalty 0.1 - No penalty | best | 2 | 9.38 [6.25, 12.50] | 4.42 | 3.000 | 1 | 0.205 | 0.205 |");
    has(
        &text,
        "| Penalty 0.1 - No penalty | final | 2 | 0.00 [0.00, 0.00] | 0.00 | -- | -- | -- | -- | -- | -- | -- | 0/2/0 |",
    );
    assert!(of("penalty", &runs[..2], &TableOptions::default()).is_empty());
}

#[test]
fn every_format_of_every_table_takes_every_mixture() {
    let mut runs = two_methods();
    runs.extend(two_methods().into_iter().map(noisy));
    runs.extend(two_methods().into_iter().map(|run| RunRecord { task: "agnews".into(), ..run }));
    runs.extend(two_methods().into_iter().map(|run| RunRecord { task: "command".into(), ..run }));
    runs.push(RunRecord {
        val_accuracies: Vec::new(),
        train_losses: Vec::new(),
        final_val_accuracy: None,
        ..plain(7, 0.0, 0.0)
    });
    runs.push(RunRecord { best_val_accuracy: f64::NAN, ..aees(8, 0.0, 0.0) });
    for expect_n in [None, Some(1), Some(9)] {
        for allow_partial in [false, true] {
            let options = TableOptions { expect_n, allow_partial, ..TableOptions::default() };
            for table in build_all(&runs, &options) {
                assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "{}", table.name);
                let written = TableFormat::ALL.map(|format| format.write(&table));
                assert!(written.iter().all(|text| !text.contains("NaN")), "{}", table.name);
                let widths: Vec<usize> = written[2]
                    .lines()
                    .filter(|line| !line.contains('"'))
                    .map(|line| line.matches(',').count())
                    .collect();
                assert!(widths.iter().all(|width| *width == widths[0]), "{}", written[2]);
            }
        }
    }
    assert!(build_all(&[], &TableOptions::default()).is_empty());
}

#[test]
fn any_field_groups_and_a_misspelled_one_is_told() {
    let runs: Vec<RunRecord> = two_methods().into_iter().map(|run| with(run, &[("width", json!(8))])).collect();
    let table = |keys: &[&str], metrics: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        general(&runs, &words(keys), &words(metrics), &TableOptions::default())
    };
    let text = markdown(&table(&["width", "optimizer"], &["best", "final_train_loss"]).unwrap());
    // Two methods are two rows, whatever is grouped by, and are compared.
    has(&text, "| width | optimizer | control | n | Best (%) | final train loss |");
    has(&text, "| 8 | AdamW | adaptive | 2 | **71.88 ± 4.42** |");
    has(&text, "| 8 | AdamW | baseline | 2 | *56.25 ± 8.84* |");
    has(&text, "| 8, AdamW, adaptive - 8, AdamW, baseline | best | 2 | 0.1562 [0.0625, 0.2500] |");
    let error = table(&["widht"], &["best"]).unwrap_err();
    assert_eq!(error.help().unwrap(), "did you mean `width`?");
    let error = table(&["width"], &["bleu"]).unwrap_err();
    assert_eq!(error.to_string(), "no run has a number `bleu`");
    has(&error.help().unwrap(), "same_epoch");
}

#[test]
fn runs_of_a_program_have_rows_by_their_own_settings_and_notes_without_what_they_lack() {
    let run = |x: i64, seed: i64| {
        let metrics = vec![("loss".to_owned(), x as f64), ("step".to_owned(), 9.0)];
        let diverged_at = (x == 1).then_some(7);
        let (task, path) = ("command".to_owned(), format!("{x}_{seed}.json").into());
        let run = RunRecord { task, seed, path, metrics, diverged_at, ..RunRecord::default() };
        with(run, &[("x", json!(x))])
    };
    let runs: Vec<RunRecord> = [1, 20, -3, -10, 3].iter().flat_map(|x| [run(*x, 0), run(*x, 1)]).collect();
    assert_eq!(general_flags(&runs).unwrap(), "--group-by x --metric loss");
    let table = general(&runs, &["x".into()], &["loss".into()], &TableOptions::default()).unwrap();
    let rows: Vec<String> = table[0].rows.iter().map(|row| format!("{:?}", row.cells[0])).collect();
    assert_eq!(rows, ["-10", "-3", "1", "3", "20"].map(|x| format!("Text({x:?})")));
    has(&markdown(&table), "- 1: seed 0 diverged at step 7 and does not count: 1_0.json");
    assert_eq!(general_flags(&runs[..2]).unwrap(), "--group-by task --metric loss");
}
