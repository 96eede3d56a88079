//! What study files mean, pinned by example: enumerations, merging, mistakes, identities, and the thesis.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bad_input;
mod documented;
mod enumeration;
mod filters;
mod identities;
mod meaning;
mod thesis;

use std::path::{Path, PathBuf};

use super::{Expansion, Overrides, Study, StudyErrors};

/// A folder with a study and whatever it names.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, text: &str) -> Result<Study, StudyErrors> {
        Study::read(&self.write("study.yaml", text))
    }
}

/// Reads and expands a study that stands alone.
fn expand_with(text: &str, overrides: &Overrides) -> Result<Expansion, StudyErrors> {
    Folder::new().read(text)?.expand(overrides)
}

fn expand(text: &str) -> Result<Expansion, StudyErrors> {
    expand_with(text, &Overrides::default())
}

/// What every setting of a study is called.
fn labels(expansion: &Expansion) -> Vec<String> {
    expansion.settings.iter().map(super::StudyConfig::label).collect()
}

/// The messages of a study that cannot be, with the folder left out.
fn errors(text: &str) -> Vec<String> {
    let folder = Folder::new();
    errors_in(&folder, text)
}

fn errors_in(folder: &Folder, text: &str) -> Vec<String> {
    let errors = match folder.read(text) {
        Ok(study) => study.expand(&Overrides::default()).unwrap_err(),
        Err(errors) => errors,
    };
    let place = format!("{}/", folder.0.path().display());
    errors.0.iter().map(|error| error.to_string().replace(&place, "")).collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/study/tests/fixtures").join(name)
}

/// The head of a study of a foreign program.
const COMMAND: &str = "aees: 1\ntask: command\ncommand: {argv: [run]}\n";
/// The head of a study of training runs.
const CIFAR: &str = "aees: 1\ntask: cifar100\n";
