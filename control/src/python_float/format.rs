//! Printing: Python's `repr(float)` and C's `%.{precision}g`.

/// Python's `repr`: the shortest decimal that reads back to the same float.
///
/// Exponents below -4 and from 16 on are written in scientific form with at least two digits (`1e-08`), whole numbers keep
/// their `.0`.
pub fn repr(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let (sign, digits, exponent) = decompose(&shortest(value));
    if (-4..16).contains(&exponent) {
        let fixed = fixed_point(&digits, exponent);
        let ending = if fixed.contains('.') { "" } else { ".0" };
        format!("{sign}{fixed}{ending}")
    } else {
        format!("{sign}{}", scientific(&digits, exponent))
    }
}

/// C's `%.{precision}g`, at most `precision` significant digits and no trailing zeros. Plain `%g` has precision 6.
pub fn general(value: f64, precision: usize) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let precision = precision.max(1);
    // The exponent that decides the form is the one after rounding: 9.9999999 may become 10.
    let (sign, digits, exponent) = decompose(&format!("{value:.*e}", precision - 1));
    let trimmed = digits.trim_end_matches('0');
    let digits = if trimmed.is_empty() { "0" } else { trimmed };
    if (-4..precision as i32).contains(&exponent) {
        format!("{sign}{}", fixed_point(digits, exponent))
    } else {
        format!("{sign}{}", scientific(digits, exponent))
    }
}

/// The shortest digits that read back to the same float, in scientific form.
///
/// Two shortest numbers can be equally near, as 2065594985630696.2 and .3 are to 2065594985630696.25. Rust then takes the
/// greater, Python the even one, and so does rounding to that many digits.
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let rounded = format!("{value:.*e}", digits - 1);
    if rounded.parse() == Ok(value) { rounded } else { shortest }
}

fn not_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "nan",
    }
}

/// Splits Rust's scientific form `-d.ddde-x` into sign, digits without a point, and exponent.
fn decompose(scientific: &str) -> (&'static str, String, i32) {
    let (sign, rest) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    (sign, mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn fixed_point(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_is_pythons() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (0.5, "0.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-8, "1e-08"),
            (5e-5, "5e-05"),
            (1e16, "1e+16"),
            (0.0001, "0.0001"),
            // Ties between two shortest numbers go to the even digit.
            (2_065_594_985_630_696.0 + 0.25, "2065594985630696.2"),
            (2_065_594_985_630_696.0 + 0.75, "2065594985630696.8"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (6_695_103_753_560_064.0, "6695103753560064.0"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (-123.456, "-123.456"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(repr(value), text);
        }
    }

    #[test]
    fn general_is_the_c_conversion() {
        let cases = [
            (0.5, 12, "0.5"),
            (1.0, 12, "1"),
            (0.0, 12, "0"),
            (-0.0, 12, "-0"),
            (0.0025, 12, "0.0025"),
            (1e-5, 12, "1e-05"),
            (1e13, 12, "1e+13"),
            (0.1 + 0.2, 12, "0.3"),
            (1.0 / 3.0, 12, "0.333333333333"),
            (9.999_999_999_999, 12, "10"),
            (999_999_999_999.6, 12, "1e+12"),
            (123_456_789.0, 6, "1.23457e+08"),
            (100_000.0, 6, "100000"),
            (1_000_000.0, 6, "1e+06"),
            (0.000_123_456_7, 6, "0.000123457"),
            // Exact halves go to the even digit, as in C.
            (2.5, 1, "2"),
            (3.5, 1, "4"),
            (0.125, 2, "0.12"),
            (0.375, 2, "0.38"),
            (1_000_002.5, 7, "1000002"),
        ];
        for (value, precision, text) in cases {
            assert_eq!(general(value, precision), text, "{value} with {precision} digits");
        }
    }
}
