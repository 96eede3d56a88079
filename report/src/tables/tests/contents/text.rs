//! SST-2, AG News, and noise on the gradients: the printed numbers of the reference's text tables.

use super::*;

const WARMUP: &str = "warmup_linear";

fn task(run: RunRecord, name: &str) -> RunRecord {
    RunRecord { task: name.into(), lr: 5e-5, ..with(run, &[("lr", json!(5e-5))]) }
}

fn sst2(run: RunRecord) -> RunRecord {
    task(run, "sst2")
}

fn noisy_news(run: RunRecord) -> RunRecord {
    scheduled(labels(task(run, "agnews"), NoiseSetting::Symmetric(0.2)), WARMUP)
}

const MULTIPLIERS: [f64; 3] = [0.7, 1.0, 1.3];
const NOISE: [f64; 3] = [0.0, 0.0025, 0.005];

fn sst2_runs() -> Vec<Vec<RunRecord>> {
    let warm = |run| scheduled(sst2(run), WARMUP);
    vec![
        five(sst2, spread(89.56, 0.44), spread(88.00, 0.59)),
        five(warm, spread(90.48, 0.27), spread(89.84, 0.35)),
        five(|run| trend(bandit(sst2(run), &MULTIPLIERS, &NOISE)), spread(91.03, 0.55), spread(90.25, 1.03)),
        five(|run| trend(bandit(warm(run), &MULTIPLIERS, &[0.0])), spread(90.55, 0.35), spread(90.21, 0.41)),
        five(|run| trend(bandit(warm(run), &[1.0], &NOISE)), spread(91.12, 0.38), spread(90.57, 0.29)),
        five(|run| trend(bandit(warm(run), &MULTIPLIERS, &NOISE)), spread(90.80, 0.35), spread(90.44, 0.42)),
    ]
}

#[test]
fn one_axis_and_both_on_sst2() {
    let tables = built("nlp-axis", sst2_runs());
    assert_eq!(names(&tables), ["sst2_axis", "sst2_axis_paired"]);
    assert_rows(
        &tables[0],
        "| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) | Peak epoch |
        | Baseline | 5 | 89.56 ± 0.44 | 89.56 ± 0.44 | 88.00 ± 0.59 | 1.56 ± 0.15 | 1.0 ± 0.0 |
        | Baseline + warmup-linear | 5 | 90.48 ± 0.27 | 90.48 ± 0.27 | 89.84 ± 0.35 | 0.64 ± 0.08 | 1.0 ± 0.0 |
        | AEES-LR + warmup-linear | 5 | 90.55 ± 0.35 | 90.55 ± 0.35 | 90.21 ± 0.41 | **0.34 ± 0.06** | 1.0 ± 0.0 |
        | AEES-Noise + warmup-linear | 5 | **91.12 ± 0.38** | **91.12 ± 0.38** | **90.57 ± 0.29** | 0.55 ± 0.09 | 1.0 ± 0.0 |
        | AEES-Dual | 5 | *91.03 ± 0.55* | *91.03 ± 0.55* | 90.25 ± 1.03 | 0.78 ± 0.48 | 1.0 ± 0.0 |
        | AEES-Dual + warmup-linear | 5 | 90.80 ± 0.35 | 90.80 ± 0.35 | *90.44 ± 0.42* | *0.36 ± 0.07* | 1.0 ± 0.0 |",
    );
    // Each with the plain optimizer of its own schedule, in the order of the rows.
    assert_eq!(
        compared(&tables[1]),
        [
            ": AEES-LR + warmup-linear - Baseline + warmup-linear, best",
            ": AEES-LR + warmup-linear - Baseline + warmup-linear, final",
            ": AEES-Noise + warmup-linear - Baseline + warmup-linear, best",
            ": AEES-Noise + warmup-linear - Baseline + warmup-linear, final",
            ": AEES-Dual - Baseline, best",
            ": AEES-Dual - Baseline, final",
            ": AEES-Dual + warmup-linear - Baseline + warmup-linear, best",
            ": AEES-Dual + warmup-linear - Baseline + warmup-linear, final",
        ]
    );
    // 1.47 with SD 0.11 over five seeds: t = 1.47 / (0.11 / √5) = 29.882.
    has(
        &markdown(&tables[1..]),
        "| AEES-Dual - Baseline | best | 5 | 1.47 [1.38, 1.56] | 0.11 | 29.882 | 4 | <0.001 |",
    );
}

#[test]
fn the_main_text_tables_have_the_plain_optimizer_and_both_axes() {
    let news = |run| task(run, "agnews");
    let mut parts = sst2_runs();
    parts.push(five(news, spread(93.98, 0.15), spread(93.52, 0.25)));
    parts.push(five(|run| trend(bandit(news(run), &MULTIPLIERS, &NOISE)), spread(94.40, 0.14), spread(94.12, 0.27)));
    parts.push(five(noisy_news, spread(93.19, 0.19), spread(90.79, 0.17)));
    parts.push(decoys(|run| of_length(sst2(run), 3)));
    parts.push(decoys(|run| labels(run, NoiseSetting::Symmetric(0.2))));
    let tables = built("nlp", parts);
    assert_eq!(names(&tables), ["sst2", "sst2_paired", "agnews", "agnews_paired", "agnews_noise"]);
    assert_rows(
        &tables[0],
        "| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) | Peak epoch |
        | Baseline | 5 | 89.56 ± 0.44 | 89.56 ± 0.44 | 88.00 ± 0.59 | 1.56 ± 0.15 | 1.0 ± 0.0 |
        | Baseline + warmup-linear | 5 | 90.48 ± 0.27 | 90.48 ± 0.27 | 89.84 ± 0.35 | *0.64 ± 0.08* | 1.0 ± 0.0 |
        | AEES-Dual | 5 | **91.03 ± 0.55** | **91.03 ± 0.55** | *90.25 ± 1.03* | 0.78 ± 0.48 | 1.0 ± 0.0 |
        | AEES-Dual + warmup-linear | 5 | *90.80 ± 0.35* | *90.80 ± 0.35* | **90.44 ± 0.42** | **0.36 ± 0.07** | 1.0 ± 0.0 |",
    );
    assert!(tables[0].notes.contains(&"5 runs of another length than 2 epochs are not in this table".into()));
    assert_rows(
        &tables[2],
        "| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) | Peak epoch |
        | Baseline | 5 | *93.98 ± 0.15* | *93.98 ± 0.15* | *93.52 ± 0.25* | *0.46 ± 0.10* | 1.0 ± 0.0 |
        | AEES-Dual | 5 | **94.40 ± 0.14** | **94.40 ± 0.14** | **94.12 ± 0.27** | **0.28 ± 0.13** | 1.0 ± 0.0 |",
    );
    has(&markdown(&tables[4..]), "| Baseline + warmup-linear | 5 | 93.19 ± 0.19 | 93.19 ± 0.19 | 90.79 ± 0.17 |");
}

#[test]
fn noise_without_feedback_stands_beside_noise_with_it() {
    let multipliers = [0.5, 1.0, 2.0];
    let noise = [0.0, 0.005, 0.01];
    let random = |run, noise: &[f64]| {
        let method = if noise.len() == 1 { Control::Fixed } else { Control::Random };
        let run = with(bandit(noisy_news(run), &[1.0], noise), &[("control_mode", json!("random"))]);
        RunRecord { control: method, ..run }
    };
    let tables = built(
        "noise-ablation",
        vec![
            five(noisy_news, spread(93.19, 0.19), spread(90.79, 0.17)),
            five(|run| bandit(noisy_news(run), &multipliers, &[0.0]), spread(92.72, 0.20), spread(91.53, 0.12)),
            five(|run| bandit(noisy_news(run), &[1.0], &noise), spread(93.47, 0.09), spread(93.45, 0.10)),
            five(|run| bandit(noisy_news(run), &multipliers, &noise), spread(93.55, 0.07), spread(93.51, 0.09)),
            five(|run| random(run, &[0.005]), spread(93.552, 0.07), spread(93.47, 0.06)),
            five(|run| random(run, &[0.01]), spread(93.40, 0.10), spread(93.40, 0.10)),
            five(|run| random(run, &noise), spread(93.584, 0.066), spread(93.576, 0.0645)),
            decoys(|run| scheduled(random(run, &noise), "none")),
            decoys(|run| labels(random(run, &noise), NoiseSetting::Clean)),
        ],
    );
    assert_eq!(names(&tables), ["agnews_noise_ablation", "agnews_noise_ablation_paired"]);
    assert_rows(
        &tables[0],
        "| Method | n | Best (%) | Same epoch (%) | Final (%) | Drop (pp) |
        | Baseline + warmup-linear | 5 | 93.19 ± 0.19 | 93.19 ± 0.19 | 90.79 ± 0.17 | 2.40 ± 0.02 |
        | AEES-LR + warmup-linear | 5 | 92.72 ± 0.20 | 92.72 ± 0.20 | 91.53 ± 0.12 | 1.19 ± 0.08 |
        | AEES-Noise + warmup-linear | 5 | 93.47 ± 0.09 | 93.47 ± 0.09 | 93.45 ± 0.10 | 0.02 ± 0.01 |
        | AEES-Dual + warmup-linear | 5 | *93.55 ± 0.07* | *93.55 ± 0.07* | *93.51 ± 0.09* | 0.04 ± 0.02 |
        | Fixed σ 0.005 + warmup-linear | 5 | *93.55 ± 0.07* | *93.55 ± 0.07* | 93.47 ± 0.06 | 0.08 ± 0.01 |
        | Fixed σ 0.01 + warmup-linear | 5 | 93.40 ± 0.10 | 93.40 ± 0.10 | 93.40 ± 0.10 | **0.00 ± 0.00** |
        | Random-Noise + warmup-linear | 5 | **93.58 ± 0.07** | **93.58 ± 0.07** | **93.58 ± 0.06** | *0.01 ± 0.00* |",
    );
    let (aees, random) = ("AEES-Noise + warmup-linear", "Random-Noise + warmup-linear");
    let expected: Vec<String> = [
        (aees, "Baseline + warmup-linear"),
        (aees, "Fixed σ 0.005 + warmup-linear"),
        (aees, "Fixed σ 0.01 + warmup-linear"),
        (aees, random),
        (random, "Baseline + warmup-linear"),
    ]
    .iter()
    .flat_map(|(one, other)| ["best", "final"].map(|quantity| format!(": {one} - {other}, {quantity}")))
    .collect();
    assert_eq!(compared(&tables[1]), expected);
    assert!(built("noise-ablation", vec![five(noisy_news, spread(93.0, 0.1), spread(90.0, 0.1))]).is_empty());
}
