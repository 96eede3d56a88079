//! JSON as Python writes it: `json.dumps` writes NaN and infinities as bare words, which JSON does not have.

use serde_json::{Map, Value};

/// Stands in for such a word while the rest is read. No program writes this text.
const STAND_IN: &str = "\0aees:";

/// Longest first: `-Infinity` holds `Infinity`.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// A JSON object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LooseObject {
    /// The object, with null in the place of numbers that are not finite.
    pub(super) map: Map<String, Value>,
    /// The first such number: where it is (keys with points between them), and what.
    pub(super) not_finite: Option<(String, String)>,
}

/// Reads an object; none when it is something else.
pub(super) fn parse_object(text: &str) -> Option<LooseObject> {
    if let Ok(map) = serde_json::from_str(text) {
        return Some(LooseObject { map, not_finite: None });
    }
    if !WORDS.iter().any(|word| text.contains(word)) {
        return None;
    }
    let mut value: Value = serde_json::from_str(&with_stand_ins(text)).ok()?;
    let mut not_finite = None;
    remove_stand_ins(&mut value, "", &mut not_finite);
    match value {
        Value::Object(map) => Some(LooseObject { map, not_finite }),
        _ => None,
    }
}

/// The text with a string for each word that is not in a string itself.
fn with_stand_ins(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let (mut in_string, mut escaped, mut rest) = (false, false, text);
    while let Some(character) = rest.chars().next() {
        let word = if in_string { None } else { WORDS.into_iter().find(|word| rest.starts_with(word)) };
        if let Some(word) = word {
            out.push_str(r#""\u0000aees:"#);
            out.push_str(word);
            out.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        if escaped {
            escaped = false;
        } else if character == '"' {
            in_string = !in_string;
        } else {
            escaped = in_string && character == '\\';
        }
        out.push(character);
        rest = &rest[character.len_utf8()..];
    }
    out
}

fn remove_stand_ins(value: &mut Value, path: &str, first: &mut Option<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::String(text) => {
            if let Some(word) = text.strip_prefix(STAND_IN) {
                first.get_or_insert_with(|| (path.to_owned(), word.to_owned()));
                *value = Value::Null;
            }
        }
        Value::Array(items) => {
            let numbered = items.iter_mut().enumerate();
            numbered.for_each(|(index, item)| remove_stand_ins(item, &below(&index.to_string()), first));
        }
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| remove_stand_ins(item, &below(key), first)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pythons_words_are_read_and_remembered() {
        let text = r#"{"note": "NaN \" Infinity", "loss": [1, -Infinity], "accuracy": NaN}"#;
        let object = parse_object(text).unwrap();
        let expected = json!({"note": "NaN \" Infinity", "loss": [1, null], "accuracy": null});
        assert_eq!(Value::Object(object.map), expected);
        assert!(matches!(object.not_finite, Some((path, _)) if path == "accuracy" || path == "loss.1"));
    }

    #[test]
    fn a_name_that_holds_a_word_makes_nothing_not_finite() {
        let object = parse_object(r#"{"NaN": 1, "\\": "Infinity"}"#).unwrap();
        assert_eq!(object.not_finite, None);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for text in ["", "[NaN]", "NaN", "3", "{'a': NaN}", "{\"a\": NaNa}", "{\"a\": 1", "{\"a\": NaN"] {
            assert_eq!(parse_object(text), None, "{text}");
        }
    }
}
