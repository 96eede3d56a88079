//! Moments and spans of time, in words.

/// `2026-11-20 16:03:37`, UTC.
pub fn moment(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1_000);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Years begin in March, so that the leap day is the last of one; 400 of them have 146,097 days.
fn date(day: i64) -> (i64, i64, i64) {
    // 1970-01-01 is day 719,468 after 0000-03-01.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * march_month + 2) / 5 + 1)
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
