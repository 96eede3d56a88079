//! The disks under the folders that a run writes to: whether it may write, how much is free, whether others share it.

use std::path::{Path, PathBuf};

use aees_studies::registry::{FileSystem, probe_file_system};
use indicatif::HumanBytes;
use rustix::fs::{Access, access, statvfs};
use serde_json::json;

use super::diagnosis::Diagnosis;
use crate::results::absolute;

/// Less than this and a few checkpoints of DistilBERT, 800 MB each, fill the disk.
const ENOUGH: u64 = 5 << 30;

pub(super) fn diagnoses(hub: Option<&Path>) -> Vec<Diagnosis> {
    let hub = hub.map(|folder| ("hub cache", folder.to_owned()));
    let folders = [("results", PathBuf::from("results")), ("data", PathBuf::from("data"))].into_iter().chain(hub);
    folders.chain([("temporary", std::env::temp_dir())]).map(|(subject, folder)| diagnosis(subject, &folder)).collect()
}

/// How it stands with a folder that is there, or with the nearest one above it, in which it would be made.
fn diagnosis(subject: &str, folder: &Path) -> Diagnosis {
    let absolute = absolute(folder);
    let Some(there) = absolute.ancestors().find(|ancestor| ancestor.exists()) else {
        let text = format!("{} cannot be made", absolute.display());
        return Diagnosis::wrong(subject, text, "work in a folder that is there");
    };
    let shown = absolute.display();
    if !there.is_dir() {
        let text = format!("{shown} cannot be made: {} is no folder", there.display());
        return Diagnosis::wrong(subject, text, "move the file away, or work in another folder");
    }
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let text = format!("{shown}: {} cannot be written to", there.display());
        return Diagnosis::wrong(subject, text, "give this user the right to write there, or work in another folder");
    }
    let free = statvfs(there).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let network = match probe_file_system(there) {
        Ok(FileSystem::Network(name)) => Some(name),
        _ => None,
    };
    let text = format!(
        "{shown}: {} free{}",
        free.map_or_else(|| "unknown".into(), |bytes| HumanBytes(bytes).to_string()),
        network.map_or_else(String::new, |name| format!(", a network file system ({name})"))
    );
    let facts = json!({"folder": absolute, "free_bytes": free, "network": network});
    let diagnosis = match (free, network) {
        (Some(free), _) if free < ENOUGH => {
            let help =
                "checkpoints of DistilBERT take 800 MB each: free some space; `aees runs gc` removes what no run needs";
            Diagnosis::note(subject, text, help)
        }
        (_, Some(_)) if subject == "results" => {
            let help =
                "runs may lie here, their registry may not: keep it on a disk of this machine with --registry PATH";
            Diagnosis::note(subject, text, help)
        }
        _ => Diagnosis::fine(subject, text),
    };
    diagnosis.with(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::diagnosis::Health;

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_disk_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let found = diagnosis("results", &folder.path().join("a/b"));
        assert_ne!(found.health, Health::Wrong);
        assert!(found.to_json("disk")["facts"]["free_bytes"].as_u64() > Some(0));
    }

    #[test]
    fn a_file_in_the_way_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("results"), "").unwrap();
        assert_eq!(diagnosis("results", &folder.path().join("results/run")).health, Health::Wrong);
    }
}
