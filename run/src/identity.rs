//! The identity of a run: a hash of what decides its result, and of nothing else.
//!
//! The canonical form is written by hand so that it depends on no float printer and no key order: keys sorted by
//! bytes, no spaces, integers in decimal, floats as `<integer>e<exponent>` from their shortest round-trip digits.
//! Settings that hold their default are left out, so that a new setting keeps every old id.

use std::collections::BTreeMap;

use crate::hexadecimal::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::settings::{Role, RunConfig};

/// Versions of what takes part in a result. Raised when the same configuration starts to give other numbers.
const COMPONENTS: [(&str, i64); 5] = [("control", 1), ("data", 1), ("model", 2), ("optimizer", 2), ("trainer", 1)];

/// A hash as 64 lower-case hexadecimal digits; shown shortened to 16.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(String);

impl Id {
    /// The id of a canonical value.
    ///
    /// # Errors
    /// A NaN or an infinity has no canonical form.
    pub fn of(value: &Value) -> Result<Self, NotCanonical> {
        Ok(Self(sha256(canonical(value)?)))
    }

    /// All 64 digits.
    pub fn full(&self) -> &str {
        &self.0
    }

    /// The first 16 digits: what people see.
    pub fn short(&self) -> &str {
        &self.0[..16]
    }
}

/// A value without a canonical form.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be part of a run's identity")]
pub struct NotCanonical(String);

/// What a run is made of beside its settings. Files count by their content: paths are never part of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inputs {
    /// SHA-256 over the decoded data.
    pub data_fingerprint: String,
    /// SHA-256 of what else decides the result, by name: `tokenizer`, `model`, `weights`.
    pub digests: BTreeMap<String, String>,
}

impl Inputs {
    /// Data alone.
    pub fn data(fingerprint: impl Into<String>) -> Self {
        Self { data_fingerprint: fingerprint.into(), digests: BTreeMap::new() }
    }
}

/// The ids of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    /// What all seeds of a setting share.
    pub config_id: Id,
    /// The run.
    pub run_id: Id,
}

impl RunIdentity {
    /// The identity of a configuration on certain inputs.
    ///
    /// # Errors
    /// When a setting is NaN or infinite; a validated configuration has none.
    pub fn of(config: &RunConfig, inputs: &Inputs) -> Result<Self, NotCanonical> {
        Self::of_document(&Self::document(config, inputs), config.seed)
    }

    /// The identity of what a document tells, with a seed.
    ///
    /// # Errors
    /// When a number in it has no canonical form.
    pub fn of_document(document: &Value, seed: impl Into<Value>) -> Result<Self, NotCanonical> {
        let config_id = Id::of(document)?;
        let run_id = Id::of(&json!({"config_id": config_id.full(), "seed": seed.into()}))?;
        Ok(Self { config_id, run_id })
    }

    /// What the `config_id` is the hash of.
    pub fn document(config: &RunConfig, inputs: &Inputs) -> Value {
        let science = config.changed().filter(|(setting, _)| setting.role == Role::Science);
        let science: Map<String, Value> = science.map(|(setting, value)| (setting.key.to_owned(), value)).collect();
        let code: Map<String, Value> =
            COMPONENTS.iter().map(|(name, version)| ((*name).into(), json!(version))).collect();
        let mut identity = json!({
            "v": 1,
            "task": config.task.name(),
            "config": science,
            "data": {"name": config.task.name(), "fingerprint": inputs.data_fingerprint},
            "code": code,
        });
        if !inputs.digests.is_empty() {
            identity["inputs"] = json!(inputs.digests);
        }
        identity
    }
}

/// The canonical text of a value.
///
/// # Errors
/// A NaN or an infinity; JSON values made by this program hold none.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    Ok(match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.is_f64(), number.as_f64()) {
            (true, Some(float)) => canonical_float(float)?,
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect::<Result<_, _>>()?;
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            let entry = |(key, value): (&String, &Value)| Ok(format!("{}:{}", quoted(key), canonical(value)?));
            let entries: Vec<String> = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
            format!("{{{}}}", entries.join(","))
        }
    })
}

/// `0.001` is `1e-3`, `1.0` is `1e0`, `2500.0` is `25e2`, both zeros are `0e0`.
fn canonical_float(float: f64) -> Result<String, NotCanonical> {
    if !float.is_finite() {
        return Err(NotCanonical(float.to_string()));
    }
    if float == 0.0 {
        return Ok("0e0".into());
    }
    // Rust's exponent form is the shortest that reads back: `<digit>[.<digits>]e<exponent>`.
    let text = format!("{float:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return Err(NotCanonical(text)) };
    let exponent: i32 = exponent.parse().map_err(|_| NotCanonical(text.clone()))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = i32::try_from(fraction.len()).map_err(|_| NotCanonical(text.clone()))?;
    Ok(format!("{whole}{fraction}e{}", exponent - shift))
}

/// Escapes only what JSON must: quote, backslash and control characters.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::settings::TaskName;

    fn short(text: &str) -> String {
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn golden_ids_of_canonical_texts() {
        let cases = [
            (json!({}), "{}", "44136fa355b3678a"),
            (json!({"lr": 0.001}), r#"{"lr":1e-3}"#, "c91b286e50b2a547"),
            (json!({"lr": 1e-5, "s": "é"}), r#"{"lr":1e-5,"s":"é"}"#, "197a9799351d45e9"),
            (json!({"n": 1}), r#"{"n":1}"#, "2bfd14f43d17fc7c"),
            (json!({"n": 1.0}), r#"{"n":1e0}"#, "1499d8ce7727c52f"),
            (
                json!({"b": {"z": -0.0, "y": 2500.0}, "a": [1, 2.5, true, null]}),
                r#"{"a":[1,25e-1,true,null],"b":{"y":25e2,"z":0e0}}"#,
                "cf5a0457d3fb2fc3",
            ),
            (json!({"seed": u64::MAX}), r#"{"seed":18446744073709551615}"#, "caa54095ad4939c1"),
        ];
        for (value, text, id) in cases {
            assert_eq!(canonical(&value).unwrap(), text);
            assert_eq!(Id::of(&value).unwrap().short(), id, "{text}");
            assert_eq!(short(text), id);
        }
    }

    #[test]
    fn other_inputs_are_another_run() {
        let config = RunConfig::new(TaskName::Sst2);
        let of = |inputs: &Inputs| RunIdentity::of(&config, inputs).unwrap().run_id;
        let digests = BTreeMap::from([("tokenizer".into(), "0".into())]);
        let tokenizer = Inputs { data_fingerprint: "data".into(), digests };
        assert_ne!(of(&Inputs::data("data")), of(&Inputs::data("other data")));
        assert_ne!(of(&Inputs::data("data")), of(&tokenizer));
    }

    #[test]
    fn seeds_share_the_config_id() {
        let mut config = RunConfig::new(TaskName::Cifar100);
        let first = RunIdentity::of(&config, &Inputs::data("data")).unwrap();
        config.seed = 1;
        let second = RunIdentity::of(&config, &Inputs::data("data")).unwrap();
        assert_eq!(first.config_id, second.config_id);
        assert_ne!(first.run_id, second.run_id);
    }

    #[test]
    fn number_spelling_does_not_matter() {
        let mut written = RunConfig::new(TaskName::Cifar100);
        written.assign("lr=0.0010").unwrap();
        let mut scientific = RunConfig::new(TaskName::Cifar100);
        scientific.assign("lr=1e-3").unwrap();
        let inputs = Inputs::default();
        assert_eq!(RunIdentity::of(&written, &inputs).unwrap(), RunIdentity::of(&scientific, &inputs).unwrap());
    }
}
