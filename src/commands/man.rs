//! `aees man`: the manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::failure::Failure;
use crate::stdout;

/// Prints the manual page of aees, or writes the pages of all verbs into a folder
#[derive(Args)]
#[command(after_help = "Read it: aees man | man -l -\nInstall all: aees man ~/.local/share/man/man1")]
pub(crate) struct ManFlags {
    /// The folder for all pages: aees.1, aees-train.1 and so on
    folder: Option<PathBuf>,
}

impl ManFlags {
    pub(crate) fn run(self, program: Command) -> Result<ExitCode, Failure> {
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            let written = Man::new(program).render(&mut page);
            written.map_err(|error| Failure::new(format!("cannot make the page: {error}")))?;
            stdout::text(&String::from_utf8_lossy(&page));
            return Ok(ExitCode::SUCCESS);
        };
        let written = std::fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(program, &folder));
        written.map_err(|error| Failure::new(format!("cannot write into {}: {error}", folder.display())))?;
        stdout::line(folder.display());
        Ok(ExitCode::SUCCESS)
    }
}
