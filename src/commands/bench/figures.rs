//! Times as figures: medians, ranges and ratios, for tables and for JSON.

use aees_report::statistics::percentile;

/// A sample of seconds, in the order they were taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Seconds(pub(super) Vec<f64>);

impl Seconds {
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        percentile(&sorted, 50.0).unwrap_or(f64::NAN)
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The smallest and the largest.
    pub(super) fn range(&self) -> [f64; 2] {
        let fold = |start: f64, pick: fn(f64, f64) -> f64| self.0.iter().copied().fold(start, pick);
        [fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max)]
    }

    /// `0.316 s (0.264 to 0.374)`.
    pub(super) fn told(&self) -> String {
        let [low, high] = self.range();
        match self.0.len() {
            1 => duration(self.median()),
            _ => format!("{} ({} to {})", duration(self.median()), duration(low), duration(high)),
        }
    }
}

/// Seconds in a unit that leaves few zeros, with three or four digits that count.
pub(super) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        size if size >= 1.0 => (seconds, "s"),
        size if size >= 1e-3 => (seconds * 1e3, "ms"),
        size if size >= 1e-6 => (seconds * 1e6, "us"),
        _ => (seconds * 1e9, "ns"),
    };
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

/// Memory for people.
pub(super) fn told_memory(mebibytes: f64) -> String {
    format!("{mebibytes:.0} MiB")
}

/// Bytes as the mebibytes that the peer's keys are in.
pub(super) fn mebibytes(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_unit() {
        let told = [4.108, 0.3164, 0.0123, 1.5e-6, 57.2e-9, 250.0].map(duration);
        assert_eq!(told, ["4.11 s", "316 ms", "12.3 ms", "1.50 us", "57.2 ns", "250 s"]);
    }

    #[test]
    fn a_sample_has_median_mean_and_range() {
        let sample = Seconds(vec![4.0, 1.0, 2.0, 3.0]);
        assert_eq!((sample.median(), sample.mean(), sample.range()), (2.5, 2.5, [1.0, 4.0]));
        assert_eq!(sample.told(), "2.50 s (1.00 s to 4.00 s)");
    }
}
