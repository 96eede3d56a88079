//! Names on the hub: repositories, revisions and paths, checked before they become a path on disk or part of a URL.
//!
//! The rules for repository names are those of Python's `huggingface_hub` (`validate_repo_id`). Revisions and paths are
//! held to what cannot leave the folder that they are joined to, on any operating system.

use std::fmt;

use hf_hub::{Repo, RepoType};

/// A repository, revision or path that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is no {what}: {why}")]
pub struct BadName {
    /// What it should have been.
    what: &'static str,
    name: String,
    /// The rule that it breaks.
    why: &'static str,
}

/// Models and data sets live in two name spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepoKind {
    /// `https://huggingface.co/ID`.
    Model,
    /// `https://huggingface.co/datasets/ID`.
    Dataset,
}

impl fmt::Display for RepoKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Model => "model",
            Self::Dataset => "data set",
        })
    }
}

/// A repository on the hub, with a valid name: `distilbert-base-uncased`, `nyu-mll/glue`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoId {
    kind: RepoKind,
    id: String,
}

impl RepoId {
    /// A repository of either kind. Letters, digits, `-`, `_` and `.`, with at most one `/`.
    pub fn new(kind: RepoKind, id: &str) -> Result<Self, BadName> {
        match complaint_about_id(id) {
            None => Ok(Self { kind, id: id.to_owned() }),
            Some(why) => Err(BadName { what: "repository name", name: id.to_owned(), why }),
        }
    }

    /// A model's repository.
    pub fn model(id: &str) -> Result<Self, BadName> {
        Self::new(RepoKind::Model, id)
    }

    /// A data set's repository.
    pub fn dataset(id: &str) -> Result<Self, BadName> {
        Self::new(RepoKind::Dataset, id)
    }

    /// Model or data set.
    pub fn kind(&self) -> RepoKind {
        self.kind
    }

    /// The name, as in the address: `nyu-mll/glue`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same repository for the `hf-hub` crate, which knows its folder and its part of the URL. `revision` is as it
    /// stands in a URL.
    pub(super) fn repo(&self, revision: &str) -> Repo {
        let kind = match self.kind {
            RepoKind::Model => RepoType::Model,
            RepoKind::Dataset => RepoType::Dataset,
        };
        Repo::with_revision(self.id.clone(), kind, revision.to_owned())
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.id)
    }
}

/// One file of a repository at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HubPath {
    repo: RepoId,
    revision: String,
    path: String,
}

impl HubPath {
    /// A checked revision (branch, tag or commit) and a checked path with `/` between its parts.
    pub fn new(repo: &RepoId, revision: &str, path: &str) -> Result<Self, BadName> {
        check_revision(revision)?;
        check_path(path)?;
        Ok(Self { repo: repo.clone(), revision: revision.to_owned(), path: path.to_owned() })
    }

    /// The repository.
    pub fn repo(&self) -> &RepoId {
        &self.repo
    }

    /// The branch, tag or commit that was asked for.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The path inside the repository.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for HubPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} at {}", self.path, self.repo, self.revision)
    }
}

/// Is this revision a commit, so that what it names can never change?
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn check_revision(revision: &str) -> Result<(), BadName> {
    // What Git forbids in the name of a reference.
    let complaint = complaint_about_parts(revision).or_else(|| {
        revision
            .contains(&[' ', '~', '^', '?', '*', '['][..])
            .then_some("a blank or one of ~ ^ ? * [ cannot stand in a revision")
    });
    complaint.map_or(Ok(()), |why| Err(BadName { what: "revision", name: revision.to_owned(), why }))
}

pub(super) fn check_commit(commit: &str) -> Result<(), BadName> {
    let bad = || BadName { what: "commit", name: commit.to_owned(), why: "it has 40 hex digits" };
    is_commit(commit).then_some(()).ok_or_else(bad)
}

pub(super) fn check_path(path: &str) -> Result<(), BadName> {
    complaint_about_parts(path)
        .map_or(Ok(()), |why| Err(BadName { what: "path in a repository", name: path.to_owned(), why }))
}

fn complaint_about_id(id: &str) -> Option<&'static str> {
    let mut parts = id.split('/');
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    if third.is_some() {
        return Some("expected NAME or OWNER/NAME");
    }
    let complaint = [Some(first), second].into_iter().flatten().find_map(complaint_about_id_part);
    complaint.or_else(|| id.ends_with(".git").then_some("it cannot end in .git"))
}

fn complaint_about_id_part(part: &str) -> Option<&'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = part.as_bytes();
    if bytes.is_empty() || bytes.len() > 96 {
        Some("each part has 1 to 96 characters")
    } else if !bytes.iter().all(|&byte| word(byte) || byte == b'-' || byte == b'.') {
        Some("only letters, digits, '-', '_' and '.' can stand in it")
    } else if !bytes.first().is_some_and(|&byte| word(byte)) || !bytes.last().is_some_and(|&byte| word(byte)) {
        Some("no part can begin or end with '-' or '.'")
    } else if part.contains("--") || part.contains("..") {
        Some("'--' and '..' cannot stand in it")
    } else {
        None
    }
}

fn complaint_about_parts(name: &str) -> Option<&'static str> {
    if name.len() > 1024 {
        Some("it is longer than 1024 bytes")
    } else if name.chars().any(|character| character.is_control() || matches!(character, '\\' | ':')) {
        Some("control characters, '\\' and ':' cannot stand in it")
    } else if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("no part between '/' can be empty, '.' or '..'")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_python_takes() {
        for id in ["foo", "foo/bar", "123", "Foo-BAR_foo.bar123", "nyu-mll/glue", "_a", &"a".repeat(96)] {
            assert!(RepoId::model(id).is_ok(), "{id}");
        }
        let long = "a".repeat(97);
        for id in [
            "",
            "/",
            "a/",
            "/a",
            "datasets/foo/bar",
            ".repo",
            "repo-",
            "foo--bar",
            "a..b",
            "foo.git",
            "café",
            "a b",
            &long,
        ] {
            assert!(RepoId::model(id).is_err(), "{id}");
        }
    }

    #[test]
    fn nothing_that_could_leave_its_folder_is_taken() {
        let repo = RepoId::dataset("nyu-mll/glue").unwrap();
        for path in ["", "..", "../a", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a\\..\\b", "C:\\x", "C:x", "a\0b"]
        {
            assert!(HubPath::new(&repo, "main", path).is_err(), "path {path:?}");
            assert!(HubPath::new(&repo, path, "a").is_err(), "revision {path:?}");
        }
        for revision in ["main", "refs/pr/1", "v1.0", "refs/convert/parquet"] {
            assert!(HubPath::new(&repo, revision, "sst2/train-00000-of-00001.parquet").is_ok(), "{revision}");
        }
        assert!(HubPath::new(&repo, "a b", "a").is_err());
        assert!(HubPath::new(&repo, "main", "with blank.csv").is_ok());
    }
}
