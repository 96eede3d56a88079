//! docs/studies.md and the schema: every example is a study, the schema allows what the parser reads and refuses its mistakes,
//! and no key is left unsaid.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::super::keys::{BLOCK, BREAKERS, BUDGET, COMMAND, COMPAT, LOOP, METRIC, PRUNE, SEARCH, SLURM, STUDY, names};
use super::super::yaml::read_map;
use super::super::{Overrides, Study, schema, starter};
use super::{CIFAR, COMMAND as COMMAND_HEAD, Folder};
use aees_run::settings::TaskName;

/// The examples of the page.
fn examples() -> Vec<String> {
    examples_of("studies.md")
}

/// The loops of their own page, and the one that was run for the front page.
fn loops() -> Vec<String> {
    let night = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/loops/sst2-night.yaml");
    examples_of("loop.md").into_iter().chain([std::fs::read_to_string(night).unwrap()]).collect()
}

fn examples_of(page: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// The studies of the thesis, the examples of the page, and those that `sweep new` writes.
fn studies() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/studies");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let tasks = TaskName::ALL.map(Some).into_iter().chain([None]);
    let mut studies: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    studies.extend(examples());
    studies.extend(loops());
    studies.extend(tasks.map(|task| starter("x", task)));
    assert!(studies.len() > 30, "{}", studies.len());
    studies
}

/// A study file as an editor's YAML reader gives it to a schema.
fn document(text: &str) -> Value {
    let folder = Folder::new();
    let entries = read_map(&folder.write("study.yaml", text)).unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key, entry.value.resolved().unwrap()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What of a document a schema forbids: the part of draft 2020-12 that ours uses. A word that it does not know fails.
fn faults(schema: &Value, value: &Value, place: &str, root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let Some(schema) = schema.as_object() else {
        return if schema == &json!(true) { found } else { vec![format!("{place}: nothing can stand here")] };
    };
    let mut fault = |what: String| found.push(format!("{place}: {what}"));
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other}"),
    };
    let mut more = Vec::new();
    for (word, law) in schema {
        match word.as_str() {
            "description" | "title" | "$schema" | "$defs" | "then" | "else" => {}
            "type" => {
                let kinds: Vec<&str> = match law {
                    Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
                    kind => vec![kind.as_str().unwrap()],
                };
                if !kinds.iter().any(|kind| is(kind)) {
                    fault(format!("{value} is no {kinds:?}"));
                }
            }
            "const" if value != law => fault(format!("{value} is not {law}")),
            "enum" if !law.as_array().unwrap().contains(value) => fault(format!("{value} is none of {law}")),
            "const" | "enum" => {}
            "minimum" if value.as_f64() < law.as_f64() => fault("too small".into()),
            "exclusiveMinimum" if value.as_f64() <= law.as_f64() => fault("too small".into()),
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < law.as_u64().unwrap()) => {
                fault("too few".into());
            }
            "minProperties" if value.as_object().is_some_and(|map| (map.len() as u64) < law.as_u64().unwrap()) => {
                fault("too few".into());
            }
            "maxProperties" if value.as_object().is_some_and(|map| map.len() as u64 > law.as_u64().unwrap()) => {
                fault("too many".into());
            }
            // Regular expressions are tried by a real validator, where one is installed.
            "minimum" | "exclusiveMinimum" | "minItems" | "minProperties" | "maxProperties" | "pattern" => {}
            "required" => {
                for key in law.as_array().unwrap().iter().map(|key| key.as_str().unwrap()) {
                    if value.is_object() && value.get(key).is_none() {
                        fault(format!("{key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in law.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        more.extend(faults(inner, value, &format!("{place}.{key}"), root));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                for (key, value) in others.filter(|(key, _)| !known.is_some_and(|known| known.contains_key(*key))) {
                    more.extend(faults(law, value, &format!("{place}.{key}"), root));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    more.extend(faults(law, item, &format!("{place}[{index}]"), root));
                }
            }
            "anyOf" => {
                let ways: Vec<Vec<String>> =
                    law.as_array().unwrap().iter().map(|way| faults(way, value, place, root)).collect();
                if ways.iter().all(|way| !way.is_empty()) {
                    more.extend(ways.into_iter().flatten());
                }
            }
            "allOf" => more.extend(law.as_array().unwrap().iter().flat_map(|each| faults(each, value, place, root))),
            "if" => {
                let holds = faults(law, value, place, root).is_empty();
                if let Some(next) = schema.get(if holds { "then" } else { "else" }) {
                    more.extend(faults(next, value, place, root));
                }
            }
            "$ref" => {
                let name = law.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                more.extend(faults(&root["$defs"][name], value, place, root));
            }
            other => panic!("the schema uses {other}"),
        }
    }
    found.extend(more);
    found
}

#[test]
fn every_example_of_the_page_is_a_study() {
    for example in examples() {
        let study = Folder::new().read(&example).unwrap_or_else(|errors| panic!("{errors}\n{example}"));
        let expansion = study.expand(&Overrides::default()).unwrap_or_else(|errors| panic!("{errors}\n{example}"));
        assert!(expansion.runs() > 0 && expansion.warnings.is_empty(), "{:?}\n{example}", expansion.warnings);
    }
}

#[test]
fn every_example_of_the_loops_page_is_a_loop() {
    for example in loops() {
        let study = Folder::new().read(&example).unwrap_or_else(|errors| panic!("{errors}\n{example}"));
        assert!(study.loop_block.is_some_and(|block| block.baseline >= 2), "{example}");
    }
}

#[test]
fn the_schema_allows_what_the_parser_reads() {
    let schema = schema();
    for study in studies() {
        let faults = faults(&schema, &document(&study), "study", &schema);
        assert!(faults.is_empty(), "{faults:#?}\n{study}");
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = schema();
    for study in [
        "task: cifar100\n".to_owned(),
        "aees: 2\ntask: cifar100\n".to_owned(),
        "aees: 1\ntask: mnist\n".to_owned(),
        "aees: 1\ntask: command\n".to_owned(),
        format!("{CIFAR}seed: 3\n"),
        format!("{CIFAR}command: {{argv: [run]}}\n"),
        format!("{CIFAR}set: {{epochz: 3}}\n"),
        format!("{CIFAR}set: {{seed: 3}}\n"),
        format!("{CIFAR}sweep: {{epochs: 3}}\n"),
        format!("{CIFAR}sweep: {{epochs: []}}\n"),
        format!("{CIFAR}sweep: {{lr: {{range: {{from: 1, to: 2}}}}}}\n"),
        format!("{CIFAR}sweep: {{lr: {{uniform: {{from: 1, to: 2}}, choice: [1]}}}}\n"),
        format!("{CIFAR}cases: [{{set: {{lr: 1}}}}]\n"),
        format!("{CIFAR}search: {{method: bayes, n: 3}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nloop: {{baseline: 1}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nloop: {{baselin: 3}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nloop: {{seeds: 0}}\n"),
        format!("{CIFAR}metric: {{goal: max}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nprune: {{factor: 1}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nprune: {{grace: 0}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nprune: {{method: median}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nprune: {{rungs: []}}\n"),
        format!("{CIFAR}metric: {{name: val_accuracy}}\nprune: {{gracee: 1}}\n"),
        format!("{CIFAR}budget: {{max_runs: 0}}\n"),
        format!("{CIFAR}retry: {{disk: 3}}\n"),
        format!("{CIFAR}slurm: {{partitoin: main}}\n"),
        format!("{CIFAR}slurm: {{cpus: 0}}\n"),
        format!("{CIFAR}slurm: {{time: 30}}\n"),
        format!("{CIFAR}retry: {{io: often}}\n"),
        format!("{COMMAND_HEAD}zip: [3]\n"),
        "aees: 1\ntask: command\ncommand: {}\n".to_owned(),
        "aees: 1\ntask: command\ncommand: {argv: []}\n".to_owned(),
        "aees: 1\ntask: command\ncommand: {argv: [run], workdri: x}\n".to_owned(),
        "aees: 1\ntask: command\ncommand: {argv: [run], identity: [paths]}\n".to_owned(),
    ] {
        let read = Folder::new().read(&study);
        let refused = read.is_err() || read.unwrap().expand(&Overrides::default()).is_err();
        assert!(refused, "the parser reads it:\n{study}");
        assert!(!faults(&schema, &document(&study), "study", &schema).is_empty(), "the schema allows it:\n{study}");
    }
}

/// Every key of every map stands in an example, and in the text around them nothing is said that is not there.
#[test]
fn every_key_has_an_example() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                found.insert(key.clone());
                keys(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    examples().iter().chain(&loops()).for_each(|example| keys(&document(example), &mut found));
    for key in names(&[STUDY, BLOCK, SEARCH, METRIC, PRUNE, BUDGET, BREAKERS, COMPAT, SLURM, COMMAND, LOOP])
        .into_iter()
        .chain(super::super::axis::FORMS)
    {
        assert!(found.contains(key), "no example has `{key}`");
    }
}

#[test]
fn what_sweep_new_writes_is_a_study() {
    for task in TaskName::ALL.map(Some).into_iter().chain([None]) {
        let folder = Folder::new();
        let path = folder.write("x.yaml", &starter("x", task));
        let study = Study::read(&path).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(study.expand(&Overrides::default()).unwrap().runs() >= 6);
    }
}
