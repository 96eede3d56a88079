//! What a plan was made from: `origin.json` of a study's folder. As long as that is the same, so is the plan.

use std::fs;
use std::path::PathBuf;

use aees_run::artifact::{FileError, write_atomically};
use aees_run::identity::Inputs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::disk::Root;

/// What a plan was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanOrigin {
    /// The plan that was made: [`StudySpec::spec_sha`](crate::registry::StudySpec::spec_sha).
    pub(super) spec_sha: String,
    /// Digest of everything but the inputs.
    pub(super) study: String,
    /// Fingerprints of what its runs are made of, each with the settings of one of them.
    pub(super) inputs: Vec<(Map<String, Value>, Inputs)>,
    /// What was probably not meant.
    pub warnings: Vec<String>,
}

impl PlanOrigin {
    fn path(root: &Root, study: &str) -> PathBuf {
        root.study(study).join("origin.json")
    }

    /// None where it cannot be read: then the plan is made again.
    pub(super) fn read(root: &Root, study: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(root, study)).ok()?).ok()
    }

    pub(super) fn write(&self, root: &Root, study: &str) -> Result<(), FileError> {
        write_atomically(&Self::path(root, study), |out| Ok(serde_json::to_writer(out, self)?))
    }
}
