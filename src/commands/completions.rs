//! `aees completions`: what a shell must know to complete verbs, flags and their words.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::stdout;

/// Prints the completions of a shell
#[derive(Args)]
#[command(after_help = "\
bash: aees completions bash > ~/.local/share/bash-completion/completions/aees
zsh:  aees completions zsh > a folder of $fpath, as _aees
fish: aees completions fish > ~/.config/fish/completions/aees.fish
powershell: aees completions powershell | Out-String | Invoke-Expression")]
pub(crate) struct CompletionsFlags {
    /// The shell
    shell: Shell,
}

impl CompletionsFlags {
    pub(crate) fn run(self, mut program: Command) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "aees", &mut script);
        stdout::text(&String::from_utf8_lossy(&script));
        Ok(ExitCode::SUCCESS)
    }
}
