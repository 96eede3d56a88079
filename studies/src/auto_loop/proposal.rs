//! Proposals: what somebody wants to be tried, as JSON. A person writes one to a file, a program prints one, the built-in
//! proposer makes one; all are read here.

use aees_run::nearest::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::study::proposal_settings;

/// The largest proposal that is looked at, in bytes.
pub const LARGEST_PROPOSAL: u64 = 1 << 20;

/// The keys of a proposal with what they are for. The parser and the schema know the same.
const KEYS: [(&str, &str); 9] = [
    ("status", "ok, or need_input: then the loop pauses and shows `description` to a person."),
    ("description", "What is changed, in a sentence; the question when input is needed."),
    ("hypothesis", "Why it should be better."),
    ("patch", "Settings with their new values, over those of the incumbent or of `parent`."),
    ("parent", "The iteration whose settings the patch goes over; the incumbent's when left out, 0 for the start."),
    ("task", "The task that the settings are of; a proposal for another task than the loop's is rejected."),
    ("axis", "A word for the direction that is explored."),
    ("change_plan", "Notes on how, kept with the iteration."),
    ("commit_description", "A subject line, kept with the iteration."),
];

/// Whether there is something to try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStatus {
    /// There is.
    #[default]
    Ok,
    /// A person must say something first.
    NeedInput,
}

/// What somebody wants to be tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proposal {
    /// Whether there is something to try.
    pub status: ProposalStatus,
    /// What is changed.
    pub description: String,
    /// Why.
    pub hypothesis: String,
    /// Settings with their new values.
    pub patch: Map<String, Value>,
    /// The iteration that it goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// The task that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axis: Option<String>,
    /// Notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_plan: Option<String>,
    /// A subject line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_description: Option<String>,
}

impl Proposal {
    /// Reads a proposal. Around the object there may be other text, as language models write it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err("the proposal is empty".into());
        }
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value) => value,
            Err(error) => {
                let inner = text.find('{').zip(text.rfind('}')).filter(|(first, last)| first < last);
                let inner = inner.and_then(|(first, last)| serde_json::from_str(&text[first..=last]).ok());
                inner.ok_or_else(|| format!("the proposal is no JSON: {error}"))?
            }
        };
        let Value::Object(map) = &value else {
            return Err(
                "a proposal is a JSON object such as {\"patch\": {\"lr\": 0.001}, \"description\": \"...\"}".into()
            );
        };
        let names = || KEYS.iter().map(|(name, _)| *name);
        if let Some(key) = map.keys().find(|key| !names().any(|name| name == key.as_str())) {
            let meant = nearest(key, names()).map(|name| format!("; did you mean `{name}`?"));
            let meant = meant.unwrap_or_else(|| "; settings stand under `patch`".into());
            return Err(format!("unknown key `{key}` in the proposal{meant}"));
        }
        let proposal: Self = serde_json::from_value(value).map_err(|error| format!("the proposal: {error}"))?;
        if proposal.status == ProposalStatus::Ok && proposal.patch.is_empty() {
            return Err("the proposal has no `patch`: there is nothing to try".into());
        }
        Ok(proposal)
    }

    /// What it changes, `lr=0.001 optimizer=SGD`.
    pub fn changes(&self) -> String {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.patch.iter().map(|(key, value)| format!("{key}={}", shown(value))).collect::<Vec<_>>().join(" ")
    }
}

/// A JSON Schema of proposals, draft 2020-12. Settings come from the table of settings.
pub fn proposal_schema() -> Value {
    let kind = |name: &str| match name {
        "status" => json!({"enum": ["ok", "need_input"]}),
        "patch" => json!({"type": "object"}),
        "parent" => json!({"type": "integer", "minimum": 0}),
        "task" => json!({"enum": proposal_settings().keys().cloned().chain(["command".into()]).collect::<Vec<_>>()}),
        _ => json!({"type": "string"}),
    };
    let property = |(name, help): &(&str, &str)| {
        let mut schema = kind(name);
        schema["description"] = (*help).into();
        ((*name).to_owned(), schema)
    };
    let of_task = |(task, settings): (String, Value)| {
        json!({
            "if": {"properties": {"task": {"const": task}}, "required": ["task"]},
            "then": {"properties": {"patch": {"properties": settings, "additionalProperties": false}}},
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A proposal for a loop of aees",
        "type": "object",
        "properties": KEYS.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false,
        "if": {"properties": {"status": {"const": "need_input"}}, "required": ["status"]},
        "then": {"required": ["description"]},
        "else": {"required": ["patch"], "properties": {"patch": {"minProperties": 1}}},
        "allOf": proposal_settings().into_iter().map(of_task).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_found_in_what_a_language_model_writes() {
        let plain = r#"{"patch": {"lr": 0.001}, "hypothesis": "smaller steps"}"#;
        let found = Proposal::parse(plain).unwrap();
        assert_eq!(found.patch["lr"], 0.001);
        assert_eq!(found.changes(), "lr=0.001");
        for around in [format!("Sure!\n```json\n{plain}\n```\nGood luck."), format!("\u{feff} {plain}\n")] {
            assert_eq!(Proposal::parse(&around).unwrap(), found);
        }
        let asks = Proposal::parse(r#"{"status": "need_input", "description": "which optimizer?"}"#).unwrap();
        assert_eq!(asks.status, ProposalStatus::NeedInput);
    }

    #[test]
    fn what_is_no_proposal_is_told_in_words() {
        for (text, words) in [
            ("", "empty"),
            ("lr = 3", "no JSON"),
            ("[1]", "a JSON object"),
            ("3", "a JSON object"),
            (r#"{"patch": {}}"#, "nothing to try"),
            (r#"{"description": "x"}"#, "nothing to try"),
            (r#"{"patch": {"lr": 1}, "hypotesis": "x"}"#, "did you mean `hypothesis`?"),
            (r#"{"lr": 1}"#, "settings stand under `patch`"),
            (r#"{"patch": 3}"#, "invalid type"),
            (r#"{"patch": {"lr": 1}, "status": "maybe"}"#, "unknown variant"),
            (r#"{"patch": {"lr": 1}, "parent": -1}"#, "invalid value"),
        ] {
            let error = Proposal::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
