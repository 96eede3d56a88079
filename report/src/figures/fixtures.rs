//! A synthetic archive for tests of figures: realistic in shape, invented in every number.

use std::path::PathBuf;

use serde_json::{Map, json};

use crate::fixtures::record;
use crate::record::{Control, Episodes, LabelNoiseAccuracies, NoiseSetting, RunRecord};

/// A small generator (SplitMix64): the same numbers in every test.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

/// Who picks, with which schedule and candidates, and how good it is said to be.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    pub(super) control: Control,
    pub(super) scheduler: &'static str,
    pub(super) lr_candidates: &'static [f64],
    pub(super) noise_candidates: &'static [f64],
    pub(super) height: f64,
    pub(super) fall: f64,
}

pub(super) const PLAIN: Recipe = Recipe {
    control: Control::Baseline,
    scheduler: "none",
    lr_candidates: &[1.0],
    noise_candidates: &[0.0],
    height: 0.52,
    fall: 0.17,
};
pub(super) const COSINE: Recipe = Recipe { scheduler: "cosine", height: 0.55, fall: 0.13, ..PLAIN };
pub(super) const AEES: Recipe =
    Recipe { control: Control::Adaptive, lr_candidates: &[0.5, 1.0, 2.0], height: 0.57, fall: 0.08, ..PLAIN };
pub(super) const AEES_COSINE: Recipe = Recipe { scheduler: "cosine", height: 0.585, fall: 0.1, ..AEES };
pub(super) const DUAL: Recipe = Recipe { noise_candidates: &[0.0, 0.005, 0.01], height: 0.6, fall: 0.05, ..AEES };
pub(super) const FIXED: Recipe = Recipe { control: Control::Fixed, lr_candidates: &[2.0], height: 0.53, ..PLAIN };

/// One run on CIFAR-100 with symmetric label noise.
pub(super) fn run(kind: Recipe, optimizer: &str, seed: i64, epochs: usize) -> RunRecord {
    let mut noise = SplitMix(seed as u64 * 7919 + kind.height.to_bits() + optimizer.len() as u64);
    let own = noise.next() * 0.015;
    let progress = |epoch: usize| (epoch + 1) as f64 / epochs as f64;
    let accuracy = |epoch: usize, noise: &mut SplitMix| {
        let at = progress(epoch);
        (kind.height + own) * (1.0 - (-at * 14.0).exp()) - kind.fall * (at - 0.35).max(0.0) + noise.next() * 0.012
    };
    let val_accuracies: Vec<f64> = (0..epochs).map(|epoch| accuracy(epoch, &mut noise)).collect();
    let steps = epochs as u64 * 390;
    let slow = 5.0 + 0.3 * kind.lr_candidates.len() as f64 + 0.4 * kind.noise_candidates.len() as f64;
    let subsets = |noise: &mut SplitMix| LabelNoiseAccuracies {
        all: 0.6,
        clean: 0.8,
        corrupted_vs_noisy: 0.02 + kind.fall * 0.5 + noise.next() * 0.02,
        corrupted_vs_clean: kind.height - 0.1 + noise.next() * 0.03,
    };
    let config = json!({
        "epochs": epochs, "batch_size": 128, "lr_candidates": kind.lr_candidates, "noise_candidates": kind.noise_candidates
    });
    RunRecord {
        path: PathBuf::from(format!("synthetic/{optimizer}-{}-{seed}.json", kind.height)),
        method_name: "synthetic".into(),
        control: kind.control,
        optimizer: optimizer.into(),
        scheduler: kind.scheduler.into(),
        lr: if optimizer == "SGD" { 0.1 } else { 1e-3 },
        lr_candidates: kind.lr_candidates.to_vec(),
        noise_candidates: kind.noise_candidates.to_vec(),
        label_noise: NoiseSetting::Symmetric(0.4),
        config: config.as_object().cloned().unwrap_or_default(),
        train_losses: val_accuracies.iter().map(|accuracy| 4.6 - 4.0 * accuracy).collect(),
        train_accuracies: val_accuracies.clone(),
        epoch_seconds: (0..epochs).map(|epoch| slow + if epoch == 0 { 3.0 } else { noise.next() * 0.2 }).collect(),
        epoch_tflops: vec![5.92; epochs],
        best_val_accuracy: val_accuracies.iter().copied().fold(0.0, f64::max),
        final_val_accuracy: val_accuracies.last().copied(),
        wall_seconds: Some(slow * epochs as f64),
        estimated_flops: Some(5.92e12 * epochs as f64),
        total_steps: steps,
        episodes: (kind.control != Control::Baseline).then(|| episodes(kind, steps, &mut noise)),
        subsets: Some(subsets(&mut noise)),
        best_subsets: Some(subsets(&mut noise)),
        val_accuracies,
        ..record("cifar100", seed)
    }
}

fn episodes(kind: Recipe, steps: u64, noise: &mut SplitMix) -> Episodes {
    let mut episodes = Episodes::default();
    let count = steps.div_ceil(200);
    for index in 0..count {
        let at = index as f64 / count as f64;
        let mut pick = |candidates: &[f64], early: bool| {
            let lean = if early { 0.15 } else { -0.15 } * (1.0 - at);
            let place = ((noise.next() + 0.5 + lean).clamp(0.0, 0.999) * candidates.len() as f64) as usize;
            candidates[place.min(candidates.len() - 1)]
        };
        let (lr, sigma) = (pick(kind.lr_candidates, true), pick(kind.noise_candidates, false));
        episodes.end_steps.push(((index + 1) * 200).min(steps) - 1);
        episodes.lr_values.push(lr);
        episodes.noise_values.push(sigma);
        episodes.rewards.push(0.12 * (-at * 6.0).exp() / lr.sqrt() + noise.next() * 0.05);
        episodes.update_norms.push(lr * 0.9 * (-at * 3.0).exp() * (1.0 + noise.next() * 0.3) + sigma * 4.0);
    }
    episodes
}

/// Two optimizers, five kinds, five seeds.
pub(super) fn archive() -> Vec<RunRecord> {
    let mut runs = Vec::new();
    for optimizer in ["AdamW", "SGD"] {
        for kind in [PLAIN, COSINE, FIXED, AEES, AEES_COSINE, DUAL] {
            runs.extend((0..5).map(|seed| run(kind, optimizer, seed, 60)));
        }
    }
    runs
}

/// A program's runs over two learning rates and three widths.
pub(super) fn program() -> Vec<RunRecord> {
    let mut runs = Vec::new();
    let mut noise = SplitMix(5);
    for lr in [0.001f64, 0.01] {
        for width in [16, 64, 256] {
            for seed in 0..6 {
                let mut one = run(PLAIN, "AdamW", seed, 1);
                one.task = "command".into();
                one.optimizer = String::new();
                one.method_name = String::new();
                one.label_noise = NoiseSetting::Clean;
                (one.val_accuracies, one.best_val_accuracy, one.final_val_accuracy) = (vec![], f64::NAN, None);
                one.config = Map::from_iter([
                    ("agent.learning_rate".to_owned(), json!(lr)),
                    ("agent.width".to_owned(), json!(width)),
                    ("seed".to_owned(), json!(seed)),
                ]);
                let value = 120.0 * lr.log10().abs() + f64::from(width).log2() * 10.0 + noise.next() * 60.0;
                (one.subsets, one.best_subsets) = (None, None);
                one.metrics = vec![("episode_return".into(), value), ("success".into(), (value / 500.0).min(1.0))];
                runs.push(one);
            }
        }
    }
    runs
}
