//! `--root` and `--registry`: where studies, runs and their registry are, and how the registry is opened.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use aees_run::artifact::FileError;
use aees_studies::SweepError;
use aees_studies::disk::{PlanFile, RecordError, Root};
use aees_studies::plan::StudyPlan;
use aees_studies::registry::{OpenOptions, Reader, Registry, RegistryError};
use aees_studies::study::quoted;
use clap::Args;

use crate::failure::Failure;
use crate::hint;

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
        let said =
            |name: &str, path: &Option<PathBuf>| path.as_deref().map(|path| flag(name, path)).unwrap_or_default();
        let flags = said("root", &self.root) + &said("registry", &self.registry);
        hint::chosen(&flags);
        Results { registry: self.registry.clone().unwrap_or_else(|| root.registry()), root, flags }
    }
}

/// A flag for a command that is told, with a space before it.
pub(crate) fn flag(name: &str, path: &Path) -> String {
    format!(" --{name} {}", quoted(&path.to_string_lossy()))
}

/// The same place whatever the working directory is.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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

    /// The flag that names the folder in a command that knows no registry.
    pub(crate) fn root_flag(&self) -> String {
        let root = self.root.path();
        if root == Path::new("results") { String::new() } else { flag("root", root) }
    }

    /// Opens the registry for changes, and makes it if there is none.
    pub(crate) fn writer_or_new(&self) -> Result<Registry, Failure> {
        let folder = self.registry.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
        Ok(Registry::open(&self.registry)?)
    }

    /// The newest plan of a study; none if it was never planned here.
    pub(crate) fn resume(&self, study: &str) -> Result<Option<StudyPlan>, Failure> {
        if PlanFile::newest(&self.root, study).map_err(SweepError::from)?.is_none() {
            return Ok(None);
        }
        Ok(StudyPlan::resume(&self.root, &mut self.writer_or_new()?, study)?)
    }

    /// The same; none, too, where the plan is damaged: it can be made again.
    pub(crate) fn resume_whole(&self, study: &str) -> Result<Option<StudyPlan>, Failure> {
        match StudyPlan::resume(&self.root, &mut self.writer_or_new()?, study) {
            Err(SweepError::Record(RecordError::Damaged { .. })) => Ok(None),
            resumed => Ok(resumed?),
        }
    }

    pub(crate) fn rebuild_command(&self) -> String {
        let elsewhere = Some(&self.registry).filter(|registry| **registry != self.root.registry());
        let registry = elsewhere.map(|registry| flag("registry", registry)).unwrap_or_default();
        format!("aees registry rebuild{}{registry}", flag("root", self.root.path()))
    }

    /// The words that name them for another process.
    pub(crate) fn words(&self) -> [OsString; 4] {
        let (root, registry) = (absolute(self.root.path()), absolute(&self.registry));
        ["--root".into(), root.into(), "--registry".into(), registry.into()]
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

/// Full names of the studies that a name, the beginning of one or a pattern means; all studies without one.
pub(crate) fn study_names(reader: &Reader, pattern: Option<&str>) -> Result<Vec<String>, Failure> {
    let patterns: Vec<&str> = pattern.into_iter().collect();
    Ok(reader.status(&patterns)?.into_iter().map(|status| status.name).collect())
}

/// The one study that is meant.
pub(crate) fn one_study(reader: &Reader, pattern: &str) -> Result<String, Failure> {
    match study_names(reader, Some(pattern))?.as_slice() {
        [name] => Ok(name.clone()),
        several => {
            let message = format!("`{pattern}` means several studies: {}", several.join(", "));
            Err(Failure::with_help(message, "give one of them"))
        }
    }
}

/// The one that is there, of studies or loops.
pub(crate) fn only(names: &[String], what: &str, none: Failure) -> Result<String, Failure> {
    match names {
        [only] => Ok(only.clone()),
        [] => Err(none),
        several => Err(Failure::with_help(
            format!("there are several {what}"),
            format!("name one of them: {}", several.join(", ")),
        )),
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
