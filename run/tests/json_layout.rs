//! RunResult text against Python's `json.dumps(value, indent=2, sort_keys=True)`.
//!
//! `json/expected.json` is Python's; the script beside it made it. Only white space may differ.

use std::fs;
use std::path::Path;

use aees_run::json::write_pretty;
use serde_json::Value;

/// Drops white space outside of strings.
fn without_space(text: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let keep = |character: &char| {
        if in_string {
            in_string = escaped || *character != '"';
            escaped = !escaped && *character == '\\';
            true
        } else {
            in_string = *character == '"';
            !character.is_whitespace()
        }
    };
    text.chars().filter(keep).collect()
}

#[test]
fn the_text_is_pythons_but_for_white_space() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json");
    let value: Value = serde_json::from_str(&fs::read_to_string(folder.join("value.json")).unwrap()).unwrap();
    let expected = fs::read_to_string(folder.join("expected.json")).unwrap();

    let mut out = Vec::new();
    write_pretty(&value, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_ascii());
    assert!(text.ends_with("\n}\n"));
    let (ours, pythons) = (without_space(&text), without_space(&expected));
    for (ours, pythons) in ours.split(',').zip(pythons.split(',')) {
        assert_eq!(ours, pythons);
    }
    assert_eq!(ours.len(), pythons.len());
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
}
