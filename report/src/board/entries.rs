//! What a board shows, as texts of JSON, each with the number of its last change.
//!
//! Whoever follows the board says up to which change it knows everything, and gets what changed since: a page that was just
//! opened, one that is slow and one that lost its connection are told the same way, and nothing is kept for any of them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::Value;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A study, by its name.
    Study,
    /// A run, by its id.
    Run,
    /// Something that is wrong with what is read, by what it is about.
    Note,
}

/// A change of what is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryChange {
    /// What it is about.
    pub kind: EntryKind,
    /// Its name among those of its kind.
    pub key: String,
    /// What is shown from now on; none for what is gone.
    pub shown: Option<Value>,
    /// The folder of a run.
    pub folder: Option<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    changed: u64,
    json: Option<String>,
    folder: Option<PathBuf>,
}

/// Everything that is shown.
#[derive(Debug, Default)]
pub struct BoardEntries {
    entries: HashMap<(EntryKind, String), Entry>,
    by_change: BTreeMap<u64, (EntryKind, String)>,
    last: u64,
}

impl BoardEntries {
    /// Takes a change. What is shown already is none.
    pub fn take(&mut self, change: EntryChange) {
        let EntryChange { kind, key, shown, folder } = change;
        let json = shown.map(|value| value.to_string());
        let key = (kind, key);
        if self.entries.get(&key).map_or(json.is_none(), |known| known.json == json) {
            return;
        }
        self.last += 1;
        self.by_change.insert(self.last, key.clone());
        if let Some(before) = self.entries.insert(key, Entry { changed: self.last, json, folder }) {
            self.by_change.remove(&before.changed);
        }
    }

    /// The number of the last change.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What changed after a change, at most so many entries of it, as one object, with the change up to which all is told then.
    /// None when nothing did. Who knows of no change at all is not told what is gone.
    pub fn since(&self, known: u64, most: usize) -> Option<(u64, String)> {
        let mut upto = None;
        let mut parts: [Vec<&str>; 3] = Default::default();
        let mut gone: Vec<Value> = Vec::new();
        let names = ["studies", "runs", "notes"];
        for (number, key) in self.by_change.range(known + 1..).take(most) {
            upto = Some(*number);
            // In the order of the kinds.
            let place = key.0 as usize;
            match self.entries.get(key).and_then(|entry| entry.json.as_deref()) {
                Some(json) => parts[place].push(json),
                None if known > 0 => gone.push(serde_json::json!([names[place], key.1])),
                None => {}
            }
        }
        let listed = |(name, parts): (&str, Vec<&str>)| format!("\"{name}\":[{}]", parts.join(","));
        let parts: Vec<String> = names.into_iter().zip(parts).map(listed).collect();
        upto.map(|upto| (upto, format!("{{{},\"gone\":{}}}", parts.join(","), Value::from(gone))))
    }

    /// The folder of a run that is shown.
    pub fn folder(&self, run: &str) -> Option<PathBuf> {
        let entry = self.entries.get(&(EntryKind::Run, run.to_owned()))?;
        entry.folder.clone().filter(|_| entry.json.is_some())
    }

    /// What is shown of something.
    pub fn shown(&self, kind: EntryKind, key: &str) -> Option<&str> {
        self.entries.get(&(kind, key.to_owned()))?.json.as_deref()
    }

    /// The folders of all runs that are shown, by id.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &PathBuf)> {
        let shown = self.entries.iter().filter(|(_, entry)| entry.json.is_some());
        shown.filter_map(|((kind, key), entry)| {
            (*kind == EntryKind::Run).then_some(key.as_str()).zip(entry.folder.as_ref())
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(key: &str, shown: Option<Value>) -> EntryChange {
        EntryChange { kind: EntryKind::Run, key: key.into(), shown, folder: None }
    }

    fn told(entries: &BoardEntries, known: u64, most: usize) -> (u64, Value) {
        let (upto, text) = entries.since(known, most).unwrap();
        (upto, serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn everybody_is_told_what_they_do_not_know_yet() {
        let mut entries = BoardEntries::default();
        assert_eq!(entries.since(0, 10), None);
        for number in 0..5 {
            entries.take(run(&number.to_string(), Some(json!({"n": number}))));
        }
        let (upto, all) = told(&entries, 0, 10);
        assert_eq!((upto, all["runs"].as_array().unwrap().len()), (5, 5));
        assert_eq!(entries.since(upto, 10), None);
        // In parts.
        let (half, first) = told(&entries, 0, 3);
        let (end, rest) = told(&entries, half, 3);
        assert_eq!(
            (half, end, first["runs"].as_array().unwrap().len() + rest["runs"].as_array().unwrap().len()),
            (3, 5, 5)
        );
        // The same again is no change; another one is told alone, once, however often it came.
        entries.take(run("1", Some(json!({"n": 1}))));
        assert_eq!(entries.last(), 5);
        entries.take(run("1", Some(json!({"n": 10}))));
        entries.take(run("1", Some(json!({"n": 11}))));
        assert_eq!(told(&entries, 5, 10).1["runs"], json!([{"n": 11}]));
        // What is gone is told to who may have it.
        entries.take(run("2", None));
        assert_eq!(told(&entries, 7, 10).1["gone"], json!([["runs", "2"]]));
        let (_, all) = told(&entries, 0, 10);
        assert_eq!((all["gone"].clone(), all["runs"].as_array().unwrap().len()), (json!([]), 4));
        entries.take(run("never there", None));
        assert_eq!(entries.last(), 8);
    }
}
