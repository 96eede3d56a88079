//! The adaptive runs whose arm frequencies `frequency-matched` takes over: found, read and checked.
//!
//! The control asks whether AEES's own mix of candidates, in random order, does as well as AEES. So the frequencies come
//! from the adaptive runs of the *other* seeds of the same task, regime, optimizer and controller, and a source that
//! differs in anything but its seed is refused.
//!
//! All other seeds that have a run take part. Where seeds are counted up, as the published 0 to 4, one that lacks is
//! missed by name, the last one too if the folder has any other run of it; arbitrary seeds leave larger gaps than that.
//! What makes a run such a source is in `trace`.

mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use aees_run::identity::{Id, NotCanonical};
use aees_run::input;
use aees_run::settings::{LabelNoiseType, RunConfig};

use trace::Trace;

/// A run that frequencies are taken from.
#[derive(Clone, Debug, PartialEq)]
pub struct FrequencySource {
    /// Its seed.
    pub seed: i64,
    /// Its result file.
    pub path: PathBuf,
    /// Its candidates, one for each episode: numbers in the product of both axes, which with one noise level are those of
    /// the multipliers.
    pub arms: Vec<usize>,
}

/// Why the sources cannot be used.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No adaptive run of another seed was found, or none of a seed among those that were; `seed` is the one that lacks.
    #[error("no adaptive {optimizer} run of {regime}, {}, in {root}", seed_text(*.seed), root = root.display())]
    Missing { seed: Option<i64>, regime: String, optimizer: &'static str, root: PathBuf },
    /// Two runs fit.
    #[error("two adaptive runs of seed {seed}: {first} and {second}", first = first.display(), second = second.display())]
    Duplicate { seed: i64, first: PathBuf, second: PathBuf },
    /// A run that does not fit this one, or is not whole.
    #[error("{path}: {problem}", path = path.display())]
    Unlike { path: PathBuf, problem: String },
}

impl TraceError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { seed, .. } => Some(format!(
                "run the adaptive experiment of {} first, or name the folder with its results with --aees-trace-root",
                seed_text(*seed)
            )),
            Self::Duplicate { .. } => Some("move one of them out of the folder".into()),
            _ => None,
        }
    }
}

impl FrequencySource {
    /// The hash of what a run takes from its sources: their seeds and their arms.
    ///
    /// # Errors
    /// None that can happen: whole numbers have a canonical form.
    pub fn digest(sources: &[Self]) -> Result<String, NotCanonical> {
        let taken: Vec<_> = sources.iter().map(|source| json!({"seed": source.seed, "arms": source.arms})).collect();
        Ok(Id::of(&Value::Array(taken))?.full().to_owned())
    }

    /// The adaptive runs of the other seeds, in the order of their seeds.
    ///
    /// # Errors
    /// When one is missing, doubled, damaged, or differs from this run in more than its seed.
    pub fn find_all(config: &RunConfig) -> Result<Vec<Self>, TraceError> {
        let (mut sources, mut seen) = (BTreeMap::<i64, Self>::new(), BTreeSet::from([config.seed.cast_signed()]));
        for path in result_files(Path::new(&config.aees_trace_root)) {
            let result = input::read(&path).ok().and_then(|text| aees_run::json::parse::<Value>(&text).ok());
            let Some(trace) = result.as_ref().and_then(|result| Trace::of(result, config)) else { continue };
            seen.insert(trace.seed);
            if !trace.is_source || trace.seed == config.seed.cast_signed() {
                continue;
            }
            let unlike = |problem| TraceError::Unlike { path: path.clone(), problem };
            let source = Self { seed: trace.seed, arms: trace.arms(config).map_err(unlike)?, path: path.clone() };
            if let Some(first) = sources.insert(trace.seed, source) {
                return Err(TraceError::Duplicate { seed: trace.seed, first: first.path, second: path });
            }
        }
        let missing = |seed| TraceError::Missing {
            seed,
            regime: regime(config),
            optimizer: config.optimizer.name(),
            root: PathBuf::from(&config.aees_trace_root),
        };
        if sources.is_empty() {
            return Err(missing(None));
        }
        match seed_left_out(sources.keys().copied().chain([config.seed.cast_signed()]).collect(), &seen) {
            Some(seed) => Err(missing(Some(seed))),
            None => Ok(sources.into_values().collect()),
        }
    }
}

fn seed_text(seed: Option<i64>) -> String {
    seed.map_or("another seed".into(), |seed| format!("seed {seed}"))
}

/// The first seed that lacks in a row of seeds. In a row more seeds are there than are not; it goes on over the seeds that
/// other runs of the folder have.
fn seed_left_out(seeds: BTreeSet<i64>, seen: &BTreeSet<i64>) -> Option<i64> {
    let (first, last) = (*seeds.first()?, *seeds.last()?);
    let lacking = usize::try_from(last.abs_diff(first)).ok()?.saturating_add(1) - seeds.len();
    if lacking >= seeds.len() {
        return None;
    }
    let last = (last..).take_while(|seed| *seed == last || seen.contains(seed)).last()?;
    (first..=last).find(|seed| !seeds.contains(seed))
}

/// Every file that may be a result: `<root>/<run>/result.json` as `aees train` writes them, `<root>/<xx>/<id>/result.json` as
/// studies do, and the reference's `<root>/<regime>_seed<n>/<variant>`, which has no extension.
fn result_files(root: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
    };
    let is_result = |path: &PathBuf| match path.extension() {
        None => path.is_file(),
        Some(extension) => extension == "json",
    };
    let (folders, mut files): (Vec<_>, Vec<_>) = list(root).into_iter().partition(|path| path.is_dir());
    for path in folders.iter().flat_map(|folder| list(folder)) {
        let of_study = path.join("result.json");
        files.push(if of_study.is_file() { of_study } else { path });
    }
    files.retain(is_result);
    files
}

fn regime(config: &RunConfig) -> String {
    let kind = match config.label_noise_type {
        _ if config.label_noise_rate.get() == 0.0 => return "clean".into(),
        LabelNoiseType::Asymmetric => "asym",
        // The text tasks know one type only, and no setting for it.
        LabelNoiseType::Symmetric | LabelNoiseType::None => "sym",
    };
    format!("{kind}{}", (config.label_noise_rate.get() * 100.0).round())
}

#[cfg(test)]
mod tests {
    use aees_run::settings::TaskName;

    use super::*;

    fn config() -> RunConfig {
        let mut config = RunConfig::new(TaskName::Cifar100);
        for assignment in [
            "control_mode=frequency-matched",
            "label_noise_type=symmetric",
            "label_noise_rate=0.2",
            "lr_candidates=0.5,1,2",
            "epochs=2",
            "episode_length=4",
            "seed=3",
        ] {
            config.assign(assignment).unwrap();
        }
        config.validate().unwrap();
        config
    }

    fn result(seed: i64) -> Value {
        let mut settings = config();
        settings.assign("control_mode=adaptive").unwrap();
        settings.seed = seed.unsigned_abs();
        let multiplier = config().lr_candidates.0[seed as usize % 3];
        json!({
            "config": settings.to_map(), "seed": seed, "total_epochs": 2, "total_steps": 10,
            "episode_logs": {
                "selected_lr_indices": [1, seed % 3, 0], "selected_lr_values": [1.0, multiplier, 0.5],
                "episode_start_steps": [0, 4, 8], "episode_end_steps": [3, 7, 9], "episode_rewards": [0.1, 0.2, 0.3],
            },
        })
    }

    fn folder(seeds: &[i64]) -> (tempfile::TempDir, RunConfig) {
        let scratch = tempfile::tempdir().unwrap();
        for seed in seeds {
            // The reference's files have no extension.
            let folder = scratch.path().join(format!("cifar100_sym20_seed{seed}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("adamw_aees_ep200_lr05102"), result(*seed).to_string()).unwrap();
        }
        let mut config = config();
        config.aees_trace_root = scratch.path().to_string_lossy().into_owned();
        (scratch, config)
    }

    #[test]
    fn the_other_four_seeds_are_found() {
        let (_scratch, config) = folder(&[0, 1, 2, 3, 4]);
        let sources = FrequencySource::find_all(&config).unwrap();
        let arms: Vec<_> = sources.iter().map(|source| (source.seed, source.arms.clone())).collect();
        assert_eq!(arms, [(0, vec![1, 0, 0]), (1, vec![1, 1, 0]), (2, vec![1, 2, 0]), (4, vec![1, 1, 0])]);
    }

    #[test]
    fn any_seeds_will_do_that_have_a_run() {
        let (_scratch, mut config) = folder(&[7, 42, 1337]);
        let seeds = |config: &RunConfig| {
            FrequencySource::find_all(config).unwrap().iter().map(|source| source.seed).collect::<Vec<_>>()
        };
        assert_eq!(seeds(&config), [7, 42, 1337]);
        config.seed = 42;
        assert_eq!(seeds(&config), [7, 1337]);
        let (_scratch, config) = folder(&[1, 2]);
        assert_eq!(seeds(&config), [1, 2], "seeds in a row need not begin at 0");
        let (_scratch, config) = folder(&[3]);
        let error = FrequencySource::find_all(&config).unwrap_err();
        assert!(error.to_string().contains("sym20, another seed, in"), "{error}");
    }

    #[test]
    fn both_axes_of_any_task_are_taken() {
        let scratch = tempfile::tempdir().unwrap();
        let mut config = RunConfig::new(TaskName::Sst2);
        for assignment in
            ["control_mode=frequency-matched", "lr_candidates=0.5,3", "noise_candidates=0,0.1,0.2", "episode_length=4"]
        {
            config.assign(assignment).unwrap();
        }
        config.validate().unwrap();
        config.aees_trace_root = scratch.path().to_string_lossy().into_owned();
        let write = |name: &str, seed: i64, controller: &str| {
            let mut settings = config.clone();
            settings.assign("control_mode=adaptive").unwrap();
            settings.assign(&format!("controller={controller}")).unwrap();
            let result = json!({
                "config": settings.to_map(), "seed": seed, "total_epochs": 3, "total_steps": 10, "task_name": "sst2",
                "episode_logs": {
                    "selected_lr_indices": [1, 0, 1], "selected_lr_values": [3.0, 0.5, 3.0],
                    "selected_noise_indices": [2, 0, 1], "selected_noise_values": [0.2, 0.0, 0.1],
                    "episode_start_steps": [0, 4, 8], "episode_end_steps": [3, 7, 9], "episode_rewards": [0.1, 0.2, 0.3],
                },
            });
            fs::write(scratch.path().join(name), result.to_string()).unwrap();
        };
        write("one.json", 1, "ducb");
        write("two.json", 1, "exp3");
        let sources = FrequencySource::find_all(&config).unwrap();
        assert_eq!(
            sources.iter().map(|source| (source.seed, source.arms.clone())).collect::<Vec<_>>(),
            [(1, vec![5, 0, 4])]
        );
        config.assign("controller=exp3").unwrap();
        let sources = FrequencySource::find_all(&config).unwrap();
        assert!(sources[0].path.ends_with("two.json"), "frequencies of the same controller");
    }

    #[test]
    fn a_missing_last_seed_is_noticed_by_the_other_runs_of_that_seed() {
        let (scratch, config) = folder(&[0, 1, 2]);
        assert_eq!(FrequencySource::find_all(&config).unwrap().len(), 3);
        let mut baseline = result(4);
        baseline["config"]["control_mode"] = json!("baseline");
        fs::create_dir_all(scratch.path().join("cifar100_sym20_seed4")).unwrap();
        fs::write(scratch.path().join("cifar100_sym20_seed4/adamw"), baseline.to_string()).unwrap();
        let error = FrequencySource::find_all(&config).unwrap_err();
        assert!(error.to_string().contains("sym20, seed 4"), "{error}");
    }

    #[test]
    fn a_missing_seed_is_named() {
        let (_scratch, config) = folder(&[0, 1, 4]);
        let error = FrequencySource::find_all(&config).unwrap_err();
        assert!(error.to_string().contains("sym20, seed 2"), "{error}");
        assert!(error.help().unwrap().contains("--aees-trace-root"));
    }

    #[test]
    fn a_source_with_other_settings_is_refused() {
        let (scratch, config) = folder(&[0, 1, 2, 4]);
        let mut other = result(2);
        other["config"]["weight_decay"] = json!(5e-4);
        fs::write(scratch.path().join("cifar100_sym20_seed2/adamw_aees_ep200_lr05102"), other.to_string()).unwrap();
        let error = FrequencySource::find_all(&config).unwrap_err();
        assert!(error.to_string().contains("weight_decay is 0.0005"), "{error}");
    }

    #[test]
    fn a_truncated_source_is_refused() {
        let (scratch, config) = folder(&[0, 1, 2, 4]);
        let mut short = result(1);
        short["episode_logs"]["selected_lr_indices"] = json!([1, 1]);
        fs::write(scratch.path().join("cifar100_sym20_seed1/adamw_aees_ep200_lr05102"), short.to_string()).unwrap();
        let error = FrequencySource::find_all(&config).unwrap_err();
        assert!(error.to_string().contains("selected_lr_indices has 2 entries"), "{error}");
    }
}
