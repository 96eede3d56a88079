//! Numbers as job schedulers write them: `18-22:1,26,34-49:3`.

use std::str::FromStr;

/// Some numbers of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberSelection(Vec<NumberRange>);

/// From a number to another, every so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NumberRange {
    from: u64,
    to: u64,
    step: u64,
}

impl NumberSelection {
    /// Whether a number is among them.
    pub fn contains(&self, number: u64) -> bool {
        self.0
            .iter()
            .any(|steps| (steps.from..=steps.to).contains(&number) && (number - steps.from).is_multiple_of(steps.step))
    }
}

impl FromStr for NumberSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            steps(part.trim())
                .ok_or_else(|| format!("`{part}` is not a number, a range 18-22 or a range with a step 18-22:2"))
        };
        Ok(Self(text.split(',').map(part).collect::<Result<_, _>>()?))
    }
}

fn steps(text: &str) -> Option<NumberRange> {
    let (range, step) = match text.split_once(':') {
        Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
        None => (text, 1),
    };
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
        None if text == range => (range.parse().ok()?, range.parse().ok()?),
        None => return None,
    };
    (from <= to).then_some(NumberRange { from, to, step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_with_steps_and_single_numbers() {
        let selected: NumberSelection = "18-22:1,26,34-49:3".parse().unwrap();
        let found: Vec<u64> = (0..60).filter(|number| selected.contains(*number)).collect();
        assert_eq!(found, [18, 19, 20, 21, 22, 26, 34, 37, 40, 43, 46, 49]);
    }

    #[test]
    fn what_is_no_selection_is_named() {
        for text in ["", "a", "5-3", "3-5:0", "3:2", "-3", "3-", "1,,2", "1-2-3"] {
            assert!(text.parse::<NumberSelection>().is_err(), "{text}");
        }
    }
}
