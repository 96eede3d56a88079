//! What comes after a failure: another attempt or none, and when.

use std::time::Duration;

use crate::plan::Policy;

/// Retries by class where the study says nothing. A class that is not named is not tried again: the same run on the same
/// machine fails the same way.
const DEFAULTS: [(&str, u32); 3] = [("io", 3), ("panic", 1), ("signal", 1)];

/// The pause before the first retry; it grows fourfold.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The longest wait that a rate limit without a time of its own brings.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(60);

/// How long until the next attempt, after so many retries; none when there is none.
pub(crate) fn pause_before_retry(policy: &Policy, class: &str, used: u32) -> Option<Duration> {
    let default = DEFAULTS.iter().find(|(name, _)| *name == class).map_or(0, |(_, times)| *times);
    let allowed = policy.retry.get(class).copied().unwrap_or(Some(default));
    let again = allowed.is_none_or(|allowed| used < allowed);
    again.then(|| FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(used)).min(LONGEST_PAUSE))
}

/// How long a rate-limited run is put off: as long as it was told, or longer with each attempt.
pub(crate) fn deferral(after_seconds: Option<f64>, attempt: u32) -> Duration {
    let told = after_seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    match told {
        Some(seconds) => Duration::from_secs_f64(seconds.min(86_400.0)),
        None => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_DEFERRAL),
    }
}

/// The first line of a message, and the last, where programs put the reason.
pub(super) fn first_and_last_line(message: &str) -> String {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(first), Some(last)) => format!("{first}; {last}"),
        (Some(only), None) => only.to_owned(),
        (None, _) => String::new(),
    }
}

/// What failures of one cause have in common: their class and these two lines, numbers left out.
pub(crate) fn fingerprint(class: &str, message: &str) -> String {
    let line = first_and_last_line(message);
    let mut text = format!("{class}: ");
    let mut last = ' ';
    for letter in line.chars() {
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        // One mark for a number of any length.
        if !(letter == '#' && last == '#') {
            text.push(letter);
        }
        last = letter;
    }
    text.truncate(text.char_indices().nth(200).map_or(text.len(), |(end, _)| end));
    text
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn one_cause_has_one_fingerprint() {
        let first = fingerprint("io", "cannot write results/1f/3.json: no space\nhelp");
        assert_eq!(first, fingerprint("io", "cannot write results/1f/44.json: no space\nhelp"));
        assert_ne!(first, fingerprint("io", "cannot write results/1f/3.json: no space\nthe disk is full"));
        assert_ne!(first, fingerprint("panic", "cannot write results/1f/3.json: no space"));
    }
}
