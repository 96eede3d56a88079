//! JSON laid out as the reference lays out a RunResult, so that files can be compared and read by eye.
//!
//! As Python's `json.dumps(value, indent=2, sort_keys=True)` with a newline at the end: keys sorted, everything outside
//! ASCII escaped, floats in Python's `repr`. One thing differs: an array that holds only scalars stays on one line. The
//! reference gives each of the 50,000 labels of a noisy run its own line, five times over.
//!
//! The writer goes through any `serde_json::Value`; what a RunResult holds is not its concern.

use std::io::{self, Write};

use serde_json::{Map, Number, Value};

use aees_control::python_float;

/// Writes `value` and a newline.
///
/// Many small writes are made, so `out` should be buffered.
///
/// # Errors
///
/// Those of `out`.
pub fn write_pretty(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    write_value(value, 0, out)?;
    out.write_all(b"\n")
}

fn write_value(value: &Value, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Null => out.write_all(b"null"),
        Value::Bool(true) => out.write_all(b"true"),
        Value::Bool(false) => out.write_all(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => write_array(items, depth, out),
        Value::Object(entries) => write_object(entries, depth, out),
    }
}

fn write_array(items: &[Value], depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let on_one_line = !items.iter().any(|item| item.is_array() || item.is_object());
    out.write_all(b"[")?;
    for (index, item) in items.iter().enumerate() {
        if on_one_line {
            out.write_all(if index == 0 { b"" } else { b", " })?;
        } else {
            start_line(index, depth + 1, out)?;
        }
        write_value(item, depth + 1, out)?;
    }
    if !on_one_line {
        new_line(depth, out)?;
    }
    out.write_all(b"]")
}

fn write_object(entries: &Map<String, Value>, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    if entries.is_empty() {
        return out.write_all(b"{}");
    }
    // The map is sorted already, unless some crate of the build switches on `preserve_order`. The order of UTF-8 bytes
    // is that of code points, which is Python's.
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.write_all(b"{")?;
    for (index, (key, value)) in entries.into_iter().enumerate() {
        start_line(index, depth + 1, out)?;
        write_text(key, out)?;
        out.write_all(b": ")?;
        write_value(value, depth + 1, out)?;
    }
    new_line(depth, out)?;
    out.write_all(b"}")
}

fn start_line(index: usize, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    if index > 0 {
        out.write_all(b",")?;
    }
    new_line(depth, out)
}

fn new_line(depth: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\n{:width$}", "", width = 2 * depth)
}

fn write_number(number: &Number, out: &mut dyn Write) -> io::Result<()> {
    match number.as_f64() {
        // A JSON value holds no infinities and no NaN, so `repr` gives a number.
        Some(float) if number.is_f64() => out.write_all(python_float::repr(float).as_bytes()),
        _ => write!(out, "{number}"),
    }
}

fn write_text(text: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for character in text.chars() {
        match character {
            '"' => out.write_all(b"\\\"")?,
            '\\' => out.write_all(b"\\\\")?,
            '\n' => out.write_all(b"\\n")?,
            '\r' => out.write_all(b"\\r")?,
            '\t' => out.write_all(b"\\t")?,
            '\u{8}' => out.write_all(b"\\b")?,
            '\u{c}' => out.write_all(b"\\f")?,
            ' '..='~' => out.write_all(&[character as u8])?,
            other => {
                // Outside the basic plane this is a surrogate pair, as JSON wants.
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pretty(value: &Value) -> String {
        let mut out = Vec::new();
        write_pretty(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn layout() {
        let value = json!({
            "b": [1.0, 0.5, null, true, "x"],
            "a": {"deep": [[1, 2], []], "none": {}, "empty": []},
            "c": [{"0.5": 1e-8}, {}],
        });
        let expected = r#"{
  "a": {
    "deep": [
      [1, 2],
      []
    ],
    "empty": [],
    "none": {}
  },
  "b": [1.0, 0.5, null, true, "x"],
  "c": [
    {
      "0.5": 1e-08
    },
    {}
  ]
}
"#;
        assert_eq!(pretty(&value), expected);
    }

    #[test]
    fn fifty_thousand_labels_are_one_line() {
        let labels: Vec<u32> = (0..50_000).collect();
        assert_eq!(pretty(&json!({ "targets": labels })).lines().count(), 3);
    }

    #[test]
    fn text_is_ascii() {
        let text = "é \u{7f} \u{1} \u{8}\u{c}\n\r\t \"\\/ 😀 \u{ffff}";
        let expected = "\"\\u00e9 \\u007f \\u0001 \\b\\f\\n\\r\\t \\\"\\\\/ \\ud83d\\ude00 \\uffff\"\n".to_owned();
        assert_eq!(pretty(&json!(text)), expected);
    }

    #[test]
    fn keys_are_in_pythons_order() {
        let value = json!({"é": 1, "z": 2, "Z": 3, "_": 4, "😀": 5, "\u{ffff}": 6, "10": 7, "9": 8});
        let text = pretty(&value);
        let order: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(order, ["{", "7,", "8,", "3,", "4,", "2,", "1,", "6,", "5", "}"]);
    }

    #[test]
    fn every_number_reads_back_to_the_last_bit() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        let mut numbers = vec![json!(i64::MIN), json!(u64::MAX), json!(0), json!(-0.0), json!(f64::MAX), json!(5e-324)];
        while numbers.len() < 10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Non-finite floats become null and come back as null.
            numbers.push(json!(f64::from_bits(bits)));
        }
        let value = Value::Array(numbers);
        let back: Value = serde_json::from_str(&pretty(&value)).unwrap();
        assert_eq!(back, value);
    }
}
