//! `aees report tensor`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::artifact::write_atomically;
use clap::ArgMatches;

use crate::failure::Failure;
use crate::stdout;
use aees_report::tensor::{Tensor, csv, npz, parse_axes, safetensors, tensor};

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let text = |name: &str| arguments.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let axes = parse_axes(text("axes"))?;
    let out = arguments.get_one::<PathBuf>("out");
    let kind = out.map(|path| ArrayFormat::of(path)).transpose()?;
    let found = super::read(arguments)?;
    let array = tensor(&found.runs, text("metric"), axes)?;
    array.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    match out.zip(kind) {
        None => stdout::line(csv(&array).trim_end()),
        Some((path, kind)) => {
            let bytes = kind.bytes(&array).map_err(|error| Failure::new(error.to_string(), None))?;
            write_atomically(path, |file| file.write_all(&bytes))?;
            let [one, two, three] = array.shape();
            let [first, second, third] = array.axes;
            eprintln!("wrote {}: {one} {first} x {two} {second} x {three} {third}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The format that a file name asks for.
enum ArrayFormat {
    Npz,
    Safetensors,
    Csv,
}

impl ArrayFormat {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npz") => Ok(Self::Npz),
            Some("safetensors") => Ok(Self::Safetensors),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Failure::new(
                format!("{}: no kind of file that an array can be written to", path.display()),
                Some("let its name end in .npz, .safetensors or .csv".into()),
            )),
        }
    }

    fn bytes(&self, array: &Tensor) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Npz => npz(array),
            Self::Safetensors => Ok(safetensors(array)),
            Self::Csv => Ok(csv(array).into_bytes()),
        }
    }
}
