//! The folder of a libtorch, as plain files: whether it holds the version that tch is written for. The build script includes this
//! file, and `aees doctor` asks it.

use std::fs;
use std::path::Path;

/// The version that tch is written for.
pub const WANTED_VERSION: &str = "2.13.0";

const HEADER: &str = "include/torch/headeronly/version.h";

/// The version of the libtorch in a folder, as its headers or its file of versions tell it.
pub fn version(root: &Path) -> Option<String> {
    if let Ok(header) = fs::read_to_string(root.join(HEADER)) {
        let number = |part: &str| {
            let define = format!("#define TORCH_VERSION_{part} ");
            header.lines().find_map(|line| line.strip_prefix(&define)).map(str::trim)
        };
        return Some(["MAJOR", "MINOR", "PATCH"].map(|part| number(part).unwrap_or("?")).join("."));
    }
    fs::read_to_string(root.join("build-version")).ok().map(|version| version.trim().to_owned())
}

/// Whether a program can be built with the libtorch in a folder.
///
/// # Errors
/// What is there instead.
pub fn check(root: &Path) -> Result<(), String> {
    let Some(found) = version(root) else {
        return Err(format!(
            "{} has no {HEADER} and no build-version: it holds no libtorch, or an old one",
            root.display()
        ));
    };
    // What follows a plus says for which processor or CUDA it was built.
    match found.split('+').next() {
        Some(WANTED_VERSION) => Ok(()),
        _ => Err(format!("{} holds version {found}", root.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_another_libtorch_is_refused_by_its_version() {
        let root = tempfile::tempdir().unwrap();
        let refused = || check(root.path()).unwrap_err();
        assert!(refused().contains("holds no libtorch"), "{}", refused());
        assert_eq!(version(root.path()), None);
        fs::write(root.path().join("build-version"), "2.9.0+cpu\n").unwrap();
        assert!(refused().ends_with("holds version 2.9.0+cpu"), "{}", refused());
        fs::write(root.path().join("build-version"), "2.13.0+cu130\n").unwrap();
        assert_eq!(check(root.path()), Ok(()));
        let header = root.path().join(HEADER);
        fs::create_dir_all(header.parent().unwrap()).unwrap();
        for (minor, expected) in
            [("13", Ok(())), ("12", Err(format!("{} holds version 2.12.0", root.path().display())))]
        {
            let number = |part: &str, value: &str| format!("#define TORCH_VERSION_{part} {value}\n");
            fs::write(&header, number("MAJOR", "2") + &number("MINOR", minor) + &number("PATCH", "0")).unwrap();
            assert_eq!(check(root.path()), expected);
        }
        fs::write(&header, "another file").unwrap();
        assert!(refused().contains("holds version ?.?.?"), "{}", refused());
    }
}
