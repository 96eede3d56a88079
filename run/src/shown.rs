//! How people are shown a number of a run. Files and programs get it as it is.

/// Whether a number of this name is shown as a share in percent: an accuracy or a difference of two, and not one in percent already.
pub fn is_share(metric: &str, value: f64) -> bool {
    let name = metric.rsplit('.').next().unwrap_or(metric);
    (name == "accuracy" || name.ends_with("_accuracy")) && (-1.0..=1.0).contains(&value)
}

/// An accuracy: `71.23 %`.
pub fn accuracy(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A number by its name: an accuracy in percent, anything else with four digits that count and without noise behind them.
pub fn metric(name: &str, value: f64) -> String {
    if is_share(name, value) { accuracy(value) } else { number(value) }
}

/// Four digits that count, without noise behind them.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    format!("{value:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_are_percent_wherever_they_are_fractions() {
        assert_eq!(metric("val_accuracy", 0.71234), "71.23 %");
        assert_eq!(metric("val.accuracy", 0.5), "50.00 %");
        assert_eq!((metric("accuracy", 91.5), metric("accuracy_per_tflop", 0.5)), ("91.5000".into(), "0.5000".into()));
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.5, 0.123456, 12.0, 1e-5, 2.5e9, 0.0, f64::NAN].map(number);
        assert_eq!(texts, ["0.5000", "0.1235", "12", "1.000e-5", "2.500e9", "0", "NaN"]);
    }
}
