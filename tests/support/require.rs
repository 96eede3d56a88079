//! What a test needs beside this repository: real data, a Python with a package, a browser.
//!
//! Where it is missing, the test says `skipped: ...` and passes, unless `AEES_REQUIRE` says that it must be there: a list
//! such as `corpus,python-safetensors`. Every room's tests include this file with `#[path]`.

#![allow(dead_code, reason = "no room needs all of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Avx2,
    Avx512,
    Chromium,
    Corpus,
    Git,
    NetworkNamespace,
    PdfLatex,
    Python,
    /// A module of Python.
    Module(&'static str),
    Slurm,
    SlurmAccounts,
}

impl Component {
    const NAMED: [(&'static str, Self); 10] = [
        ("avx2", Self::Avx2),
        ("avx512", Self::Avx512),
        ("chromium", Self::Chromium),
        ("corpus", Self::Corpus),
        ("git", Self::Git),
        ("network-namespace", Self::NetworkNamespace),
        ("pdflatex", Self::PdfLatex),
        ("python", Self::Python),
        ("slurm", Self::Slurm),
        ("slurm-accounts", Self::SlurmAccounts),
    ];

    /// What `AEES_REQUIRE` calls it: a module of Python is `python-NAME`.
    fn is_called(self, name: &str) -> bool {
        match self {
            Self::Module(module) => name.strip_prefix("python-").is_some_and(|name| name == module.replace('_', "-")),
            _ => Self::NAMED.contains(&(name, self)),
        }
    }
}

/// The names in `AEES_REQUIRE`.
fn required() -> Vec<String> {
    let required = std::env::var("AEES_REQUIRE").unwrap_or_default();
    required.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Says that a test, or a part of one, does not run because `component` is missing. Fails where `AEES_REQUIRE` names it.
pub(crate) fn skip(component: Component, why: &str) {
    assert!(!required().iter().any(|name| component.is_called(name)), "AEES_REQUIRE names {component:?}, but {why}");
    println!("skipped: {why}");
}

/// This folder of the real data, below the folder that `AEES_CORPUS` names, else below `shared/corpus` beside the
/// repository. Skips where it is missing.
pub(crate) fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|parent| parent.join("shared/corpus"));
    let root = std::env::var_os("AEES_CORPUS").map(PathBuf::from).or_else(|| beside().find(|root| root.is_dir()));
    let found = root.map(|root| root.join(folder)).filter(|folder| folder.is_dir());
    if found.is_none() {
        skip(Component::Corpus, &format!("there is no real {folder} here (set AEES_CORPUS to a folder that has it)"));
    }
    found
}

/// The Python that `AEES_TEST_PYTHON` names, else `python3`, where it has all of these modules. Skips where it has not.
pub(crate) fn python(modules: &[&'static str]) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("AEES_TEST_PYTHON").unwrap_or_else(|| "python3".into()));
    let imports = |module: &&&'static str| {
        let output = Command::new(&python).arg("-c").arg(format!("import {module}")).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing = modules.iter().find(|module| !imports(module));
    if let Some(module) = missing {
        let why = format!("{} cannot import {module} (set AEES_TEST_PYTHON to a Python that can)", python.display());
        skip(Component::Module(module), &why);
    }
    missing.is_none().then_some(python)
}

#[test]
fn aees_require_names_components() {
    for name in required() {
        // The last is the script's that tests the wheel.
        let is_known = Component::NAMED.iter().any(|(known, _)| *known == name) || name == "wheel";
        assert!(
            is_known || name.starts_with("python-"),
            "AEES_REQUIRE: `{name}` is no component of tests/support/require.rs"
        );
    }
}
