//! One result file, as far as reports need it.
//!
//! Label arrays (3 MB in a noisy run of the reference), controller histories and label masks are skipped while they are
//! read and never kept. Python writes NaN and infinities as bare words, which JSON does not have; they are read as NaN.

use std::io::Read;
use std::path::Path;

use aees_run::{input, json};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::source::FileRefusal;

/// Longest list that is kept of a setting.
const LONGEST_LIST: usize = 64;

/// How much of a file tells whether it may be JSON.
const HEAD: usize = 64;

/// A number; null, as our writer has it, and Python's words are NaN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN)))
    }
}

pub(super) type Numbers = Option<Vec<Number>>;

/// A RunResult. Every key may be absent.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Document {
    pub(super) schema_version: Option<u64>,
    pub(super) run_id: Option<String>,
    pub(super) method_name: Option<String>,
    pub(super) task_name: Option<String>,
    pub(super) dataset_name: Option<String>,
    pub(super) seed: Option<i64>,
    pub(super) total_epochs: Option<u64>,
    pub(super) total_steps: Option<u64>,
    pub(super) train_losses: Numbers,
    pub(super) train_accuracies: Numbers,
    pub(super) val_accuracies: Numbers,
    pub(super) best_val_accuracy: Option<f64>,
    pub(super) final_val_accuracy: Option<f64>,
    pub(super) final_train_loss: Option<f64>,
    pub(super) epoch_wall_clock_seconds: Numbers,
    pub(super) wall_clock_seconds: Option<f64>,
    pub(super) epoch_tflops: Numbers,
    pub(super) estimated_flops: Option<f64>,
    pub(super) accuracy_per_tflop: Option<f64>,
    pub(super) episode_logs: Option<WrittenEpisodes>,
    pub(super) controller_logs: Option<WrittenControllers>,
    #[serde(default)]
    pub(super) config: Option<Config>,
    pub(super) runtime_metrics: Option<Short>,
    // Ours alone.
    pub(super) outcome: Option<Short>,
    pub(super) best_epoch: Option<u64>,
    pub(super) stopped_early: Option<Short>,
    pub(super) best_epoch_diagnostics: Option<Subsets>,
    pub(super) engine: Option<Short>,
    pub(super) backend: Option<Short>,
    pub(super) device_name: Option<Short>,
    pub(super) precision: Option<Short>,
    pub(super) data_fingerprint: Option<String>,
    pub(super) model_digest: Option<String>,
    pub(super) tokenizer_digest: Option<String>,
    pub(super) weights_digest: Option<String>,
    pub(super) versions: Option<Short>,
    pub(super) hardware: Option<Short>,
    pub(super) circumstances: Option<Short>,
    // Of a foreign program.
    pub(super) result: Option<Short>,
    pub(super) metrics: Option<Short>,
    pub(super) command: Option<Command>,
}

/// `episode_logs`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct WrittenEpisodes {
    pub(super) selected_lr_values: Numbers,
    pub(super) selected_noise_values: Numbers,
    pub(super) episode_rewards: Numbers,
    pub(super) episode_end_steps: Option<Vec<u64>>,
    pub(super) mean_update_norms: Numbers,
}

/// `controller_logs`, without histories.
#[derive(Debug, serde::Deserialize)]
pub(super) struct WrittenControllers {
    #[serde(rename = "_logged_episode_count")]
    pub(super) logged_episode_count: Option<u64>,
    pub(super) lr_controller_logs: Option<WrittenController>,
    pub(super) noise_controller_logs: Option<WrittenController>,
    pub(super) noise_controller_logs_by_lr: Option<std::collections::BTreeMap<String, WrittenController>>,
}

/// What one controller is.
#[derive(Debug, serde::Deserialize)]
pub(super) struct WrittenController {
    pub(super) controller_type: Option<String>,
}

/// `final_subset_accuracies`, and the same at the best epoch.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(super) struct Subsets {
    pub(super) train_all_accuracy: Option<f64>,
    pub(super) train_clean_accuracy: Option<f64>,
    pub(super) train_corrupted_accuracy_vs_noisy_labels: Option<f64>,
    pub(super) train_corrupted_accuracy_vs_clean_labels: Option<f64>,
    pub(super) final_val_accuracy: Option<f64>,
}

impl Subsets {
    /// The accuracies with their keys.
    pub(super) fn named(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("train_all_accuracy", self.train_all_accuracy),
            ("train_clean_accuracy", self.train_clean_accuracy),
            ("train_corrupted_accuracy_vs_noisy_labels", self.train_corrupted_accuracy_vs_noisy_labels),
            ("train_corrupted_accuracy_vs_clean_labels", self.train_corrupted_accuracy_vs_clean_labels),
            ("final_val_accuracy", self.final_val_accuracy),
        ]
    }
}

/// `config.diagnostics`.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Diagnostics {
    pub(super) label_noise: Option<WrittenLabelNoise>,
    pub(super) final_subset_accuracies: Option<Subsets>,
}

/// `config.diagnostics.label_noise`, without the labels.
#[derive(Debug, serde::Deserialize)]
pub(super) struct WrittenLabelNoise {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) rate: Option<f64>,
}

/// `command` of a foreign program's result.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Command {
    pub(super) input: Option<Short>,
}

/// `config`: the settings, and apart from them the diagnostics.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) settings: Map<String, Value>,
    pub(super) diagnostics: Diagnostics,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConfigVisitor;
        impl<'de> Visitor<'de> for ConfigVisitor {
            type Value = Config;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
                let mut config = Config::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "diagnostics" {
                        config.diagnostics = map.next_value::<Option<Diagnostics>>()?.unwrap_or_default();
                    } else if let Short(Some(value)) = map.next_value()? {
                        config.settings.insert(key, value);
                    }
                }
                Ok(config)
            }
        }
        deserializer.deserialize_map(ConfigVisitor)
    }
}

/// A value without lists of more than 64 entries; none if it is such a list itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Short(pub(super) Option<Value>);

impl Short {
    /// The entries, if it is a map.
    pub(super) fn entries(self) -> Map<String, Value> {
        match self.0 {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Short;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Short, E> {
                Ok(Short(Some(value.into())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Short, E> {
                Ok(Short(Some(value.into())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Short, E> {
                Ok(Short(Some(value.into())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Short, E> {
                Ok(Short(Some(value.into())))
            }

            fn visit_str<E>(self, value: &str) -> Result<Short, E> {
                Ok(Short(Some(value.into())))
            }

            fn visit_unit<E>(self) -> Result<Short, E> {
                Ok(Short(Some(Value::Null)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Short, A::Error> {
                let mut items = Vec::new();
                while let Some(Short(item)) = sequence.next_element()? {
                    items.extend(item);
                    if items.len() > LONGEST_LIST {
                        while sequence.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(Short(None));
                    }
                }
                Ok(Short(Some(items.into())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Short, A::Error> {
                let mut entries = Map::new();
                while let Some((key, Short(value))) = map.next_entry::<String, Short>()? {
                    entries.extend(value.map(|value| (key, value)));
                }
                Ok(Short(Some(Value::Object(entries))))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Tells a file that cannot be a JSON object by its first bytes, so that a large foreign file is not read.
pub(super) fn looks_like_json(path: &Path) -> Result<(), FileRefusal> {
    let is_named_json = path.extension().is_some_and(|extension| extension == "json");
    let mut head = Vec::with_capacity(HEAD);
    let read = input::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match head.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        // A list, or a log: the reference's begin with `[` too.
        Some(b'[') => Err(FileRefusal::foreign("not a RunResult: no JSON object")),
        Some(_) => Err(FileRefusal { reason: "not JSON".into(), damaged: is_named_json }),
        None => Err(FileRefusal { reason: "the file is empty".into(), damaged: is_named_json }),
    }
}

/// What only a RunResult has.
#[derive(serde::Deserialize)]
struct Signs {
    val_accuracies: Option<IgnoredAny>,
}

/// Reads a document, or says why it is none.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, FileRefusal> {
    json::parse(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let has_curves = json::parse::<Signs>(bytes).is_ok_and(|signs| signs.val_accuracies.is_some());
            FileRefusal { reason: format!("JSON, but not a RunResult: {error}"), damaged: has_curves }
        }
        _ => {
            // JSON Lines: logs, which are whole in their first line.
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
            let is_lines = matches!((values.next(), values.next()), (Some(Ok(_)), Some(_)));
            FileRefusal { reason: format!("not JSON: {error}"), damaged: !is_lines }
        }
    })
}
