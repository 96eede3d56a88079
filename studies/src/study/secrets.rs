//! What no study may hold: plans, the registry and pages keep what a study says, and people show them.
//!
//! A secret is known by the name that it goes by (`hf_token`, `HF_TOKEN`) or by how it looks (an access token of the hub,
//! an address with a password). The circumstances of a run keep neither, by the same rule ([`without_credentials`]).

use aees_run::circumstances::without_credentials;
use aees_run::settings::RunConfig;

use super::error::{PASS_ON, StudyError, StudyProblem};
use super::settings::{Assignment, setting_name};
use super::yaml::{Kind, YamlEntry, YamlNode};

/// Secrets that this program knows of. A foreign program gets them only where its study names them.
pub(crate) const SECRETS: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];

/// A word that a secret goes by, also where a foreign program reads it, and what is done instead.
pub(super) fn secret_word(word: &str) -> Option<(&'static str, &'static str)> {
    let setting = RunConfig::setting(setting_name(word)).filter(|setting| setting.secret);
    let of_setting = setting.map(|found| (found.key, found.instead_in_studies.unwrap_or(PASS_ON)));
    let is_named = |secret: &&str| secret.eq_ignore_ascii_case(&word.replace('-', "_"));
    of_setting.or_else(|| SECRETS.into_iter().find(is_named).map(|name| (name, PASS_ON)))
}

/// The secret that an override sets.
pub(super) fn in_assignment(assignment: &Assignment) -> Option<StudyError> {
    let named = assignment.path.iter().find_map(|word| secret_word(word));
    let named = named.map(|(key, instead)| StudyProblem::Reserved { key: key.to_owned(), instead });
    let written = || assignment.value.as_str().is_some_and(|text| in_words([text])).then_some(StudyProblem::Secret);
    named.or_else(written).map(|problem| StudyError::at(&assignment.place, problem))
}

/// The secrets among the values of a file, each at its place.
pub(super) fn in_entries(entries: &[YamlEntry]) -> Vec<StudyError> {
    entries.iter().flat_map(|entry| in_node(&entry.value)).collect()
}

fn in_node(node: &YamlNode) -> Vec<StudyError> {
    let error = || StudyError::at(&node.place, StudyProblem::Secret);
    match &node.kind {
        Kind::Scalar { text, .. } if in_words([text.as_str()]) => vec![error()],
        Kind::Scalar { .. } => Vec::new(),
        Kind::Map(entries) => in_entries(entries),
        Kind::List(items) => {
            let found: Vec<_> = items.iter().flat_map(in_node).collect();
            // An argument list: the flag is one item, its value the next.
            let apart = found.is_empty() && in_words(items.iter().filter_map(YamlNode::text));
            if apart { vec![error()] } else { found }
        }
    }
}

/// Whether a secret stands in texts that follow each other: alone, as `NAME=SECRET`, or as `--name SECRET`.
fn in_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    let mut after_name = false;
    texts.into_iter().flat_map(str::split_whitespace).any(|word| {
        let is_value = |word: &str| !word.is_empty() && !word.starts_with(['-', '$', '{', '"', '\'']);
        let follows = std::mem::replace(&mut after_name, word.starts_with("--") && is_secret_name(word));
        let (name, value) = word.split_once('=').unwrap_or_default();
        without_credentials(word) != word
            || (follows && is_value(word))
            || (is_secret_name(name) && is_value(value.trim_start_matches(['"', '\''])))
    })
}

fn is_secret_name(word: &str) -> bool {
    secret_word(word.trim_start_matches(['-', '"', '\''])).is_some()
}
