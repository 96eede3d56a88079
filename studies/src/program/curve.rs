//! `metrics.jsonl`: the JSON lines with a `step` that a program prints before its result.
//!
//! A program that is tried again goes on from some step: what an earlier attempt said of that step and later ones goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aees_run::json::LooseObject;
use serde_json::Value;

/// The curves of a run as they come.
#[derive(Debug)]
pub(super) struct Curve {
    path: PathBuf,
    file: Option<File>,
    /// The last line: it may be the result.
    held: Option<(f64, String)>,
    left: u64,
    error: Option<io::Error>,
}

impl Curve {
    /// `limit`: what an attempt may add, in bytes.
    pub(super) fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, file: None, held: None, left: limit, error: None }
    }

    /// Takes the next JSON line.
    pub(super) fn take(&mut self, object: &LooseObject) {
        self.write_held();
        let step = object.map.get("step").and_then(Value::as_f64);
        let line = |step| serde_json::to_string(&object.map).ok().map(|line| (step, line + "\n"));
        self.held = step.and_then(line);
    }

    /// The program ended. Its last line is one of the curve unless it is the result.
    pub(super) fn end(&mut self, last_is_result: bool) {
        if last_is_result {
            self.held = None;
        }
        self.write_held();
    }

    /// What is to be said of the curves, if they could not be written.
    pub(super) fn warning(&self) -> Option<String> {
        self.error.as_ref().map(|error| format!("cannot write metrics.jsonl: {error}"))
    }

    fn write_held(&mut self) {
        let Some((step, line)) = self.held.take() else { return };
        let Some(left) = self.left.checked_sub(line.len() as u64) else { return };
        self.left = left;
        let written = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => begin(&self.path, step).and_then(|file| self.file.insert(file).write_all(line.as_bytes())),
        };
        self.error = self.error.take().or(written.err());
    }
}

/// The file without what an earlier attempt said of this step and later ones.
fn begin(path: &Path, step: f64) -> io::Result<File> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let is_earlier = |line: &&str| {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                line["step"].as_f64().is_some_and(|earlier| earlier < step)
            };
            let kept: String = text.lines().filter(is_earlier).flat_map(|line| [line, "\n"]).collect();
            fs::write(path, kept)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_run::json::parse_object;

    fn told(path: &Path, lines: &[&str], last_is_result: bool) -> Vec<String> {
        let mut curve = Curve::new(path.to_owned(), 1_000);
        lines.iter().for_each(|line| curve.take(&parse_object(line).unwrap()));
        curve.end(last_is_result);
        assert_eq!(curve.warning(), None);
        fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_with_a_step_before_the_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let lines = [r#"{"step":1,"loss":3}"#, r#"{"note":"x"}"#, r#"{"step":2,"loss":NaN}"#, r#"{"step":3,"loss":1}"#];
        let expected = [r#"{"loss":3,"step":1}"#, r#"{"loss":null,"step":2}"#];
        assert_eq!(told(&path, &lines, true), expected);
        // The next attempt goes on from step 2; it is stopped, and has no result.
        let again = told(&path, &[r#"{"step":2,"loss":2}"#, r#"{"step":3,"loss":1}"#], false);
        assert_eq!(again, [expected[0], r#"{"loss":2,"step":2}"#, r#"{"loss":1,"step":3}"#]);
        assert!(told(&folder.path().join("none"), &[r#"{"a":1}"#], false).is_empty());
    }
}
