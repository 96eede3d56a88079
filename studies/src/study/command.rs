//! `task: command`: a foreign program as a task. What a study says of it, and how one run's arguments are filled.
//!
//! The program gets its configuration as JSON on standard input and as `{key}` in its argument list. What identifies one of
//! its runs is [`command_identity`](super::command_identity)'s; running it is [`crate::program`]'s.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::at_path;
use super::template::Template;

/// What only the launcher knows of a run.
pub(super) const SLOT_PLACES: [&str; 2] = ["device", "threads"];

/// The program of a `command` study.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSpec {
    /// The program and its arguments, with `{key}` places.
    pub argv: Vec<Template>,
    /// Where its result is found.
    pub result: ResultSource,
    /// How long one run may take.
    pub timeout: Option<Duration>,
    /// Its environment: none for a variable that it shall not have. Values are never part of an identity.
    pub env: BTreeMap<String, Option<Template>>,
    /// Variables that it gets although programs usually do not: secrets.
    pub pass_on: Vec<String>,
    /// Where it works; none: where the study is planned. A relative one is below the study file's folder.
    pub workdir: Option<Template>,
    /// The folder of the study file.
    pub folder: PathBuf,
    /// The user's word for the version of the program; part of the identity.
    pub code: Option<String>,
    /// What of the program is part of the identity.
    pub identity: IdentityParts,
    /// Settings that mean the same as when they are left out.
    pub defaults: Map<String, Value>,
    /// Settings by the names that they have now: what they were called when the first runs were made.
    pub aliases: BTreeMap<String, String>,
    /// How large its log may become, in bytes.
    pub log_limit: u64,
}

/// What of a program is part of its runs' identity, beside the settings, the version and where the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityParts {
    /// The argument list, as it is written.
    pub argv: bool,
    /// The content of the program's files; their paths are not.
    pub digest: bool,
}

/// Where the result of a foreign program is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ResultSource {
    /// The last line of standard output that is a JSON object.
    LastJsonLine,
    /// A JSON file; a relative path starts at the run's folder.
    File(Template),
}

impl ResultSource {
    /// The path of its file, where it is one.
    pub(crate) fn file(&self) -> Option<&Template> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

impl CommandSpec {
    /// A template with everything filled in but what the launcher knows.
    pub fn fill(&self, template: &Template, config: &Map<String, Value>, seed: i64, run_directory: &str) -> Template {
        // Texts as they are, everything else as JSON.
        let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        template.fill(|key| match key {
            "seed" => Some(seed.to_string()),
            "run_dir" => Some(run_directory.to_owned()),
            key => self.setting(config, key).map(as_text),
        })
    }

    /// A setting, or its default.
    fn setting<'a>(&'a self, config: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
        at_path(config, key).or_else(|| at_path(&self.defaults, key))
    }

    /// The places that neither a configuration nor the launcher fills.
    pub(super) fn unfilled<'a>(&'a self, template: &'a Template, config: &'a Map<String, Value>) -> Vec<&'a str> {
        let is_open = |key: &&str| {
            let known = ["seed", "run_dir"].iter().chain(&SLOT_PLACES).any(|place| place == key);
            !known && self.setting(config, key).is_none()
        };
        template.keys().filter(is_open).collect()
    }

    /// All templates, for the checks of a plan.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.argv.iter().chain(self.result.file()).chain(&self.workdir).chain(self.env.values().flatten())
    }
}
