//! Label noise against CPython: the reference's golden vectors, and digests of whole label vectors.
//!
//! `fixtures/make_label_noise.py` makes the fixture with Python's own `random`.

use aees_run::settings::LabelNoiseType;

use aees_tasks::{LabelNoise, LabelNoiseReport, corrupt_labels, labels_digest, next_in_superclass};
use serde_json::Value;

fn corrupt(kind: LabelNoiseType, rate: f64, seed: u64) -> LabelNoiseReport {
    let labels: Vec<u32> = (0..50_000).map(|index| index % 100).collect();
    let noise = LabelNoise { kind, rate };
    corrupt_labels(&labels, noise, seed, &next_in_superclass()).unwrap().unwrap()
}

#[test]
fn first_corrupted_indices_and_draws_are_the_references() {
    let indices: [(u64, &[u32]); 5] = [
        (0, &[6690, 6328, 33879, 1537, 24917, 38051]),
        (1, &[6795, 21588, 48095, 14907, 6883, 29592]),
        (2, &[3329, 36509, 11655]),
        (3, &[31401, 45601, 42858]),
        (4, &[20179, 40889, 6915]),
    ];
    for (seed, first) in indices {
        for kind in [LabelNoiseType::Symmetric, LabelNoiseType::Asymmetric] {
            assert_eq!(&corrupt(kind, 0.2, seed).corrupted_indices[..first.len()], first, "seed {seed}");
        }
    }
    for (seed, draws) in [(0, [89, 34, 19, 39, 49, 64]), (1, [42, 76, 51, 41, 32, 65])] {
        let report = corrupt(LabelNoiseType::Symmetric, 0.4, seed);
        for (&index, draw) in report.corrupted_indices.iter().zip(draws) {
            let old = report.original_targets[index as usize];
            assert_eq!(report.noisy_targets[index as usize], if draw < old { draw } else { draw + 1 });
        }
    }
}

#[test]
fn whole_vectors_equal_pythons() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/label_noise.json")).unwrap();
    assert_eq!(cases.len(), 20);
    for case in cases {
        let kind: LabelNoiseType = serde_json::from_value(case["type"].clone()).unwrap();
        let report = corrupt(kind, case["rate"].as_f64().unwrap(), case["seed"].as_u64().unwrap());
        assert_eq!(report.num_corrupted_examples as u64, case["k"].as_u64().unwrap());
        let first: Vec<u32> = serde_json::from_value(case["first_indices"].clone()).unwrap();
        assert_eq!(report.corrupted_indices[..6], first);
        let labels: Vec<u32> = first.iter().map(|&index| report.noisy_targets[index as usize]).collect();
        assert_eq!(serde_json::to_value(labels).unwrap(), case["first_labels"]);
        assert_eq!(labels_digest(&report.corrupted_indices), case["indices_sha256"].as_str().unwrap());
        assert_eq!(report.noisy_targets_sha256, case["labels_sha256"].as_str().unwrap());
    }
}

#[test]
fn a_report_agrees_with_itself() {
    for kind in [LabelNoiseType::Symmetric, LabelNoiseType::Asymmetric] {
        let report = corrupt(kind, 0.4, 3);
        assert_eq!((report.num_corrupted_examples, report.num_clean_examples), (20_000, 30_000));
        assert!((report.corrupted_fraction - 0.4).abs() < 1e-12);
        let changed: Vec<bool> =
            report.original_targets.iter().zip(&report.noisy_targets).map(|(old, new)| old != new).collect();
        assert_eq!(changed, report.corrupted_mask);
        assert!(report.clean_mask().iter().zip(&changed).all(|(clean, changed)| clean != changed));
        let mut sorted = report.corrupted_indices.clone();
        sorted.sort_unstable();
        let masked: Vec<u32> = (0..50_000).filter(|&index| changed[index as usize]).collect();
        assert_eq!(sorted, masked);
    }
}
