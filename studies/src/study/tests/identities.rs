//! Identities: what changes them and what does not; keys and signatures.

use std::collections::HashMap;

use aees_run::identity::{Id, Inputs, RunIdentity, canonical};
use aees_run::settings::{Place, Role, RunConfig, TaskName};
use serde_json::{Map, Value, json};

use super::super::identity::{config_key, shape_of_training};
use super::super::{Overrides, Settings, Study, StudyTask};
use super::{CIFAR, Folder, expand};

/// A small generator of its own, so that the cases are the same everywhere (Steele, Lea and Flood, 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => json!(self.next() as i64 >> self.below(64)),
            3 => json!(self.next()),
            4 => json!(f64::from_bits(self.next()))
                .as_f64()
                .filter(|float| float.is_finite())
                .map_or(json!(0.5), Value::from),
            5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(self.map(depth - 1)),
        }
    }

    fn text(&mut self) -> String {
        let letters: Vec<char> = "ab:,\"\\{}[]é\n1e".chars().collect();
        (0..self.below(5)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    fn map(&mut self, depth: u32) -> Map<String, Value> {
        (0..self.below(5)).map(|_| (self.text(), self.value(depth))).collect()
    }
}

fn study(text: &str) -> (Study, Settings) {
    let study = Folder::new().read(text).unwrap();
    let settings = study.expand(&Overrides::default()).unwrap().settings.swap_remove(0).settings;
    (study, settings)
}

fn command_id(text: &str) -> String {
    let (study, settings) = study(text);
    let StudyTask::Command(command) = &study.task else { panic!() };
    RunIdentity::of_document(&command.identity_document(settings.command().unwrap(), None), 0)
        .unwrap()
        .run_id
        .full()
        .to_owned()
}

#[test]
fn golden_ids_of_a_foreign_program() {
    let (study, settings) = study(
        "aees: 1\ntask: command\ncommand: {argv: [python3, t.py, \"{lr}\"], code: v1}\nset: {lr: 1e-3, layers: [64, 64], opt: {name: sgd}}\n",
    );
    let StudyTask::Command(command) = &study.task else { panic!() };
    let config = settings.command().unwrap();
    let text = r#"{"argv":["python3","t.py","{lr}"],"code":"v1","config":{"layers":[64,64],"lr":1e-3,"opt":{"name":"sgd"}},"precision":"external","result":"last_json_line","task":"command","v":1}"#;
    assert_eq!(canonical(&command.identity_document(config, None)).unwrap(), text);
    // The ids are those of sha256sum on the canonical texts.
    let document = command.identity_document(config, None);
    let identity = RunIdentity::of_document(&document, 7).unwrap();
    assert_eq!(identity.config_id.short(), "cd865206d9ab6682");
    assert_eq!(identity.run_id.short(), "e29c733791158d8c");
    let seeds = [RunIdentity::of_document(&document, 8).unwrap(), identity.clone()];
    assert_eq!(seeds[0].config_id, identity.config_id);
    assert_ne!(seeds[0].run_id, identity.run_id);
}

#[test]
fn spelling_order_comments_and_places_do_not_change_a_foreign_id() {
    let head = "aees: 1\ntask: command\ncommand: {argv: [run, \"{a}\"]}\n";
    let id = command_id(&format!("{head}set: {{a: 0.001, b: {{c: 1, d: [2500.0]}}}}\n"));
    let same = [
        format!("{head}set: {{a: 0.001, b: {{c: 1.0, d: [2500]}}}}\n"),
        format!("{head}set: {{b: {{d: [25e2], c: 1}}, a: 1e-3}}\n"),
        format!("# a comment\n{head}name: other\nnote: x\nset:\n  b.c: 1 # one\n  b.d: [2.5e+3]\n  a: 0.0010\n"),
        format!("{head}base: {{a: 5, b: {{c: 1}}}}\nset: {{b.d: [2500.0]}}\nsweep: {{a: [1e-3]}}\nseeds: 1\n"),
        "aees: 1\ntask: command\ncommand: {timeout: 3s, env: [HOME], argv: [run, '{a}']}\nset: {a: 1e-3, b: {c: 1, d: [2500.0]}}\n"
            .to_owned(),
    ];
    for text in same {
        assert_eq!(command_id(&text), id, "{text}");
    }
    let others = [
        format!("{head}set: {{a: 0.002, b: {{c: 1, d: [2500.0]}}}}\n"),
        format!("{head}set: {{a: 0.001, b: {{c: 1, d: 2500.0}}}}\n"),
        format!("{head}set: {{a: \"0.001\", b: {{c: 1, d: [2500.0]}}}}\n"),
        "aees: 1\ntask: command\ncommand: {argv: [run2, \"{a}\"]}\nset: {a: 0.001, b: {c: 1, d: [2500.0]}}\n".to_owned(),
        "aees: 1\ntask: command\ncommand: {argv: [run, \"{a}\"], code: v2}\nset: {a: 0.001, b: {c: 1, d: [2500.0]}}\n".to_owned(),
        "aees: 1\ntask: command\ncommand: {argv: [run, \"{a}\"], result: {file: r.json}}\nset: {a: 0.001, b: {c: 1, d: [2500.0]}}\n".to_owned(),
    ];
    for text in others {
        assert_ne!(command_id(&text), id, "{text}");
    }
}

#[test]
fn a_hundred_thousand_random_configurations_do_not_collide() {
    let mut random = SplitMix(1);
    let mut seen: HashMap<String, String> = HashMap::new();
    for _ in 0..100_000 {
        let value = Value::Object(random.map(3));
        let text = canonical(&value).unwrap();
        // The canonical text is JSON: reading it back gives the same value and the same text.
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical(&again).unwrap(), text);
        assert!(equal(&value, &again), "{value} {again}");
        if let Some(other) = seen.insert(Id::of(&value).unwrap().full().to_owned(), text.clone()) {
            assert_eq!(other, text);
        }
    }
    assert!(seen.len() > 50_000);
}

/// Equality but for the sign of zero.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            a.is_f64() == b.is_f64() && a.as_f64() == b.as_f64() && a.as_u64() == b.as_u64()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && equal(a, b))
        }
        (a, b) => a == b,
    }
}

#[test]
fn a_default_is_the_same_as_leaving_it_out() {
    let id = |text: &str| {
        let (_, settings) = study(text);
        let Settings::Train(config) = settings else { panic!() };
        RunIdentity::of(&config, &Inputs::data("data")).unwrap().run_id
    };
    let plain = id(&format!("{CIFAR}set: {{epochs: 3}}\n"));
    for config in RunConfig::settings_of(TaskName::Cifar100) {
        let default = RunConfig::new(TaskName::Cifar100).get(config.key).unwrap();
        if config.key != "epochs" && !matches!(config.key, "seed" | "output" | "hf_token") {
            assert_eq!(id(&format!("{CIFAR}set: {{epochs: 3, {}: {default}}}\n", config.key)), plain, "{}", config.key);
        }
    }
}

#[test]
fn every_science_setting_changes_the_key_of_a_setting() {
    for task in TaskName::ALL {
        let base = RunConfig::new(task);
        let key = |config: &RunConfig| config_key(&StudyTask::Train(task), &Settings::Train(Box::new(config.clone())));
        for field in RunConfig::settings_of(task).filter(|setting| setting.role != Role::Seed) {
            let old = base.get(field.key).unwrap();
            let other = match &old {
                _ if !field.choices.is_empty() => {
                    json!(field.choices.iter().find(|choice| old != **choice && !is_flag(&old, choice)).unwrap())
                }
                Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5 + 0.25),
                Value::Number(number) => json!(number.as_i64().unwrap() + 1),
                Value::Array(_) => json!([0.25, 0.75]),
                _ => json!("7"),
            };
            let mut changed = base.clone();
            changed.set(field.key, &other, &Place::Resolved).unwrap();
            if field.role == Role::Science {
                assert_ne!(key(&changed), key(&base), "{}", field.key);
            }
        }
        let mut moved = base.clone();
        moved.seed = 9;
        moved.device = "cuda:1".into();
        moved.run_tag = Some("x".into());
        assert_eq!(key(&moved), key(&base));
    }
}

#[test]
fn signatures_are_shared_by_runs_of_equal_cost() {
    let shape = |assignments: &[&str]| {
        let mut config = RunConfig::new(TaskName::Cifar100);
        assignments.iter().for_each(|assignment| config.assign(assignment).unwrap());
        shape_of_training(&config).unwrap()
    };
    let plain = shape(&[]);
    for cheap in ["lr=0.5", "seed=9", "weight_decay=0", "lr_scheduler=cosine", "run_tag=x", "momentum=0.1"] {
        assert_eq!(shape(&[cheap]), plain, "{cheap}");
    }
    for costly in [
        "epochs=11",
        "batch_size=64",
        "model_width=16",
        "limit_train=100",
        "control_mode=adaptive",
        "optimizer=SGD",
        "noise_candidates=0,0.1",
    ] {
        assert_ne!(shape(&[costly]), plain, "{costly}");
    }
}

#[test]
fn the_signature_of_a_foreign_program_leaves_out_fractions() {
    let expansion =
        expand("aees: 1\ntask: command\ncommand: {argv: [run]}\nsweep: {lr: [0.1, 0.2], layers: [1, 2]}\n").unwrap();
    let (study, _) = study("aees: 1\ntask: command\ncommand: {argv: [run]}\n");
    let shapes: Vec<_> =
        expansion.settings.iter().map(|setting| study.shape_signature(&setting.settings).unwrap()).collect();
    assert_eq!((&shapes[0], &shapes[1]), (&shapes[2], &shapes[3]));
    assert_ne!(shapes[0], shapes[1]);
}

#[test]
fn two_models_never_share_an_id() {
    let id = |model: &str| {
        command_id(&format!("aees: 1\ntask: command\ncommand: {{argv: [run]}}\nset: {{llm_model: {model}}}\n"))
    };
    assert_ne!(id("large"), id("small"));
}

/// Whether a choice is the word for a flag's value.
fn is_flag(value: &Value, choice: &str) -> bool {
    value.as_bool().is_some_and(|flag| choice.parse() == Ok(flag))
}

#[test]
fn more_seeds_and_values_keep_the_runs_that_were_there() {
    let ids = |values: &str, seeds: u32| -> std::collections::HashSet<String> {
        let text = format!(
            "aees: 1\ntask: command\ncommand: {{argv: [run]}}\nsweep: {{a: {values}, b: [x, y]}}\nseeds: {seeds}\n"
        );
        let study = Folder::new().read(&text).unwrap();
        let StudyTask::Command(command) = &study.task else { panic!() };
        let expansion = study.expand(&Overrides::default()).unwrap();
        let runs =
            expansion.settings.iter().flat_map(|setting| setting.seeds.iter().map(move |slot| (setting, slot.seed)));
        runs.map(|(setting, seed)| {
            let document = command.identity_document(setting.settings.command().unwrap(), None);
            RunIdentity::of_document(&document, seed).unwrap().run_id.full().to_owned()
        })
        .collect()
    };
    let (few, values, seeds) = (ids("[1, 2]", 3), ids("[0, 1, 2]", 3), ids("[1, 2]", 5));
    assert_eq!((few.len(), values.len(), seeds.len()), (12, 18, 20));
    assert!(few.is_subset(&values) && few.is_subset(&seeds));
}

#[test]
fn the_seed_of_a_run_is_the_one_it_was_given() {
    let (_, settings) = study(&format!("{CIFAR}base: {{seed: 4}}\n"));
    assert_eq!(settings.run_config(9).unwrap().seed, 9);
    assert_eq!(settings.to_map()["task"], "cifar100");
}

/// The ids under which a setting of a foreign program may be known; the usual one first.
fn known_ids(command: &str, settings: &str) -> Vec<String> {
    let (study, settings) = study(&format!("aees: 1\ntask: command\ncommand: {command}\nset: {settings}\n"));
    let StudyTask::Command(command) = &study.task else { panic!() };
    let documents = command.identity_documents(settings.command().unwrap(), None);
    documents.iter().map(|document| RunIdentity::of_document(document, 0).unwrap().run_id.full().to_owned()).collect()
}

#[test]
fn defaults_and_aliases_can_be_told_without_rerunning() {
    let plain = |settings: &str| known_ids("{argv: [run]}", settings)[0].clone();
    let told = |command: &str, settings: &str| known_ids(&format!("{{argv: [run], {command}}}"), settings);
    // What was left out is now written, and the other way round; maps that are empty for it count as absent.
    assert_eq!(told("defaults: {mom: 0}", "{lr: 1, mom: 0.0}")[0], plain("{lr: 1}"));
    assert!(told("defaults: {mom: 0}", "{lr: 1}").contains(&plain("{lr: 1, mom: 0}")));
    assert_eq!(told("defaults: {opt.mom: 0}", "{opt: {mom: 0}}")[0], plain("{}"));
    assert_ne!(told("defaults: {mom: 0}", "{lr: 1, mom: 0.9}")[0], plain("{lr: 1}"));
    // A new name, also of a nested setting, and in the argument list.
    assert_eq!(told("aliases: {learning_rate: lr}", "{learning_rate: 1}")[0], plain("{lr: 1}"));
    assert_eq!(told("aliases: {opt.lr: lr}", "{opt: {lr: 1}}")[0], plain("{lr: 1}"));
    let renamed = known_ids("{argv: [run, '{rate}'], aliases: {rate: lr}}", "{rate: 1}");
    assert_eq!(renamed[0], known_ids("{argv: [run, '{lr}']}", "{lr: 1}")[0]);
    // One value, however it is written; what ran before that was so is known still.
    assert_eq!(plain("{x: 0}"), plain("{x: 0.0}"));
    assert_eq!(plain("{x: [1, -3]}"), plain("{x: [1.0, -3.0]}"));
    assert_ne!(plain("{x: 0}"), plain("{x: 0.5}"));
    assert_ne!(plain("{x: 1}"), plain("{x: '1'}"));
    assert_eq!(known_ids("{argv: [run]}", "{x: 1.0}").len(), 2);
    // Arguments are part of it unless the study says otherwise.
    assert_ne!(known_ids("{argv: [run, a]}", "{}"), known_ids("{argv: [run, b]}", "{}"));
    assert_eq!(known_ids("{argv: [run, a], identity: []}", "{}"), known_ids("{argv: [run, b], identity: []}", "{}"));
}
