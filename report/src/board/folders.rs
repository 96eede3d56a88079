//! Runs without a registry: their folders, found below some places and looked for again only where a folder changed, and where
//! such a run is by what lies in it.
//!
//! No lock is taken to find out whether somebody trains there: a run that starts just then would find its folder in use. The
//! kernel's list of locks says it, where there is one; elsewhere a run is taken to go on for a while after its last word.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aees_run::run_directory::run_id_in;

use super::tail::FileStamp;

/// How deep runs lie below a place: `results/TASK/NAME`, `results/runs/AB/ID`.
const DEEPEST: usize = 4;
/// Folders that hold no folder of a run.
const NO_RUNS: [&str; 4] = ["checkpoints", "tensorboard", "launches", "studies"];
/// A folder that changed so lately, in milliseconds, may have changed again without showing it.
const JUST_NOW: i64 = 2_000;
/// More folders are not looked at.
const MOST: usize = 500_000;

/// Where runs are looked for.
#[derive(Debug, Default)]
pub(super) struct FolderSearch {
    seen: BTreeMap<PathBuf, SeenFolder>,
}

/// A folder that is no run's, as it was listed last.
#[derive(Debug)]
struct SeenFolder {
    stamp: FileStamp,
    runs: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

impl FolderSearch {
    /// The folders of runs below these places, without those in `left_out`.
    pub(super) fn find(&mut self, places: &[PathBuf], left_out: Option<&Path>, now: i64) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut before = std::mem::take(&mut self.seen);
        let mut waiting: Vec<(PathBuf, usize)> = places.iter().map(|place| (place.clone(), 0)).collect();
        while let Some((folder, depth)) = waiting.pop() {
            if left_out == Some(folder.as_path()) || self.seen.contains_key(&folder) || self.seen.len() >= MOST {
                continue;
            }
            let Some(stamp) = FileStamp::of(&folder) else { continue };
            let known = before.remove(&folder);
            let same = |seen: &SeenFolder| seen.stamp == stamp && now - stamp.written_at() > JUST_NOW;
            let seen = match known {
                Some(seen) if same(&seen) => seen,
                // A run that was named itself, or a folder that has become one.
                _ if is_run(&folder) => {
                    found.push(folder);
                    continue;
                }
                known => listed(&folder, stamp, known.as_ref()),
            };
            found.extend(seen.runs.iter().cloned());
            if depth < DEEPEST {
                waiting.extend(seen.others.iter().map(|other| (other.clone(), depth + 1)));
            }
            self.seen.insert(folder, seen);
        }
        found
    }
}

fn listed(folder: &Path, stamp: FileStamp, known: Option<&SeenFolder>) -> SeenFolder {
    let mut seen = SeenFolder { stamp, runs: Vec::new(), others: Vec::new() };
    let known: HashSet<&PathBuf> = known.into_iter().flat_map(|known| &known.runs).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A link is not followed: it could lead back here.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || name.starts_with('.') || NO_RUNS.contains(&&*name) {
            continue;
        }
        let path = entry.path();
        if known.contains(&path) || is_run(&path) { seen.runs.push(path) } else { seen.others.push(path) }
    }
    seen
}

/// Whether a run was begun here.
fn is_run(folder: &Path) -> bool {
    run_id_in(folder).is_some() || folder.join("identity.json").is_file()
}

/// The locks that are held on this machine, by the number of the file.
pub(super) struct HeldLocks(Option<HashSet<u64>>);

impl HeldLocks {
    /// Asks the kernel.
    pub(super) fn now() -> Self {
        let of_line = |line: &str| {
            // `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`
            let place = line.split_ascii_whitespace().find(|word| word.matches(':').count() == 2)?;
            place.rsplit(':').next()?.parse().ok()
        };
        Self(fs::read_to_string("/proc/locks").ok().map(|text| text.lines().filter_map(of_line).collect()))
    }

    /// Whether somebody works in a run's folder; none where nobody can tell.
    pub(super) fn is_worked_on(&self, folder: &Path) -> Option<bool> {
        let held = self.0.as_ref()?;
        let lock = fs::metadata(folder.join("run.lock")).ok()?;
        Some(held.contains(&lock.ino()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn make_run(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("config.yaml"), "# The resolved configuration of run 0123.\ntask: cifar100\n").unwrap();
    }

    #[test]
    fn runs_are_found_where_they_lie_and_when_they_come() {
        let place = tempfile::tempdir().unwrap();
        let (root, later) = (place.path().to_owned(), i64::MAX / 2);
        make_run(&root.join("cifar100/one"));
        make_run(&root.join("cifar100/one/checkpoints/inner"));
        make_run(&root.join("runs/ab/abcd"));
        fs::create_dir_all(root.join("sst2/not yet")).unwrap();
        std::os::unix::fs::symlink(&root, root.join("again")).unwrap();
        let mut search = FolderSearch::default();
        let mut find = |left_out: Option<&Path>| {
            let mut found = search.find(std::slice::from_ref(&root), left_out, later);
            found.sort();
            found.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(find(None), ["cifar100/one", "runs/ab/abcd"]);
        assert_eq!(find(Some(&root.join("runs"))), ["cifar100/one"]);
        make_run(&root.join("sst2/not yet"));
        make_run(&root.join("agnews/new"));
        fs::remove_dir_all(root.join("cifar100/one")).unwrap();
        assert_eq!(find(None), ["agnews/new", "runs/ab/abcd", "sst2/not yet"]);
        assert_eq!(search.find(&[root.join("agnews/new")], None, later), [root.join("agnews/new")], "a run itself");
    }

    #[test]
    fn a_lock_is_seen_and_not_taken() {
        let place = tempfile::tempdir().unwrap();
        let lock = File::create(place.path().join("run.lock")).unwrap();
        assert_ne!(HeldLocks::now().is_worked_on(place.path()), Some(true));
        lock.try_lock().unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(HeldLocks::now().is_worked_on(place.path()), Some(true));
        }
        assert_eq!(HeldLocks(None).is_worked_on(place.path()), None);
    }
}
