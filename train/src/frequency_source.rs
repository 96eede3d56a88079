//! The adaptive runs whose arm frequencies `frequency-matched` takes over: found, read and checked.
//!
//! The control asks whether AEES's own mix of candidates, in random order, does as well as AEES. So the frequencies come
//! from the adaptive runs of the *other* seeds of the same task, regime, optimizer and controller, and a source that
//! differs in anything but its seed is refused.
//!
//! All other seeds that have a run take part. Where seeds are counted up, as the published 0 to 4, one that lacks is
//! missed by name; arbitrary seeds leave larger gaps than that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aees_control::ControllerName;
use serde_json::{Value, json};

use aees_run::identity::{Id, NotCanonical};
use aees_run::settings::{LabelNoiseType, OptimizerName, RunConfig, TaskName};

/// Settings written by another program may differ in their last digit.
const TOLERANCE: f64 = 1e-12;

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
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No adaptive run of another seed was found, or none of a seed among those that were.
    #[error("no adaptive {optimizer} run of {regime}, {}, in {root}", seed_text(*.seed), root = root.display())]
    Missing {
        /// The seed that lacks; any other when there are none.
        seed: Option<i64>,
        /// The label noise, such as `sym20`.
        regime: String,
        /// The optimizer.
        optimizer: &'static str,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// Two runs fit.
    #[error("two adaptive runs of seed {seed}: {first} and {second}", first = first.display(), second = second.display())]
    Duplicate {
        /// The seed.
        seed: i64,
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A run that does not fit this one, or is not whole.
    #[error("{path}: {problem}", path = path.display())]
    Unlike {
        /// Its result file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
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
        let mut sources: BTreeMap<i64, Self> = BTreeMap::new();
        for path in result_files(Path::new(&config.aees_trace_root)) {
            let Some(result) = read(&path) else { continue };
            let Some(seed) = seed_of_adaptive_run(&result, config).filter(|seed| *seed != config.seed.cast_signed())
            else {
                continue;
            };
            let unlike = |problem| TraceError::Unlike { path: path.clone(), problem };
            check_alike(&result, config).map_err(unlike)?;
            let arms = arms(&result, config).map_err(unlike)?;
            if let Some(first) = sources.insert(seed, Self { seed, path: path.clone(), arms }) {
                return Err(TraceError::Duplicate { seed, first: first.path, second: path });
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
        match seed_left_out(sources.keys().copied().chain([config.seed.cast_signed()]).collect()) {
            Some(seed) => Err(missing(Some(seed))),
            None => Ok(sources.into_values().collect()),
        }
    }
}

fn seed_text(seed: Option<i64>) -> String {
    seed.map_or("another seed".into(), |seed| format!("seed {seed}"))
}

/// The first seed that lacks in a row of seeds. In a row more seeds are there than are not.
fn seed_left_out(seeds: BTreeSet<i64>) -> Option<i64> {
    let (first, last) = (*seeds.first()?, *seeds.last()?);
    let lacking = usize::try_from(last.abs_diff(first)).ok()?.saturating_add(1) - seeds.len();
    let in_a_row = lacking < seeds.len();
    in_a_row.then(|| (first..=last).find(|seed| !seeds.contains(seed))).flatten()
}

/// Every file that may be a result, up to two folders down: `<root>/<run>/result.json` as this program writes them, and
/// the reference's `<root>/<regime>_seed<n>/<variant>`, which has no extension.
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
    files.extend(folders.iter().flat_map(|folder| list(folder)));
    files.retain(is_result);
    files
}

fn read(path: &Path) -> Option<Value> {
    aees_run::json::parse(&fs::read(path).ok()?).ok()
}

/// The seed of an adaptive run of this task, regime, optimizer and controller; what else differs is an error.
fn seed_of_adaptive_run(result: &Value, config: &RunConfig) -> Option<i64> {
    let settings = &result["config"];
    // The reference's files of images do not all name their task, those of text have a method and no control mode.
    let task = result.get("task_name").is_none_or(|task| task == config.task.name());
    let adaptive = settings["control_mode"] == "adaptive" || result["method_name"] == "AdaptiveScheduler";
    let noise_type = match config.task {
        TaskName::Cifar100 => config.label_noise_type.name(),
        _ if config.label_noise_rate.get() > 0.0 => "symmetric",
        _ => "none",
    };
    let rate = settings.get("label_noise_rate").cloned().unwrap_or_else(|| json!(0.0));
    let noise = settings.get("label_noise_type").is_none_or(|kind| kind == noise_type)
        && close(&rate, config.label_noise_rate.get());
    // A file that does not name its controller has the reference's.
    let controller = settings.get("controller").and_then(Value::as_str).unwrap_or(ControllerName::default().name());
    // Cosine + AEES lies in the same folders and is another method.
    let scheduler = settings["lr_scheduler"] == config.lr_scheduler.name();
    let optimizer = settings.get("optimizer").is_none_or(|optimizer| optimizer == config.optimizer.name());
    let same = task && adaptive && noise && scheduler && optimizer && controller == config.method.controller.name();
    result["seed"].as_i64().filter(|_| same)
}

fn check_alike(result: &Value, config: &RunConfig) -> Result<(), String> {
    let settings = &result["config"];
    let mut numbers = vec![
        ("epochs", config.epochs.get() as f64),
        ("batch_size", config.batch_size.get() as f64),
        ("episode_length", config.episode_length.get() as f64),
        ("lr", config.lr.get()),
        ("weight_decay", config.weight_decay.get()),
    ];
    if config.optimizer == OptimizerName::Sgd {
        numbers.push(("momentum", config.momentum.get()));
    }
    if config.task.is_text() {
        numbers.push(("max_length", config.max_length.get() as f64));
    }
    for (key, wanted) in numbers {
        if !close(&settings[key], wanted) {
            return Err(format!("{key} is {}, this run has {wanted}", settings[key]));
        }
    }
    for (key, wanted) in [("lr_candidates", &config.lr_candidates.0), ("noise_candidates", &config.noise_candidates.0)]
    {
        let same = settings[key].as_array().is_some_and(|values| {
            values.len() == wanted.len() && values.iter().zip(wanted).all(|(value, wanted)| close(value, *wanted))
        });
        if !same {
            return Err(format!("{key} are {}, this run has {wanted:?}", settings[key]));
        }
    }
    match &result["total_epochs"] {
        total if close(total, config.epochs.get() as f64) => Ok(()),
        total => Err(format!("it stopped after {total} of {} epochs", config.epochs)),
    }
}

/// The arms of all episodes, after checking that the logs are whole and consistent.
fn arms(result: &Value, config: &RunConfig) -> Result<Vec<usize>, String> {
    let steps = result["total_steps"].as_u64().ok_or("total_steps is missing")?;
    let length = config.episode_length.get() as u64;
    let episodes = steps.div_ceil(length) as usize;
    let logs = &result["episode_logs"];
    let list = |key: &str| match logs[key].as_array() {
        Some(values) if values.len() == episodes => Ok(values),
        Some(values) => Err(format!("{key} has {} entries, {steps} steps make {episodes}", values.len())),
        None => Err(format!("{key} is missing")),
    };
    let (starts, ends) = (list("episode_start_steps")?, list("episode_end_steps")?);
    list("episode_rewards")?;
    let (lr, noise) = (&config.lr_candidates.0, &config.noise_candidates.0);
    let lr_arms = axis(list("selected_lr_indices")?, list("selected_lr_values")?, lr, "multiplier")?;
    let noise_arms = match noise.len() {
        1 => vec![0; episodes],
        _ => axis(list("selected_noise_indices")?, list("selected_noise_values")?, noise, "noise")?,
    };
    for episode in 0..episodes {
        let first = length * episode as u64;
        let last = (first + length).min(steps) - 1;
        if starts[episode] != first || ends[episode] != last {
            return Err(format!("episode {episode} does not cover steps {first} to {last}"));
        }
    }
    Ok(lr_arms.into_iter().zip(noise_arms).map(|(lr, noise_arm)| lr * noise.len() + noise_arm).collect())
}

/// The arms of one axis, whose values must be those of the candidates.
fn axis(indices: &[Value], values: &[Value], candidates: &[f64], what: &str) -> Result<Vec<usize>, String> {
    let arm = |(episode, (index, value)): (usize, (&Value, &Value))| {
        let arm = index.as_u64().and_then(|arm| usize::try_from(arm).ok());
        let arm = arm.filter(|arm| candidates.get(*arm).is_some_and(|candidate| close(value, *candidate)));
        arm.ok_or_else(|| format!("episode {episode} has arm {index} with {what} {value}"))
    };
    indices.iter().zip(values).enumerate().map(arm).collect()
}

fn close(value: &Value, wanted: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - wanted).abs() <= TOLERANCE)
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
    use super::*;
    use serde_json::json;

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
