//! What the benches of a training step share: the methods that take turns, how times become figures, and flags.

/// Name, multiplier and noise of each method.
pub(crate) const METHODS: [(&str, f64, f64); 3] = [("baseline", 1.0, 0.0), ("lr", 2.0, 0.0), ("dual", 2.0, 0.01)];

/// The methods of a round. Each round begins with another one: what a step leaves behind falls on all alike.
pub(crate) fn turns(round: usize) -> impl Iterator<Item = usize> {
    (0..METHODS.len()).map(move |turn| (round + turn) % METHODS.len())
}

/// What a method adds to the plain step, in percent: the median of the ratios of the same rounds.
pub(crate) fn overhead_percent(times: &[f64], plain: &[f64]) -> f64 {
    100.0 * (median(times.iter().zip(plain).map(|(aees, plain)| aees / plain).collect()) - 1.0)
}

/// The middle value; the upper one of two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The smallest and the largest value.
pub(crate) fn range(values: &[f64]) -> [f64; 2] {
    [values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max)]
}

/// The value after a flag; cargo's own `--bench` is passed over.
pub(crate) fn argument<T: std::str::FromStr>(flag: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != flag);
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(value)) => value.parse().unwrap_or_else(|_| panic!("{flag} {value}: not a valid value")),
        _ => default,
    }
}
