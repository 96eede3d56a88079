//! `--root` and `--registry`: where studies, runs and their registry are, and how the registry is opened.

use std::path::PathBuf;

use aees_studies::disk::Root;
use aees_studies::registry::{OpenOptions, Reader, Registry, RegistryError};
use aees_studies::study::quoted;
use clap::Args;

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct ResultsFlags {
    /// The folder of studies, runs and their registry [default: results]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The registry, if it lies elsewhere [default: ROOT/registry.db]
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
}

impl ResultsFlags {
    pub(crate) fn results(&self) -> Results {
        let root = Root::new(self.root.clone().unwrap_or_else(|| "results".into()));
        let flag = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map_or_else(String::new, |path| format!(" --{name} {}", quoted(&path.display().to_string())))
        };
        let flags = flag("root", &self.root) + &flag("registry", &self.registry);
        Results { registry: self.registry.clone().unwrap_or_else(|| root.registry()), root, flags }
    }
}

/// A folder of results with its registry.
pub(crate) struct Results {
    pub(crate) root: Root,
    /// The registry's file.
    pub(crate) registry: PathBuf,
    /// The flags that name them in another command; empty for the usual ones.
    pub(crate) flags: String,
}

impl Results {
    /// Opens the registry for questions. One that is newer than this program is read as far as it can be.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        let reader = Reader::open(&self.registry).map_err(|error| self.explained(error))?;
        if let Some(version) = reader.newer_version() {
            let registry = self.registry.display();
            eprintln!("note: the registry {registry} has version {version}, newer than this program: it is only read");
        }
        Ok(reader)
    }

    /// The same where there is one: a study can be planned before anything ran.
    pub(crate) fn reader_if_any(&self) -> Result<Option<Reader>, Failure> {
        self.registry.is_file().then(|| self.reader()).transpose()
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

    pub(crate) fn rebuild_command(&self) -> String {
        format!("aees registry rebuild --root {}", self.root.path().display())
    }

    /// Runs without a registry can have one again.
    fn explained(&self, error: RegistryError) -> Failure {
        let rebuildable = self.root.runs().is_dir() || self.root.studies().is_dir();
        if matches!(error, RegistryError::Missing { .. }) && rebuildable {
            let help = format!("`{}` makes it from the folders of studies and runs", self.rebuild_command());
            return Failure::with_help(error.to_string(), help);
        }
        error.into()
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
        let results = ResultsFlags { root: Some(folder.path().into()), registry: None }.results();
        drop(Registry::open(&results.registry).unwrap());
        let before = std::fs::read(&results.registry).unwrap();
        let options = OpenOptions { file_system: |_| Ok(FileSystem::Network("NFS")), ..OpenOptions::default() };
        let Err(failure) = results.writer_with(options) else { panic!("it was opened") };
        let said = format!("{failure:?}");
        assert!(said.contains("network file system (NFS)") && said.contains("--registry PATH"), "{said}");
        assert_eq!(std::fs::read(&results.registry).unwrap(), before);
    }
}
