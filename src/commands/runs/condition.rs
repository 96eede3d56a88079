//! `--where "lr<1e-3"`: a word, a comparison, a value.

use std::cmp::Ordering;

use super::listing::Listed;
use super::value::{Known, Values};
use crate::failure::Failure;

/// A condition on runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunCondition {
    pub(super) word: String,
    comparison: &'static str,
    value: String,
}

/// Longer ones first: `<=` begins with `<`.
const COMPARISONS: [&str; 8] = ["<=", ">=", "!=", "==", "<", ">", "=", "~"];

impl RunCondition {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let first = COMPARISONS.iter().filter_map(|comparison| Some((text.find(comparison)?, *comparison)));
        let first = first.min_by_key(|(at, comparison)| (*at, std::cmp::Reverse(comparison.len())));
        let parts = first.map(|(at, comparison)| (text[..at].trim(), comparison, text[at + comparison.len()..].trim()));
        match parts {
            Some((word, comparison, value)) if !word.is_empty() && !value.is_empty() => {
                Ok(Self { word: word.to_owned(), comparison, value: value.trim_matches(['"', '\'']).to_owned() })
            }
            _ => {
                let help =
                    "write a word, one of < <= > >= = != ~ and a value, as in --where \"lr<1e-3\"; ~ means contains";
                Err(Failure::with_help(format!("--where {text}: that is no condition"), help))
            }
        }
    }

    /// Whether a run has it. What a run does not have is only unequal.
    pub(super) fn holds(&self, values: &Values<'_>, listed: &Listed) -> bool {
        let known = values.of(listed, &self.word);
        let order = match (&known, self.value.parse::<f64>()) {
            (Known::Missing, _) => return self.comparison == "!=",
            (Known::Number(number), Ok(value)) => number.partial_cmp(&value),
            (Known::Number(_), Err(_)) => Some(known.exact().as_str().cmp(&self.value)).filter(|order| order.is_eq()),
            (Known::Text(text), _) => Some(text.as_str().cmp(&self.value)),
        };
        match self.comparison {
            "<" => order == Some(Ordering::Less),
            ">" => order == Some(Ordering::Greater),
            "<=" => order.is_some_and(Ordering::is_le),
            ">=" => order.is_some_and(Ordering::is_ge),
            "!=" => !order.is_some_and(Ordering::is_eq),
            "~" => known.exact().contains(&self.value),
            _ => order.is_some_and(Ordering::is_eq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_read_at_its_first_comparison() {
        let parts = |text: &str| {
            let condition = RunCondition::parse(text).map_err(|failure| format!("{failure:?}"))?;
            Ok::<_, String>((condition.word, condition.comparison, condition.value))
        };
        let of = |word: &str, comparison, value: &str| Ok((word.to_owned(), comparison, value.to_owned()));
        assert_eq!(parts("lr<1e-3"), of("lr", "<", "1e-3"));
        assert_eq!(parts("lr <= 1e-3"), of("lr", "<=", "1e-3"));
        assert_eq!(parts("state!=done"), of("state", "!=", "done"));
        assert_eq!(parts("error~a=b"), of("error", "~", "a=b"));
        assert_eq!(parts("case = 'x y'"), of("case", "=", "x y"));
        for text in ["lr", "<3", "lr<", ""] {
            assert!(parts(text).is_err(), "{text}");
        }
    }
}
