//! The `resources:` block of a study: where its runs go on one machine. Nothing of it is part of an identity.

use serde::{Deserialize, Serialize};

use super::fields::{YamlFields, wrong};

/// What a study uses of a machine. Which devices there are is not known here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// The devices; `auto` for all there are; empty where the study says nothing.
    pub devices: Vec<String>,
    /// Runs at the same time on each.
    pub per_device: Option<u32>,
    /// Runs at the same time.
    pub jobs: Option<u32>,
    /// Runs that share a process.
    pub pack: Option<u32>,
}

/// The most runs at the same time.
pub const MOST_JOBS: u32 = 1024;

impl Resources {
    pub(super) fn read(mut fields: YamlFields<'_>) -> Self {
        let in_range = |text: &str| text.parse().ok().filter(|count| (1..=MOST_JOBS).contains(count));
        let mut count = |key: &str| fields.parse(key, &format!("a whole number from 1 to {MOST_JOBS}"), in_range);
        let (per_device, jobs, pack) = (count("per_device"), count("jobs"), count("pack"));
        Self { devices: devices(&mut fields), per_device, jobs, pack }
    }
}

/// `cuda:0, cuda:1`, or a list.
fn devices(fields: &mut YamlFields<'_>) -> Vec<String> {
    let Some(node) = fields.get("devices") else { return Vec::new() };
    let names = node.text().map(|text| text.split(',').map(str::trim).collect());
    let names: Vec<&str> = names.or_else(|| node.texts()).unwrap_or_default();
    if names.is_empty() || names.iter().any(|name| name.is_empty()) {
        fields.errors().push(wrong(node, "`devices` in resources", "auto, or devices such as [cuda:0, cuda:1]"));
    }
    names.into_iter().map(str::to_owned).collect()
}
