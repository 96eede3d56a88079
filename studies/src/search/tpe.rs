//! The tree-structured Parzen estimator (Bergstra and others, "Algorithms for hyper-parameter optimization", 2011).
//!
//! The trials so far are split into the good ones and the others, each kind gets a density (a kernel on each trial and one
//! on the whole range), and the next trial is where the ratio of the densities is largest among some draws from the good
//! one. Coordinates are independent of each other, so one that a trial does not have (a setting of another case) costs
//! nothing: it is estimated from the trials that have it.
//!
//! Several trials may be asked for before the first of them is over: those that wait count as bad, so that the next one
//! looks elsewhere.

use super::draw::{Draw, part};
use super::normal::{density, probability, quantile};

/// Draws among which the best is taken.
const DRAWS: u64 = 24;
/// The share of good trials, and the most of them.
const GOOD_SHARE: f64 = 0.15;
const MOST_GOOD: usize = 25;

/// What a coordinate in [0, 1) stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchDimension {
    /// A place on a scale: neighbours are alike.
    Scale,
    /// One of so many things that have no order.
    Choice(usize),
}

/// A trial that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialOutcome {
    /// Its coordinates; none for what it does not have.
    pub point: Vec<Option<f64>>,
    /// How bad it was. What failed or is no number is worse than everything else.
    pub loss: f64,
}

/// The coordinates of the next trial.
///
/// `over` are the trials whose outcome is known, `waiting` those that are not over; `trial` is the number of the new one.
pub fn propose(
    dimensions: &[SearchDimension],
    over: &[TrialOutcome],
    waiting: &[Vec<Option<f64>>],
    seed: u64,
    trial: u64,
) -> Vec<f64> {
    let mut order: Vec<&TrialOutcome> = over.iter().collect();
    let key = |outcome: &TrialOutcome| if outcome.loss.is_nan() { f64::INFINITY } else { outcome.loss };
    // Stable: of equal ones the earlier is the better.
    order.sort_by(|one, other| key(one).total_cmp(&key(other)));
    let finite = order.iter().filter(|outcome| key(outcome).is_finite()).count();
    let good = ((GOOD_SHARE * order.len() as f64).ceil() as usize).min(MOST_GOOD).min(finite);
    let (good, bad) = order.split_at(good);
    let coordinate = |index: usize| {
        let of = |outcomes: &[&TrialOutcome]| outcomes.iter().filter_map(|outcome| outcome.point[index]).collect();
        let (good, mut bad): (Vec<f64>, Vec<f64>) = (of(good), of(bad));
        bad.extend(waiting.iter().filter_map(|point| point[index]));
        let draw = |number: u64| Draw::new(seed, trial, &format!("tpe {index} {number}"));
        match dimensions[index] {
            SearchDimension::Scale => best_of_scale(&Density::of(good), &Density::of(bad), draw),
            SearchDimension::Choice(count) => best_choice(&shares(&good, count), &shares(&bad, count), draw),
        }
    };
    (0..dimensions.len()).map(coordinate).collect()
}

/// The draw from the good density at which the ratio is largest.
fn best_of_scale(good: &Density, bad: &Density, draw: impl Fn(u64) -> Draw) -> f64 {
    let candidates = (0..DRAWS).map(|number| good.sample(draw(number)));
    let rated = candidates.map(|value| (libm::log(good.at(value)) - libm::log(bad.at(value)), value));
    let best = rated.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(0.5, |(_, value)| value)
}

/// The same for things without an order. Gives the middle of the choice's part of [0, 1).
fn best_choice(good: &[f64], bad: &[f64], draw: impl Fn(u64) -> Draw) -> f64 {
    let sample = |number: u64| {
        let mut left = draw(number).0;
        let position = good.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        position.unwrap_or(good.len().saturating_sub(1))
    };
    let candidates = (0..DRAWS).map(sample);
    let best =
        candidates.reduce(|best, next| if good[next] * bad[best] > good[best] * bad[next] { next } else { best });
    best.map_or(0.5, |choice| (choice as f64 + 0.5) / good.len() as f64)
}

/// How often each choice was taken, one more for each so that none is impossible.
fn shares(coordinates: &[f64], count: usize) -> Vec<f64> {
    let mut shares = vec![1.0; count];
    coordinates.iter().for_each(|coordinate| shares[part(*coordinate, count)] += 1.0);
    let sum: f64 = shares.iter().sum();
    shares.iter().map(|share| share / sum).collect()
}

/// A mixture of normal kernels on [0, 1), cut off at its ends: one on each point, as wide as the larger of the gaps beside
/// it, and a wide one on the whole.
struct Density {
    /// Middle, width, and the probabilities below 0 and below 1.
    kernels: Vec<[f64; 4]>,
}

impl Density {
    fn of(mut points: Vec<f64>) -> Self {
        const WHOLE: (f64, f64) = (0.5, 1.0);
        points.push(WHOLE.0);
        points.sort_by(f64::total_cmp);
        let narrowest = 1.0 / (points.len() as f64).min(100.0);
        let gap = |one: usize, other: usize| Some(points.get(other)? - points.get(one)?);
        let mut whole_seen = false;
        let kernels = (0..points.len()).map(|index| {
            let middle = points[index];
            if middle == WHOLE.0 && !whole_seen {
                whole_seen = true;
                return kernel(middle, WHOLE.1);
            }
            let below = index.checked_sub(1).and_then(|before| gap(before, index));
            let width = below.into_iter().chain(gap(index, index + 1)).fold(0.0, f64::max);
            kernel(middle, width.clamp(narrowest, 1.0))
        });
        Self { kernels: kernels.collect() }
    }

    fn at(&self, value: f64) -> f64 {
        let one =
            |[middle, width, below, within]: &[f64; 4]| density((value - middle) / width) / (width * (within - below));
        self.kernels.iter().map(one).sum::<f64>() / self.kernels.len() as f64
    }

    fn sample(&self, Draw(which, place): Draw) -> f64 {
        let [middle, width, below, within] = self.kernels[part(which, self.kernels.len())];
        let value = middle + width * quantile(below + (within - below) * place);
        value.clamp(0.0, 1.0 - f64::EPSILON)
    }
}

fn kernel(middle: f64, width: f64) -> [f64; 4] {
    [middle, width, probability(-middle / width), probability((1.0 - middle) / width)]
}

#[cfg(test)]
mod tests;
