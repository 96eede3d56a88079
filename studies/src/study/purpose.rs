//! What the runs of a study are for, as its file says. Reports keep them apart by it; no run's identity knows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What runs are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatedPurpose {
    /// To be averaged over seeds.
    Accuracy,
    /// To be timed.
    Timing,
    /// To see what one part of a method does.
    Ablation,
}

impl StatedPurpose {
    pub(super) const NAMES: [&str; 3] = ["accuracy", "timing", "ablation"];
}

/// What a study says of its cases, by their names from the outside in, as in `outer/inner`; of itself under `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatedPurposes(pub(super) BTreeMap<String, StatedPurpose>);

/// The study itself; no case can be called so.
pub(super) const STUDY: &str = "*";

impl StatedPurposes {
    /// Those in a specification as the registry and the plan keep it; empty where there are none.
    pub fn of_spec(spec: &serde_json::Value) -> Self {
        Self::deserialize(&spec["purposes"]).unwrap_or_default()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the runs of a case are for: what the innermost case says that says anything, or else the study.
    pub fn of_case(&self, case: Option<&str>) -> Option<StatedPurpose> {
        let name = case.unwrap_or_default();
        let outer = name.match_indices('/').map(|(at, _)| &name[..at]);
        let from_outside = [STUDY].into_iter().chain(outer).chain([name]);
        from_outside.rev().find_map(|name| self.0.get(name).copied())
    }
}
