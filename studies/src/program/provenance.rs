//! What a program is: its files, their digests, and the commit of where they lie. Recorded with each run.
//!
//! A program's files are the words of its argument list that name files, and a module after `-m`; where there are none, the
//! program itself, as it is found in PATH. Data and what a script imports are not among them: git's state tells of those.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aees_run::hexadecimal::sha256;
use serde::{Deserialize, Serialize};

use crate::study::{ProgramContent, Template};

/// A program as it is at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Where it works.
    pub work_directory: PathBuf,
    /// The argument list that was looked at, as written.
    pub arguments: Vec<Template>,
    /// Its files, in the order of the argument list.
    pub files: Vec<ProgramFile>,
    /// The repository that the first of them lies in, if it lies in one.
    pub git: Option<GitState>,
}

/// A file of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub sha256: String,
    /// Which word of the argument list names it; none where the shell finds it in PATH.
    word: Option<usize>,
}

/// A git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Its commit.
    pub commit: String,
    /// Whether files that it follows, or the program's own, are not as in that commit.
    pub dirty: bool,
}

impl Provenance {
    /// Looks at the program of an argument list. Words with places left in them name no files.
    pub fn of(arguments: &[Template], work_directory: &Path) -> Self {
        Self::look(arguments, work_directory, |_| true)
    }

    /// The same, with the files that only these words name: words that were filled in since may name others.
    pub(crate) fn of_words(arguments: &[Template], work_directory: &Path, only: &[usize]) -> Self {
        Self::look(arguments, work_directory, |word| only.contains(&word))
    }

    fn look(arguments: &[Template], work_directory: &Path, counts: impl Fn(usize) -> bool) -> Self {
        let words: Vec<Option<String>> = arguments.iter().map(|word| word.text().ok()).collect();
        let named = words.iter().enumerate().filter(|(index, _)| counts(*index)).filter_map(|(index, word)| {
            let word = word.as_deref()?;
            let after_m = index.checked_sub(1).and_then(|before| words[before].as_deref()) == Some("-m");
            let path = if after_m { module(work_directory, word)? } else { work_directory.join(word) };
            // A word such as `sh` may also be the name of a file here: the first one is a command unless it has a slash.
            let is_command = index == 0 && !word.contains('/');
            (!is_command && !word.is_empty()).then(|| file(path, Some(index))).flatten()
        });
        let mut files: Vec<ProgramFile> = named.collect();
        if files.is_empty() {
            files.extend(words.first().and_then(|word| file(in_path(word.as_deref()?)?, None)));
        }
        let git = files.first().and_then(|file| GitState::of(file.path.parent()?, &files));
        Self { work_directory: work_directory.to_owned(), arguments: arguments.to_vec(), files, git }
    }

    /// One digest of the content of all files.
    pub fn digest(&self) -> String {
        let all: Vec<&str> = self.files.iter().map(|file| file.sha256.as_str()).collect();
        sha256(all.join("\n").as_bytes())
    }

    /// What of it an identity can hold.
    pub fn content(&self) -> ProgramContent {
        ProgramContent { digest: self.digest(), words: self.files.iter().filter_map(|file| file.word).collect() }
    }

    /// The files that are not as they were, in words.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for file in &self.files {
            match before.files.iter().find(|known| known.path == file.path) {
                Some(known) if known.sha256 == file.sha256 => {}
                Some(_) => changes.push(format!("{} has changed", file.path.display())),
                None => changes.push(format!("{} is new", file.path.display())),
            }
        }
        let gone = before.files.iter().filter(|known| !self.files.iter().any(|file| file.path == known.path));
        changes.extend(gone.map(|file| format!("{} is not part of it any more", file.path.display())));
        changes
    }
}

fn file(path: PathBuf, word: Option<usize>) -> Option<ProgramFile> {
    // No more than a program is: a data set among the arguments is not read for each run.
    const LARGEST: u64 = 64 << 20;
    fs::metadata(&path).ok().filter(|metadata| metadata.is_file() && metadata.len() <= LARGEST)?;
    let bytes = fs::read(&path).ok()?;
    let path = fs::canonicalize(&path).unwrap_or(path);
    Some(ProgramFile { path, sha256: sha256(&bytes), word })
}

/// The file of a Python module below a folder.
fn module(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name.replace('.', "/"));
    [path.with_extension("py"), path.join("__main__.py")].into_iter().find(|path| path.is_file())
}

fn in_path(name: &str) -> Option<PathBuf> {
    let places = env::var_os("PATH")?;
    env::split_paths(&places).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl GitState {
    fn of(folder: &Path, files: &[ProgramFile]) -> Option<Self> {
        // Asking git costs two processes; most folders without a repository are told by looking.
        folder.ancestors().find(|parent| parent.join(".git").exists())?;
        let git = |arguments: &[&str]| -> Option<String> {
            let mut command = Command::new("git");
            command.arg("-C").arg(folder).args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
            let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let commit = git(&["rev-parse", "HEAD"])?;
        let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|said| !said.is_empty());
        // Files elsewhere are not git's: it fails for them.
        let is_untracked = |file: &ProgramFile| {
            git(&["ls-files", "--", &file.path.to_string_lossy()]).is_some_and(|said| said.is_empty())
        };
        Some(Self { commit, dirty: changed || files.iter().any(is_untracked) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<Template> {
        words.iter().map(|word| Template::parse(word).unwrap()).collect()
    }

    #[test]
    fn a_program_is_the_files_that_its_arguments_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pkg")).unwrap();
        for (name, text) in [("train.py", "1"), ("pkg/__main__.py", "2"), ("python3", "3"), ("x.yaml", "")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let names = |arguments: &[&str]| -> Vec<String> {
            let program = Provenance::of(&words(arguments), folder.path());
            let name = |file: &ProgramFile| file.path.file_name().unwrap().to_string_lossy().into_owned();
            program.files.iter().map(name).collect()
        };
        assert_eq!(names(&["python3", "train.py", "--lr", "{lr}", "x.yaml"]), ["train.py", "x.yaml"]);
        assert_eq!(names(&["python3", "-m", "pkg", "absent"]), ["__main__.py"]);
        assert_eq!(names(&["./python3", "{x}"]), ["python3"]);
        assert_eq!(names(&["sh", "-c", "true"]).len(), 1);
        assert!(names(&["no-such-program-anywhere"]).is_empty());
    }

    #[test]
    fn a_digest_is_of_the_content_and_not_of_the_place() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |folder: &Path| Provenance::of(&words(&["./train", "{x}"]), folder);
        for folder in [&one, &other] {
            fs::write(folder.path().join("train"), "a").unwrap();
        }
        let before = of(one.path());
        assert_eq!(before.digest(), of(other.path()).digest());
        fs::write(one.path().join("train"), "b").unwrap();
        let after = of(one.path());
        assert_ne!(before.digest(), after.digest());
        assert_eq!(after.changes_since(&before).len(), 1);
        assert!(after.changes_since(&before)[0].ends_with("train has changed"));
    }
}
