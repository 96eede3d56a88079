//! From numbers to places on an axis, and the ticks that let a reader go back.

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// Evenly, of things that are counted: no tick between two of them.
    Whole,
    /// By powers of ten. Only for positive numbers.
    Log,
}

use crate::number::{self, fixed, with_typographic_minus};

/// A tick: its value and its label.
pub(super) type Tick = (f64, String);

/// A range of an axis with its scale; `low < high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Span {
    /// A span that holds all finite values, with a little air. Values that a log scale cannot show are passed over.
    pub(super) fn around(scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        let shown = |value: &f64| value.is_finite() && (scale != Scale::Log || *value > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(shown) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return Self { scale, low: if scale == Scale::Log { 0.1 } else { 0.0 }, high: 1.0 };
        }
        match scale {
            Scale::Linear | Scale::Whole => {
                let air = if high > low { (high - low) * 0.05 } else { (high.abs() * 0.05).max(0.5) };
                Self { scale, low: low - air, high: high + air }
            }
            Scale::Log => {
                let air = (high / low).powf(0.05).max(1.05);
                Self { scale, low: low / air, high: high * air }
            }
        }
    }

    /// The share of the axis at which a value lies: 0 at its beginning, 1 at its end.
    pub(super) fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear | Scale::Whole => (value - self.low) / (self.high - self.low),
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// About `wanted` ticks at round values inside the span.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let decades = (self.high / self.low).log10();
        let values = match self.scale {
            Scale::Log if decades >= 1.0 => self.log_ticks(wanted),
            _ => Vec::new(),
        };
        // Within a decade, powers of ten are too few.
        if values.len() < 2 {
            return self.linear_ticks(wanted);
        }
        values.into_iter().map(|value| (value, number::label(value))).collect()
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<Tick> {
        let step = round_step((self.high - self.low) / wanted.max(1) as f64);
        let step = match self.scale {
            // 2.5 is not whole.
            Scale::Whole if step < 10.0 => step.max(1.0).trunc(),
            _ => step,
        };
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        let decimals = if step / 10f64.powi(-(decimals as i32)) % 1.0 > 1e-6 { decimals + 1 } else { decimals };
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let tick = |value: f64| (value, with_typographic_minus(fixed(value, decimals)));
        (first..=last).map(|index| tick(index as f64 * step)).collect()
    }

    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let exponents = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
        let steps: &[f64] = if exponents.clone().count() <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0, 3.0] };
        let inside = |value: &f64| (self.low..=self.high).contains(value);
        let around = |exponent| steps.iter().map(move |step| step * 10f64.powi(exponent));
        let fine: Vec<f64> = exponents.clone().flat_map(around).filter(inside).collect();
        if fine.len() <= wanted {
            return fine;
        }
        let powers: Vec<f64> = exponents.map(|exponent| 10f64.powi(exponent)).filter(inside).collect();
        let stride = powers.len().div_ceil(wanted.max(1)).max(1);
        powers.into_iter().step_by(stride).collect()
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is not far below a step.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    rounds.into_iter().find(|round| *round >= step * 0.85).unwrap_or(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, scale: Scale) -> Vec<String> {
        Span { scale, low, high }.ticks(5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(0.0, 1.0, Scale::Linear), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-0.05, 0.21, Scale::Linear), ["−0.05", "0.00", "0.05", "0.10", "0.15", "0.20"]);
        assert_eq!(labels(61.2, 74.9, Scale::Linear), ["62.5", "65.0", "67.5", "70.0", "72.5"]);
        assert_eq!(labels(0.9, 4.1, Scale::Whole), ["1", "2", "3", "4"]);
        assert_eq!(labels(0.9, 210.0, Scale::Log), ["1", "3", "10", "30", "100"]);
    }

    #[test]
    fn a_span_holds_its_values_and_survives_bad_ones() {
        let span = Span::around(Scale::Linear, [f64::NAN, 3.0, 5.0]);
        assert!(span.low < 3.0 && span.high > 5.0);
        assert!(Span::around(Scale::Linear, [2.0]).high > 2.0);
        assert!(Span::around(Scale::Log, [0.0, -1.0]).low > 0.0, "nothing to show is still a span");
    }
}
