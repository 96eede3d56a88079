//! Splits, limits, label noise, synthetic sentences and fingerprints of the text tasks.
//!
//! `fixtures/make_text_fixtures.py` makes the goldens with Hugging Face's datasets, NumPy and CPython.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use aees_run::settings::LabelNoiseType;

use aees_tasks::{
    DataError, DataSource, LabelNoise, TextData, TextDataConfig, TextSplit, TextTask, corrupt_sampled_labels,
    labels_digest,
};
use serde_json::Value;
use tempfile::TempDir;

fn symmetric(rate: f64) -> LabelNoise {
    LabelNoise { kind: LabelNoiseType::Symmetric, rate }
}

fn synthetic(task: TextTask, change: impl FnOnce(&mut TextDataConfig)) -> Result<TextData, DataError> {
    let mut config = TextDataConfig { source: DataSource::Synthetic, ..TextDataConfig::new(task) };
    (config.limit_train, config.limit_eval) = (Some(400), Some(80));
    change(&mut config);
    config.load()
}

fn complaint(task: TextTask, change: impl FnOnce(&mut TextDataConfig)) -> String {
    synthetic(task, change).unwrap_err().to_string()
}

fn counts(labels: &[u32], classes: u32) -> Vec<usize> {
    (0..classes).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
}

/// A folder of AG News whose row i says `row i` and has class i % 4.
fn numbered_news(train: usize, test: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, rows) in [("train.csv", train), ("test.csv", test)] {
        let mut csv = String::new();
        (0..rows).for_each(|row| writeln!(csv, "\"{}\",\"row\",\"{row}\"", row % 4 + 1).unwrap());
        fs::write(folder.path().join(name), csv).unwrap();
    }
    folder
}

fn load_news(folder: &Path, change: impl FnOnce(&mut TextDataConfig)) -> TextData {
    let source = DataSource::Path(folder.to_owned());
    let mut config = TextDataConfig { source, ..TextDataConfig::new(TextTask::AgNews) };
    change(&mut config);
    config.load().unwrap()
}

fn row_numbers(split: &TextSplit) -> Vec<u32> {
    split.texts().map(|text| text.strip_prefix("row ").unwrap().parse().unwrap()).collect()
}

#[test]
fn validation_is_held_out_as_hugging_faces_datasets_do_it() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/text_splits.json")).unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let folder = numbered_news(case["examples"].as_u64().unwrap() as usize, 4);
        let data = load_news(folder.path(), |config| config.split_seed = case["seed"].as_u64().unwrap());
        let (held_out, kept) = (row_numbers(&data.validation), row_numbers(&data.train));
        assert_eq!(held_out.len() as u64, case["held_out"].as_u64().unwrap());
        assert_eq!(serde_json::to_value(&kept[..6]).unwrap(), case["first_kept"]);
        assert_eq!(labels_digest(&held_out), case["held_out_sha256"].as_str().unwrap());
        assert_eq!(labels_digest(&kept), case["kept_sha256"].as_str().unwrap());
    }
}

#[test]
fn label_noise_is_cpythons() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/text_noise.json")).unwrap();
    assert_eq!(cases.len(), 32);
    for case in cases {
        let labels: Vec<u32> = (0..case["examples"].as_u64().unwrap() as u32).map(|index| index % 4).collect();
        let (noise, seed) = (symmetric(case["rate"].as_f64().unwrap()), case["seed"].as_u64().unwrap());
        let report = corrupt_sampled_labels(&labels, 4, noise, seed).unwrap().unwrap();
        assert_eq!(report.num_corrupted_examples as u64, case["k"].as_u64().unwrap(), "{case}");
        assert_eq!(labels_digest(&report.corrupted_indices), case["indices_sha256"].as_str().unwrap(), "{case}");
        assert_eq!(report.noisy_targets_sha256, case["labels_sha256"].as_str().unwrap(), "{case}");
        let changed: Vec<u32> = (0..)
            .zip(&labels)
            .filter(|(index, label)| report.noisy_targets[*index] != **label)
            .map(|(index, _)| index as u32)
            .collect();
        assert_eq!(changed, report.corrupted_indices);
    }
}

#[test]
fn the_references_noise_on_all_of_ag_news() {
    let labels = vec![3; 108_000];
    for (rate, corrupted, first, draws) in
        [(0.2, 21_600, [1, 4, 11, 12, 22], [2, 1, 1, 0, 2]), (0.4, 43_200, [1, 4, 6, 7, 11], [1, 1, 1, 1, 0])]
    {
        let report = corrupt_sampled_labels(&labels, 4, symmetric(rate), 42).unwrap().unwrap();
        assert_eq!(report.num_corrupted_examples, corrupted);
        assert_eq!(report.corrupted_indices[..5], first);
        // Of labels 3 the other three are 0, 1, 2: the draw is the label.
        assert_eq!(first.map(|index| report.noisy_targets[index as usize]), draws);
    }
}

#[test]
fn limits_cut_after_the_split_and_noise_comes_last() {
    let folder = numbered_news(1000, 40);
    let all = load_news(folder.path(), |_| {});
    assert_eq!((all.train.len(), all.validation.len(), all.test.as_ref().unwrap().len()), (900, 100, 40));
    let data = load_news(folder.path(), |config| {
        (config.limit_train, config.limit_eval, config.label_noise) = (Some(200), Some(60), symmetric(0.2));
    });
    assert_eq!(counts(data.train.clean_labels(), 4), [50; 4]);
    assert_eq!(counts(data.validation.labels(), 4), [15; 4]);
    // The test file is smaller than the limit.
    assert_eq!(data.test.unwrap(), all.test.unwrap());
    // The order of the permutation stays, and no row changes its split.
    let is_part = |part: &TextSplit, whole: &TextSplit| {
        let mut whole = row_numbers(whole).into_iter();
        row_numbers(part).into_iter().all(|row| whole.any(|other| other == row))
    };
    assert!(is_part(&data.train, &all.train) && is_part(&data.validation, &all.validation));
    let report = data.label_noise.unwrap();
    assert_eq!((report.num_train_examples, report.num_corrupted_examples), (200, 40));
    assert_eq!(report.noisy_targets, data.train.labels());
    assert_eq!(report.original_targets, data.train.clean_labels());
    assert_eq!(data.validation.labels(), data.validation.clean_labels());
    let clean = load_news(folder.path(), |config| (config.limit_train, config.limit_eval) = (Some(200), Some(60)));
    assert_eq!(clean.fingerprint, data.fingerprint);
    assert_ne!(clean.fingerprint, all.fingerprint);
    let other_split = load_news(folder.path(), |config| config.split_seed = 1);
    assert_ne!(other_split.fingerprint, all.fingerprint);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    use TextTask::{AgNews, Sst2};
    assert_eq!(
        complaint(AgNews, |config| config.limit_train = Some(108_001)),
        "--limit-train 108001: expected 1 to 108000, the examples there are"
    );
    assert_eq!(
        complaint(Sst2, |config| config.limit_eval = Some(873)),
        "--limit-eval 873: expected 1 to 872, the examples there are"
    );
    assert!(complaint(Sst2, |config| config.limit_train = Some(0)).starts_with("--limit-train 0: expected 1 to "));
    assert_eq!(
        complaint(AgNews, |config| config.label_noise = symmetric(0.0001)),
        "--label-noise-rate 0.0001 of 400 training examples corrupts none; raise it or set it to 0"
    );
}

#[test]
fn synthetic_sets_have_the_real_sizes_and_never_change() {
    let sst2 = synthetic(TextTask::Sst2, |config| (config.limit_train, config.limit_eval) = (None, None)).unwrap();
    assert_eq!((sst2.train.len(), sst2.validation.len(), sst2.test), (67_349, 872, None));
    assert_eq!(counts(sst2.validation.labels(), 2), [436, 436]);
    let few = synthetic(TextTask::Sst2, |_| {}).unwrap();
    assert_eq!((few.train.len(), few.validation.len()), (400, 80));
    assert!(few.train.texts().eq(sst2.train.texts().take(400)));
    assert_eq!(few.fingerprint, "10420b2fdd7e9b4a54926cfd86454e8ce3b5ba0e8ea4364e7e73215a1726a7c2");

    let news = synthetic(TextTask::AgNews, |config| (config.limit_train, config.limit_eval) = (None, None)).unwrap();
    assert_eq!((news.train.len(), news.validation.len(), news.test.unwrap().len()), (108_000, 12_000, 7_600));
    let few = synthetic(TextTask::AgNews, |_| {}).unwrap();
    assert_eq!(few.test.as_ref().map(TextSplit::len), Some(80));
    assert_eq!(few.fingerprint, "638818a73f624e3841ce3af74be19fd1a51472f4a7aa5aced10b7c3e35bb436c");
    let distinct: HashSet<&str> = news.train.texts().collect();
    assert!(distinct.len() > 107_900, "{} distinct sentences", distinct.len());
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Multinomial naive Bayes with add-one smoothing: its accuracy on `test`.
fn naive_bayes(train: &TextSplit, test: &TextSplit, classes: usize) -> f64 {
    let mut counts: HashMap<String, Vec<f64>> = HashMap::new();
    let mut totals = vec![0.0; classes];
    for (text, &label) in train.texts().zip(train.labels()) {
        for word in words_of(text) {
            counts.entry(word.to_lowercase()).or_insert_with(|| vec![0.0; classes])[label as usize] += 1.0;
            totals[label as usize] += 1.0;
        }
    }
    let right = test.texts().zip(test.labels()).filter(|(text, label)| {
        let mut scores = vec![0.0; classes];
        for count in words_of(text).filter_map(|word| counts.get(&word.to_lowercase())) {
            for class in 0..classes {
                scores[class] += ((count[class] + 1.0) / (totals[class] + counts.len() as f64)).ln();
            }
        }
        let best = (0..classes).max_by(|&left, &right| scores[left].total_cmp(&scores[right]));
        best == Some(**label as usize)
    });
    right.count() as f64 / test.len() as f64
}

#[test]
fn synthetic_sets_can_be_learned_but_not_to_the_last_sentence() {
    for (task, classes) in [(TextTask::Sst2, 2), (TextTask::AgNews, 4)] {
        let data = synthetic(task, |config| (config.limit_train, config.limit_eval) = (None, None)).unwrap();
        let accuracy = naive_bayes(&data.train, data.test.as_ref().unwrap_or(&data.validation), classes);
        eprintln!("{task:?}: naive Bayes {accuracy:.3}");
        assert!((0.85..0.95).contains(&accuracy), "{task:?}: naive Bayes gets {accuracy:.3}");
    }
}
