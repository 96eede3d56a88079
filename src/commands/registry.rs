//! `aees registry`: makes the registry again, and holds it against the disk. Also where commands find it.

mod check;
mod rebuild;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;

use crate::failure::Failure;
use aees_studies::disk::Root;
use aees_studies::registry::{OpenOptions, Reader, Registry, RegistryError};

/// Runs one of the verbs.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    match arguments.subcommand() {
        Some(("rebuild", arguments)) => rebuild::run(arguments),
        Some(("check", arguments)) => check::run(arguments),
        // clap lets no other word through.
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Where studies, runs and their registry are: `--root` and `--registry`.
#[derive(Debug)]
pub(crate) struct Place {
    /// The folder of results.
    pub(crate) root: Root,
    /// The registry's file.
    pub(crate) registry: PathBuf,
}

impl Place {
    pub(crate) fn of(arguments: &ArgMatches) -> Self {
        let path = |name| arguments.get_one::<PathBuf>(name).cloned();
        let root = Root::new(path("root").unwrap_or_else(|| "results".into()));
        Self { registry: path("registry").unwrap_or_else(|| root.registry()), root }
    }

    /// Opens the registry for questions. One that is newer than this program is read as far as it can be.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        let reader = Reader::open(&self.registry).map_err(|error| self.explained(error))?;
        if let Some(version) = reader.newer_version() {
            eprintln!(
                "note: the registry {} has version {version}, newer than this program: it is only read",
                self.registry.display()
            );
        }
        Ok(reader)
    }

    /// Opens a registry that is there for changes.
    pub(crate) fn writer(&self) -> Result<Registry, Failure> {
        self.writer_with(OpenOptions::default())
    }

    fn writer_with(&self, options: OpenOptions) -> Result<Registry, Failure> {
        if !self.registry.is_file() {
            return Err(self.explained(RegistryError::Missing { path: self.registry.clone() }));
        }
        Registry::open_with(&self.registry, options).map_err(|error| self.explained(error))
    }

    /// Runs without a registry can have one again.
    fn explained(&self, error: RegistryError) -> Failure {
        let rebuildable = self.root.runs().is_dir() || self.root.studies().is_dir();
        if matches!(error, RegistryError::Missing { .. }) && rebuildable {
            let help = format!(
                "`aees registry rebuild --root {}` makes it from the folders of studies and runs",
                self.root.path().display()
            );
            return Failure::new(error.to_string(), Some(help));
        }
        error.into()
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::new(error.to_string(), error.help())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_studies::registry::FileSystem;

    /// Row 43 of the acceptance list. A test cannot mount a network file system, so the probe is replaced.
    #[test]
    fn a_registry_on_a_network_file_system_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let place = Place { registry: root.registry(), root };
        drop(Registry::open(&place.registry).unwrap());
        let before = std::fs::read(&place.registry).unwrap();
        let options = OpenOptions { file_system: |_| Ok(FileSystem::Network("NFS")), ..OpenOptions::default() };
        let Err(failure) = place.writer_with(options) else { panic!("it was opened") };
        let said = format!("{failure:?}");
        assert!(said.contains("network file system (NFS)") && said.contains("--registry PATH"), "{said}");
        assert_eq!(std::fs::read(&place.registry).unwrap(), before);
    }
}
