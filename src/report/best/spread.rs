//! The spread of a few numbers: mean, sample standard deviation, and Student's interval of the mean.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The coverage of every interval here.
pub const COVERAGE: f64 = 0.95;

/// Numbers of one kind, as a report tells them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// The sample standard deviation (n - 1); none for one number.
    pub sd: Option<f64>,
    /// The 95 % interval of the mean by Student's t with n - 1 degrees of freedom; none for one number.
    pub interval: Option<(f64, f64)>,
}

impl Spread {
    /// The spread of these; none of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let sd = (n > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (n as f64 - 1.0)).sqrt()
        });
        let interval = sd.map(|sd| {
            let half = t_quantile(n as f64 - 1.0) * sd / (n as f64).sqrt();
            (mean - half, mean + half)
        });
        Some(Self { n, mean, sd, interval })
    }
}

/// The two-sided 95 % quantile of Student's t; infinite when there are no degrees of freedom.
pub fn t_quantile(degrees: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, degrees) {
        Ok(student) => student.inverse_cdf(0.5 + COVERAGE / 2.0),
        Err(_) => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_students_and_not_the_normals() {
        // R: t.test(c(1, 2, 3, 4, 5)): mean 3, 95 % interval 1.036757 to 4.963243.
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let (low, high) = spread.interval.unwrap();
        assert!((low - 1.036_757).abs() < 1e-6 && (high - 4.963_243).abs() < 1e-6, "{low} {high}");
        assert!((spread.sd.unwrap() - 2.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn one_number_has_no_spread() {
        let spread = Spread::of(&[0.7]).unwrap();
        assert_eq!((spread.n, spread.mean, spread.sd, spread.interval), (1, 0.7, None, None));
        assert_eq!(Spread::of(&[]), None);
    }
}
