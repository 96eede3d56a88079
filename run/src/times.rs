//! Moments and spans of time, in words.

use std::time::SystemTime;

use time::OffsetDateTime;

/// `2026-11-20 16:03:37`, UTC.
pub fn moment(milliseconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1_000)) {
        Ok(at) => format!("{} {:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second()),
        // Ten thousand years from now.
        Err(_) => format!("{milliseconds} ms"),
    }
}

/// Milliseconds UTC of now.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Now, as in `2026-11-20T16:03:37Z`.
pub fn utc_now() -> String {
    moment(now()).replace(' ', "T") + "Z"
}

/// `0.8 s`, `12 s`, `5 min 12 s`, `2 h 05 min` or `3 d 04 h`.
pub fn span(milliseconds: f64) -> String {
    let seconds = (milliseconds / 1e3).round() as u64;
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, _) if milliseconds < 9_950.0 => format!("{:.1} s", milliseconds / 1e3),
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes:02} min"),
        (days, hours, ..) => format!("{days} d {hours:02} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_date() {
        // `date -u -d @SECONDS '+%F %T'`
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_164_799, "2024-02-28 23:59:59"),
            (1_795_190_617, "2026-11-20 16:03:37"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(moment(seconds * 1_000), text);
        }
    }

    #[test]
    fn spans_read_well() {
        let texts = [800.0, 12_300.0, 312_000.0, 7_500_000.0, 273_600_000.0].map(span);
        assert_eq!(texts, ["0.8 s", "12 s", "5 min 12 s", "2 h 05 min", "3 d 04 h"]);
    }
}
