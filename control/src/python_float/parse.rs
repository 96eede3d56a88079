//! Reading: what Python's `float(text)` accepts.

/// Reads a float as Python's `float` does: surrounding space, a sign, single underscores between digits, `inf`,
/// `infinity` and `nan` in any case. `None` where Python raises a `ValueError`.
///
/// Digits outside ASCII, which Python accepts too, are refused.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_python_space);
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let misplaced = |(i, _): (usize, &u8)| {
        let digit_at = |index: Option<usize>| index.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
        !digit_at(i.checked_sub(1)) || !digit_at(Some(i + 1))
    };
    if bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').any(misplaced) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Space to Python's `str.strip`: Unicode white space and the four ASCII separators.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_python_accepts() {
        let cases = [("1", 1.0), (" 2.5\t", 2.5), ("1_0", 10.0), ("1e-3", 1e-3), (".5", 0.5), ("5.", 5.0), ("+3", 3.0)];
        for (text, value) in cases {
            assert_eq!(parse(text), Some(value), "{text:?}");
        }
        assert_eq!(parse("1_0.2_5e1_0"), Some(10.25e10));
        assert_eq!(parse("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn refuses_what_python_refuses() {
        for text in
            ["", " ", "abc", "1__0", "_1", "1_", "1_.0", "1._0", "1e_5", "0x10", "1,0", "--1", "1 0", "infi", "."]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
