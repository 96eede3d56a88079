//! `aees sweep new`: a commented study to start from.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::artifact::FileError;
use aees_run::settings::TaskName;
use aees_studies::study::{is_study_name, starter};
use clap::Args;

use crate::failure::Failure;
use crate::stdout;
use crate::words::words;

/// Writes a commented study file to start from
#[derive(Args)]
#[command(after_help = "Every key of a study file, with examples: docs/studies.md.")]
pub(crate) struct NewFlags {
    /// The name of the study, or the file to write
    name: PathBuf,
    /// What the runs do
    #[arg(
        long,
        value_name = "TASK",
        default_value = "cifar100",
        value_parser = words(tasks()),
    )]
    task: StudyOf,
}

/// What a study is of: a task, or a program of the user's.
#[derive(Clone, Copy)]
struct StudyOf(Option<TaskName>);

fn tasks() -> impl Iterator<Item = (&'static str, StudyOf)> {
    let tasks = TaskName::ALL.map(|task| (task.name(), StudyOf(Some(task))));
    tasks.into_iter().chain([("command", StudyOf(None))])
}

impl NewFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let is_file = self.name.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let path = if is_file { self.name } else { PathBuf::from(format!("{}.yaml", self.name.display())) };
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !is_study_name(&name) {
            let help = "use 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or digit";
            return Err(Failure::with_help(format!("`{name}` cannot be the name of a study"), help));
        }
        write_new(&path, &starter(&name, self.task.0))?;
        eprintln!("look at it with: aees sweep plan {}", path.display());
        stdout::line(path.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Never over a file that is there.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    match File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::with_help(format!("{} is there already", path.display()), "choose another name, or remove it"))
        }
        written => Ok(written.map_err(FileError::at("write", path))?),
    }
}
