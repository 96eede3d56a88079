//! The page of the language, its schema and its starting points, through the program.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::sweep;
use crate::program::Scratch;

/// Every example of docs/studies.md is planned as it stands there.
#[test]
fn every_example_of_the_page_can_be_planned() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/studies.md")).unwrap();
    let scratch = Scratch::new();
    let mut examples = 0;
    for block in page.split("```yaml\n").skip(1) {
        let example = block.split_once("```").unwrap().0;
        fs::write(scratch.path("example.yaml"), example).unwrap();
        let planned = sweep(&scratch, &["plan", "example.yaml", "--json"]);
        assert_eq!(planned.code(), Some(0), "{}\n{example}", planned.stderr());
        let document: Value = serde_json::from_str(&planned.stdout()).unwrap();
        assert!(!document["runs"].as_array().unwrap().is_empty(), "{example}");
        assert_eq!(document["provisional_ids"], false, "an example needs no data: {example}");
        examples += 1;
    }
    assert!(examples >= 14, "{examples}");
    assert!(!scratch.path("results").exists(), "a plan writes nothing");
}

#[test]
fn the_schema_is_printed_whole() {
    let printed = Scratch::new().run(["sweep", "schema"]).ok();
    let schema: Value = serde_json::from_str(&printed.stdout()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["command"]["properties"]["argv"]["description"].is_string());
    assert!(printed.stderr().is_empty());
}

#[test]
fn a_new_study_can_be_planned_and_nothing_is_written_over() {
    let scratch = Scratch::new();
    for task in ["cifar100", "sst2", "agnews", "command"] {
        let name = format!("mine-{task}");
        let written = sweep(&scratch, &["new", &name, "--task", task]).ok();
        assert_eq!(written.stdout(), format!("{name}.yaml\n"));
        sweep(&scratch, &["plan", &format!("{name}.yaml")]).ok();
        sweep(&scratch, &["new", &name, "--task", task]).refused(&["is there already"]);
    }
    sweep(&scratch, &["run", "mine-command.yaml"]).ok();
    sweep(&scratch, &["new", "My Study"]).refused(&["cannot be the name of a study"]);
    sweep(&scratch, &["new", "x", "--task", "mnist"]).refused(&["command", "cifar100"]);
}
