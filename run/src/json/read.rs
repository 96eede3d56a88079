//! JSON as Python writes it: `json.dumps` writes NaN and infinities as bare words, which JSON does not have.
//!
//! What is whole JSON is read as such, so that the words cost nothing where there are none.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Stands in for such a word where it must not be lost while the rest is read. No program writes this text.
const STAND_IN: &str = "\0aees:";

/// Longest first: `-Infinity` holds `Infinity`.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// A JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct LooseObject {
    /// The object, with null in the place of numbers that are not finite.
    pub map: Map<String, Value>,
    /// The first such number: where it is (keys with points between them), and what.
    pub not_finite: Option<(String, String)>,
}

/// Reads a document, with null in the place of numbers that are not finite.
///
/// # Errors
/// When it is no JSON, or JSON of something else.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(text).or_else(|error| match without_words(text) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(error),
    })
}

/// Reads an object; none when it is something else.
pub fn parse_object(text: &str) -> Option<LooseObject> {
    if let Ok(map) = serde_json::from_str(text) {
        return Some(LooseObject { map, not_finite: None });
    }
    let text = replaced(text.as_bytes(), |word| format!(r#""\u0000aees:{word}""#))?;
    let mut value: Value = serde_json::from_slice(&text).ok()?;
    let mut not_finite = None;
    remove_stand_ins(&mut value, "", &mut not_finite);
    match value {
        Value::Object(map) => Some(LooseObject { map, not_finite }),
        _ => None,
    }
}

/// The text with null in the place of NaN and infinities that stand outside strings; none if there are none.
pub fn without_words(text: &[u8]) -> Option<Vec<u8>> {
    replaced(text, |_| "null".into())
}

fn replaced(text: &[u8], stand_in: impl Fn(&str) -> String) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 64);
    let (mut replaced, mut in_string, mut index) = (false, false, 0);
    while let Some(&byte) = text.get(index) {
        let word = match byte {
            b'-' | b'I' | b'N' if !in_string => {
                WORDS.into_iter().find(|word| text[index..].starts_with(word.as_bytes()))
            }
            _ => None,
        };
        if let Some(word) = word {
            out.extend_from_slice(stand_in(word).as_bytes());
            replaced = true;
            index += word.len();
            continue;
        }
        if byte == b'"' {
            in_string = !in_string;
        }
        out.push(byte);
        index += 1;
        // What follows a backslash in a string is never its end.
        if in_string && byte == b'\\' {
            out.extend(text.get(index));
            index += 1;
        }
    }
    replaced.then_some(out)
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

    #[test]
    fn a_word_inside_a_text_is_no_number() {
        let text = r#"{"a\"NaN": "Infinity \\", "b": [NaN, -1, -Infinity]}"#;
        let replaced = without_words(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(replaced).unwrap(), r#"{"a\"NaN": "Infinity \\", "b": [null, -1, null]}"#);
        assert_eq!(without_words(br#"{"NaN": -1}"#), None);
    }
}
