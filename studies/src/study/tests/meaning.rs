//! Merging, precedence, tags, types, bases, templates.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Template;
use super::super::{Goal, Measure, Overrides, ResultSource, Settings, StatedPurpose, StatedPurposes, Study, StudyTask};
use super::{CIFAR, COMMAND, Folder, errors, expand, expand_with, labels};

fn config(text: &str) -> Value {
    let expansion = expand(text).unwrap();
    Value::Object(expansion.settings[0].settings.command().unwrap().clone())
}

#[test]
fn maps_merge_deeply_and_keep_their_siblings() {
    let text = format!(
        "{COMMAND}base: [{{train: {{epochs: 30, batch: 8}}}}, {{train.epochs: 40}}]\nset: {{train: {{lr: 1e-3}}}}\n"
    );
    assert_eq!(config(&text), json!({"train": {"epochs": 40, "batch": 8, "lr": 0.001}}));
}

#[test]
fn a_tag_replaces_or_removes() {
    let text = format!(
        "{COMMAND}base: {{a: {{x: 1, y: 2}}, b: {{x: 1, y: 2}}, c: 3}}\nset: {{a: !replace {{z: 1}}, b.x: !remove , c: !remove null}}\n"
    );
    assert_eq!(config(&text), json!({"a": {"z": 1}, "b": {"y": 2}}));
    let text = format!("{CIFAR}base: {{epochs: 3, lr: 0.5}}\nset: {{lr: !remove null}}\n");
    assert_eq!(expand(&text).unwrap().settings[0].settings.get("lr"), Some(json!(0.001)), "back to the default");
}

#[test]
fn top_level_replace_drops_siblings_and_knows_no_dots() {
    let text = format!(
        "{COMMAND}compat: {{override_semantics: top-level-replace}}\nbase: {{a: {{x: 1, y: 2}}}}\n\
         set: {{a: {{z: 3}}}}\nsweep: {{b.c: [1]}}\n"
    );
    assert_eq!(config(&text), json!({"a": {"z": 3}, "b.c": 1}));
}

#[test]
fn precedence_from_base_to_command_line() {
    let text = format!(
        "{COMMAND}base: {{a: base, b: base, c: base, d: base, e: base, f: base}}\nset: {{b: set, d: set, e: set, f: set}}\n\
         sweep: {{c: [sweep]}}\n\
         cases: [{{name: x, set: {{d: case}}, sweep: {{e: [axis], f: [axis]}}}}]\n"
    );
    let overrides = Overrides { set: vec!["f=line".into()], ..Default::default() };
    let expansion = expand_with(&text, &overrides).unwrap();
    let settings = &expansion.settings[0].settings;
    let values: Vec<Value> = ["a", "b", "c", "d", "e", "f"].iter().map(|key| settings.get(key).unwrap()).collect();
    assert_eq!(Value::Array(values), json!(["base", "set", "sweep", "case", "axis", "line"]));
    assert_eq!(labels(&expansion), ["case=x c=sweep e=axis f=line"], "the table shows what is used");
}

#[test]
fn overrides_make_combinations_equal_and_leave_one() {
    let overrides = Overrides { set: vec!["lr=0.5".into()], ..Default::default() };
    let expansion = expand_with(&format!("{CIFAR}sweep: {{lr: [0.1, 0.2], epochs: [1, 2]}}\n"), &overrides).unwrap();
    assert_eq!((expansion.settings.len(), expansion.duplicates), (2, 2));
}

#[test]
fn scalars_have_the_type_of_their_setting() {
    let text = format!(
        "{CIFAR}set: {{lr: 1e-3, momentum: 1, lr_scheduler: none, tensorboard: true, lr_candidates: 0.5, run_tag: 007}}\n"
    );
    let expansion = expand(&text).unwrap();
    let settings = &expansion.settings[0].settings;
    assert_eq!(settings.get("lr"), Some(json!(0.001)));
    assert_eq!(settings.get("momentum"), Some(json!(1.0)));
    assert_eq!(settings.get("lr_scheduler"), Some(json!("none")));
    assert_eq!(settings.get("lr_candidates"), Some(json!([0.5])));
    assert_eq!(settings.get("run_tag"), Some(json!("007")));
    assert_eq!(
        errors(&format!("{CIFAR}set: {{tensorboard: on}}\n")),
        ["study.yaml:3:20: invalid value \"on\" for `tensorboard`: expected true or false"]
    );
    assert_eq!(
        errors(&format!("{CIFAR}set: {{epochs: 1.0}}\n")),
        ["study.yaml:3:15: invalid value 1.0 for `epochs`: expected an integer"]
    );
}

#[test]
fn scalars_of_a_foreign_program_follow_the_core_schema() {
    let text = format!(
        "{COMMAND}set: {{a: 1e-3, b: on, c: yes, d: 1.0, e: 1, f: \"1\", g: ~, h: True, i: 0x1f, j: .5, k: 1_000, l: -3, m: !!str 5, n: 18446744073709551615, o: 2026-01-01, p: e5, q: 99999999999999999999, r: +-5, s: 1.5e3, t: .e1}}\n"
    );
    assert_eq!(
        config(&text),
        json!({"a": 0.001, "b": "on", "c": "yes", "d": 1.0, "e": 1, "f": "1", "g": null, "h": true, "i": 31, "j": 0.5,
            "k": "1_000", "l": -3, "m": "5", "n": u64::MAX, "o": "2026-01-01", "p": "e5", "q": "99999999999999999999", "r": "+-5", "s": 1500.0, "t": ".e1"})
    );
}

#[test]
fn bases_have_bases_relative_to_themselves() {
    let folder = Folder::new()
        .with("configs/deep/root.yaml", "task: cifar100\nlr: 0.1\nepochs: 7\nmomentum: 0.5\nseed: 4\n")
        .with("configs/one.yaml", "base: deep/root.yaml\nepochs: 8\n");
    let study = folder.read(&format!("{CIFAR}base: [configs/one.yaml, {{momentum: 0.6}}]\n")).unwrap();
    let expansion = study.expand(&Overrides::default()).unwrap();
    let get = |key: &str| expansion.settings[0].settings.get(key).unwrap();
    assert_eq!((get("lr"), get("epochs"), get("momentum")), (json!(0.1), json!(8), json!(0.6)));
    assert_eq!(study.seeds, [4], "a study without seeds takes that of its base");
}

#[test]
fn exclude_takes_values_and_lists_of_values() {
    let text = format!(
        "{CIFAR}sweep: {{lr: [0.1, 0.2, 0.3], optimizer: [AdamW, SGD], lr_candidates: [[1], [0.5, 1]]}}\n\
         exclude: [{{lr: [0.1, 3e-1], optimizer: SGD}}, {{lr_candidates: [0.5, 1], lr: 2e-1}}]\n"
    );
    let expansion = expand(&text).unwrap();
    assert_eq!((expansion.settings.len(), expansion.excluded), (12 - 4 - 2, 6));
    let none = expand(&format!("{CIFAR}sweep: {{lr: [0.1]}}\nexclude: [{{lr: 0.2}}]\n")).unwrap();
    assert!(
        none.warnings[0].ends_with("study.yaml:4:11: this rule of `exclude` matches nothing"),
        "{:?}",
        none.warnings
    );
}

#[test]
fn an_excluded_combination_may_be_impossible() {
    let text = format!(
        "{CIFAR}sweep: {{label_noise_type: [none, symmetric], label_noise_rate: [0.0, 0.2]}}\n\
         exclude: {{label_noise_type: none, label_noise_rate: 0.2}}\n"
    );
    assert_eq!(expand(&text).unwrap().settings.len(), 3);
}

#[test]
fn everything_beside_the_settings_is_read() {
    let text = format!(
        "{CIFAR}name: ace-lambda_2\nnote: why\nseeds: [4, 2]\nmetric: {{name: val_accuracy, goal: min, measure: last_k(3)}}\n\
         budget: {{max_hours: 1.5, max_runs: 9, per_run_timeout: 2h}}\nretry: {{io: 3, rate_limit: inf}}\n\
         breakers: {{consecutive: 4}}\n"
    );
    let study = Folder::new().read(&text).unwrap();
    assert_eq!(
        (study.name.as_str(), study.note.as_deref(), &study.seeds[..]),
        ("ace-lambda_2", Some("why"), &[4, 2][..])
    );
    let metric = study.metric.unwrap();
    assert_eq!((metric.goal, metric.measure), (Goal::Min, Measure::LastK(3)));
    let policy = study.policy;
    assert_eq!(policy.per_run_timeout_seconds, Some(7200.0));
    assert_eq!((policy.max_hours, study.max_runs), (Some(1.5), Some(9)));
    assert_eq!((policy.retry["io"], policy.retry["rate_limit"]), (Some(3), None));
    assert_eq!((policy.consecutive, policy.same_fingerprint), (4, 3));
}

#[test]
fn places_are_filled_from_nested_settings_and_defaults() {
    let head = "aees: 1\ntask: command\ncommand: {argv: [run], defaults: {mom: 0, a.c: 7}}\n";
    let study = Folder::new().read(head).unwrap();
    let StudyTask::Command(command) = &study.task else { panic!() };
    let config = json!({"a": {"b": 1e-3}, "list": [1, 2], "word": "x y"});
    let config = config.as_object().unwrap();
    let fill = |text: &str| command.fill(&Template::parse(text).unwrap(), config, 5, "/runs/1").source();
    assert_eq!(fill("--x={a.b} {seed} {run_dir}/o {list} {word}"), "--x=0.001 5 /runs/1/o [1,2] x y");
    assert_eq!(fill("{mom} {a.c} {device} {threads} {{{seed}}}"), "0 7 {device} {threads} {{5}}");
}

#[test]
fn a_command_has_its_parts() {
    let text = "aees: 1\ntask: command\ncommand:\n  argv: [python3, t.py, 1.10, \"{x}\"]\n  result: {file: \"{run_dir}/r.json\"}\n  timeout: 90s\n  env: [A, B]\n  code: v2\nset: {x: 1}\n";
    let study = Folder::new().read(text).unwrap();
    let StudyTask::Command(command) = &study.task else { panic!() };
    let argv: Vec<String> = command.argv.iter().map(Template::source).collect();
    assert_eq!(argv, ["python3", "t.py", "1.10", "{x}"]);
    assert!(matches!(&command.result, ResultSource::File(path) if path.source() == "{run_dir}/r.json"));
    assert_eq!(
        (command.timeout, command.pass_on.len(), command.code.as_deref()),
        (Some(Duration::from_secs(90)), 2, Some("v2"))
    );
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = format!("{COMMAND}set: {{a: &a {{x: 1, y: 2}}, b: {{<<: *a, y: 3}}, c: *a}}\n");
    assert_eq!(config(&text), json!({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}));
}

#[test]
fn a_study_reads_the_same_with_other_line_ends_and_a_byte_order_mark() {
    let text = format!("\u{feff}{CIFAR}sweep:\n  lr: [0.1, 0.2]\n").replace('\n', "\r\n");
    assert_eq!(expand(&text).unwrap().settings.len(), 2);
}

#[test]
fn settings_of_training_are_typed() {
    let study = Folder::new().read(CIFAR).unwrap();
    let expansion = study.expand(&Overrides::default()).unwrap();
    let Settings::Train(config) = &expansion.settings[0].settings else { panic!() };
    config.validate().unwrap();
    assert_eq!(Study::read(&study.source.join("none")).unwrap_err().0.len(), 1);
}

#[test]
fn a_purpose_holds_for_everything_inside() {
    let text = format!(
        "{CIFAR}purpose: accuracy\ncases:\n  - name: main\n  - name: parts\n    purpose: ablation\n    cases:\n      - name: reward\n      - \
         {{name: speed, purpose: timing}}\n"
    );
    let study = Folder::new().read(&text).unwrap();
    let purposes = study.purposes();
    let of = |case: Option<&str>| purposes.of_case(case);
    assert_eq!((of(None), of(Some("main"))), (Some(StatedPurpose::Accuracy), Some(StatedPurpose::Accuracy)));
    assert_eq!(of(Some("parts/reward")), Some(StatedPurpose::Ablation));
    assert_eq!(of(Some("parts/speed")), Some(StatedPurpose::Timing));
    let written = json!({"purposes": purposes});
    assert_eq!(StatedPurposes::of_spec(&written), purposes, "as the plan keeps it");
    assert!(Folder::new().read(CIFAR).unwrap().purposes().is_empty());
    let wrong = errors(&format!("{CIFAR}purpose: speed\n"));
    assert!(wrong[0].contains("`purpose` must be accuracy, timing or ablation"), "{wrong:?}");
}
