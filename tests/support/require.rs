//! What a test needs beside this repository: real data, a Python with a package, a browser.
//!
//! Where it is missing, the test says `skipped: ...` and passes, unless `AEES_REQUIRE` says that it must be there: a list
//! such as `corpus,python-safetensors`. Every room's tests include this file with `#[path]`.

#![allow(dead_code, reason = "no room needs all of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// All that `AEES_REQUIRE` may name.
const COMPONENTS: [&str; 19] = [
    "avx2",
    "avx512",
    "chromium",
    "corpus",
    "device",
    "git",
    "network-namespace",
    "python-huggingface-hub",
    "pdflatex",
    "python",
    "python-numpy",
    "python-pulseopt",
    "python-safetensors",
    "python-scipy",
    "python-tensorboard",
    "python-torch",
    "python-torchvision",
    "python-transformers",
    "slurm",
];

/// Says that a test, or a part of one, does not run because `component` is missing. Fails where `AEES_REQUIRE` names it.
pub(crate) fn skip(component: &str, why: &str) {
    assert!(COMPONENTS.contains(&component), "{component} is not in the list of components");
    let required = std::env::var("AEES_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == component), "AEES_REQUIRE names {component}, but {why}");
    println!("skipped: {why}");
}

/// This folder of the real data, below the folder that `AEES_CORPUS` names, else below `shared/corpus` beside the
/// repository. Skips where it is missing.
pub(crate) fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|parent| parent.join("shared/corpus"));
    let root = std::env::var_os("AEES_CORPUS").map(PathBuf::from).or_else(|| beside().find(|root| root.is_dir()));
    let found = root.map(|root| root.join(folder)).filter(|folder| folder.is_dir());
    if found.is_none() {
        skip("corpus", &format!("there is no real {folder} here (set AEES_CORPUS to a folder that has it)"));
    }
    found
}

/// The Python that `AEES_TEST_PYTHON` names, else `python3`, where it has all of these modules. Skips where it has not.
pub(crate) fn python(modules: &[&str]) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("AEES_TEST_PYTHON").unwrap_or_else(|| "python3".into()));
    let imports = |module: &&&str| {
        let output = Command::new(&python).arg("-c").arg(format!("import {module}")).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing = modules.iter().find(|module| !imports(module));
    if let Some(module) = missing {
        let why = format!("{} cannot import {module} (set AEES_TEST_PYTHON to a Python that can)", python.display());
        skip(&format!("python-{}", module.replace('_', "-")), &why);
    }
    missing.is_none().then_some(python)
}

#[test]
fn aees_require_names_components() {
    let required = std::env::var("AEES_REQUIRE").unwrap_or_default();
    for name in required.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        assert!(COMPONENTS.contains(&name), "AEES_REQUIRE: {name} is none of {}", COMPONENTS.join(", "));
    }
}
