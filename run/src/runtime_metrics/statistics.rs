//! Mean and standard deviation as Python's `statistics` gives them.
//!
//! `fmean` adds exactly and divides once; `pstdev` is exact throughout and rounds once. An ordinary two-pass sum is off in
//! the last digit now and then, and a comparison with the reference's files would stumble over it. The mean here is
//! the same to the bit. The deviation is computed with pairs of floats, about 32 digits, and rounded at the end: a result
//! could differ from Python's only where the exact value lies within 1e-30 of the middle between two floats.

/// The mean, exact to the last bit; nothing for an empty list.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| exact_sum(values.iter().copied()) / values.len() as f64)
}

/// The standard deviation of a whole population (divided by n, not n - 1); nothing for an empty list.
pub fn population_deviation(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    // Scaled by a power of two, so that the squares neither overflow nor vanish.
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let exponent = if largest > 0.0 { largest.log2() as i32 } else { 0 };
    let unit = 2.0_f64.powi(exponent.clamp(-1000, 1000));
    let scaled: Vec<f64> = values.iter().map(|value| value / unit).collect();

    let count = scaled.len() as f64;
    let high = exact_sum(scaled.iter().copied());
    let low = exact_sum(scaled.iter().copied().chain([-high]));
    let mean = Pair { high, low }.divided_by(count);
    let squares = scaled.iter().fold(Pair::ZERO, |sum, value| {
        let deviation = Pair { high: *value, low: 0.0 }.plus(mean.negated());
        sum.plus(deviation.squared())
    });
    Some(squares.divided_by(count).square_root().high * unit)
}

/// The sum, rounded once, as `math.fsum` (Shewchuk 1997: a list of parts that do not overlap).
fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut parts: Vec<f64> = Vec::new();
    for mut carried in values {
        let mut kept = 0;
        for index in 0..parts.len() {
            let sum = Pair::sum(carried, parts[index]);
            if sum.low != 0.0 {
                parts[kept] = sum.low;
                kept += 1;
            }
            carried = sum.high;
        }
        parts.truncate(kept);
        parts.push(carried);
    }
    // From the greatest part down; the first remainder decides the rounding.
    let mut total = parts.pop().unwrap_or(0.0);
    while let Some(part) = parts.pop() {
        let sum = Pair::sum(total, part);
        total = sum.high;
        if sum.low != 0.0 {
            // Halfway between two floats, and what is left pulls to the same side: round that way, not to even.
            let same_side = parts.last().is_some_and(|next| *next != 0.0 && (*next < 0.0) == (sum.low < 0.0));
            let doubled = 2.0 * sum.low;
            let rounded = total + doubled;
            if same_side && rounded - total == doubled {
                total = rounded;
            }
            break;
        }
    }
    total
}

/// A number as the sum of two floats, the second at most half a unit in the last place of the first.
#[derive(Debug, Clone, Copy)]
struct Pair {
    high: f64,
    low: f64,
}

impl Pair {
    const ZERO: Self = Self { high: 0.0, low: 0.0 };

    /// `a + b` without loss.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// `a * b` without loss.
    fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    fn plus(self, other: Self) -> Self {
        let high = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let first = Self::sum(high.high, high.low + low.high);
        Self::sum(first.high, first.low + low.low)
    }

    fn squared(self) -> Self {
        let square = Self::product(self.high, self.high);
        Self::sum(square.high, square.low + 2.0 * self.high * self.low)
    }

    fn divided_by(self, divisor: f64) -> Self {
        let quotient = self.high / divisor;
        let rest = self.plus(Self::product(quotient, divisor).negated());
        Self::sum(quotient, rest.high / divisor)
    }

    fn square_root(self) -> Self {
        if self.high <= 0.0 {
            return Self::ZERO;
        }
        let root = self.high.sqrt();
        let rest = self.plus(Self::product(root, root).negated());
        Self::sum(root, rest.high / (2.0 * root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values() {
        assert_eq!(mean(&[]), None);
        assert_eq!(population_deviation(&[]), None);
        assert_eq!(population_deviation(&[3.5]), Some(0.0));
        assert_eq!(population_deviation(&[0.1, 0.1, 0.1]), Some(0.0));
        assert_eq!(mean(&[3.0, 4.0, 5.0, 4.0, 4.0]), Some(4.0));
        assert_eq!(population_deviation(&[3.0, 4.0, 5.0, 4.0, 4.0]), Some(0.4_f64.sqrt()));
    }

    #[test]
    fn the_sum_is_exact() {
        let sum = |values: &[f64]| exact_sum(values.iter().copied());
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e100, 1.0, -1e100, 1e-100]), 1.0);
        assert_eq!(sum(&[1e16, 1.0, 1e-16]), 1e16 + 2.0);
        assert_eq!(sum(&[-1e16, -1.0, -1e-16]), -1e16 - 2.0);
        assert_eq!(sum(&[1e16, 1.0]), 1e16);
    }
}
