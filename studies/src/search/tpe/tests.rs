//! Does it find what random search finds only with luck? Known functions, many seeds, the same number of trials.

use super::*;
use crate::search::sobol;

/// A function of the unit cube, and what it is made of.
struct StudyProblem {
    name: &'static str,
    dimensions: Vec<SearchDimension>,
    /// Coordinates that a point has, by another's value.
    has: fn(&[f64], usize) -> bool,
    loss: fn(&[f64]) -> f64,
}

fn always(_: &[f64], _: usize) -> bool {
    true
}

fn scale(coordinate: f64, from: f64, to: f64) -> f64 {
    from + (to - from) * coordinate
}

fn problems() -> Vec<StudyProblem> {
    use SearchDimension::{Choice, Scale};
    vec![
        StudyProblem {
            name: "a bowl in four dimensions",
            dimensions: vec![Scale; 4],
            has: always,
            loss: |x| x.iter().zip([0.2, 0.7, 0.4, 0.9]).map(|(x, best)| (x - best).powi(2)).sum(),
        },
        StudyProblem {
            name: "Branin",
            dimensions: vec![Scale; 2],
            has: always,
            loss: |x| {
                let (x, y) = (scale(x[0], -5.0, 10.0), scale(x[1], 0.0, 15.0));
                let pi = std::f64::consts::PI;
                let valley = y - 5.1 / (4.0 * pi * pi) * x * x + 5.0 / pi * x - 6.0;
                valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * x.cos() + 10.0 - 0.397_887
            },
        },
        StudyProblem {
            name: "Rosenbrock",
            dimensions: vec![Scale; 3],
            has: always,
            loss: |x| {
                let x: Vec<f64> = x.iter().map(|x| scale(*x, -2.0, 2.0)).collect();
                x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2)).sum()
            },
        },
        StudyProblem {
            name: "a choice with a setting of its own for each",
            dimensions: vec![Choice(4), Scale, Scale, Scale],
            has: |x, index| index == 0 || index == 3 || (index == 1) == (part(x[0], 4) < 2),
            loss: |x| match part(x[0], 4) {
                choice @ (0 | 1) => 0.3 * (1.0 + choice as f64) + (x[1] - 0.5).powi(2) + (x[3] - 0.1).powi(2),
                choice => 0.1 * (choice as f64 - 2.0) + (x[2] - 0.8).powi(2) + (x[3] - 0.1).powi(2),
            },
        },
    ]
}

const TRIALS: usize = 60;
const FIRST: usize = 10;

fn known(problem: &StudyProblem, point: &[f64]) -> Vec<Option<f64>> {
    (0..point.len()).map(|index| (problem.has)(point, index).then_some(point[index])).collect()
}

/// The best of so many trials, in rounds: what is asked for in one round knows nothing of that round's results.
fn best_of_tpe(problem: &StudyProblem, seed: u64, round: usize) -> f64 {
    let mut over: Vec<TrialOutcome> = Vec::new();
    while over.len() < TRIALS {
        let mut points: Vec<Vec<f64>> = Vec::new();
        let size = if over.is_empty() { FIRST } else { round };
        for number in over.len()..(over.len() + size).min(TRIALS) {
            points.push(if over.is_empty() {
                (0..problem.dimensions.len())
                    .map(|dimension| sobol::shifted(number as u32, dimension, seed).unwrap())
                    .collect()
            } else {
                let waiting: Vec<_> = points.iter().map(|point| known(problem, point)).collect();
                propose(&problem.dimensions, &over, &waiting, seed, number as u64)
            });
        }
        over.extend(
            points.iter().map(|point| TrialOutcome { point: known(problem, point), loss: (problem.loss)(point) }),
        );
    }
    over.iter().map(|outcome| outcome.loss).fold(f64::INFINITY, f64::min)
}

fn best_of_random(problem: &StudyProblem, seed: u64) -> f64 {
    let point = |trial: usize| -> Vec<f64> {
        let coordinate = |dimension| Draw::new(seed, trial as u64, &format!("random {dimension}")).0;
        (0..problem.dimensions.len()).map(coordinate).collect()
    };
    (0..TRIALS).map(|trial| (problem.loss)(&point(trial))).fold(f64::INFINITY, f64::min)
}

/// The share of pairs in which the first is the better: 0.5 for equals.
fn wins(one: &[f64], other: &[f64]) -> f64 {
    let pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
    let won: usize = pairs.filter(|(one, other)| one < other).count();
    won as f64 / (one.len() * other.len()) as f64
}

/// With 24 seeds each, the share of wins of two equals lies in 0.5 +- 0.17 (two standard deviations).
#[test]
fn it_finds_better_points_than_random_search() {
    for problem in problems() {
        let random: Vec<f64> = (0..24).map(|seed| best_of_random(&problem, seed)).collect();
        for round in [1, 10] {
            let learned: Vec<f64> = (0..24).map(|seed| best_of_tpe(&problem, seed, round)).collect();
            let share = wins(&learned, &random);
            let median = |values: &[f64]| {
                let mut values = values.to_vec();
                values.sort_by(f64::total_cmp);
                values[12]
            };
            println!(
                "{} round {round}: wins {share:.3}, median {:.4} against {:.4}",
                problem.name,
                median(&learned),
                median(&random)
            );
            assert!(share > 0.67, "{}, rounds of {round}: {share}", problem.name);
        }
    }
}

#[test]
fn it_is_a_function_of_seed_and_results() {
    let problem = &problems()[3];
    let over: Vec<TrialOutcome> = (0..20)
        .map(|trial| {
            let point: Vec<f64> = (0..4).map(|dimension| sobol::shifted(trial, dimension, 3).unwrap()).collect();
            TrialOutcome { point: known(problem, &point), loss: (problem.loss)(&point) }
        })
        .collect();
    let one = propose(&problem.dimensions, &over, &[], 7, 20);
    assert_eq!(one, propose(&problem.dimensions, &over, &[], 7, 20));
    assert_ne!(one, propose(&problem.dimensions, &over, &[], 8, 20));
    assert_ne!(one, propose(&problem.dimensions, &over, &[], 7, 21));
    assert!(one.iter().all(|coordinate| (0.0..1.0).contains(coordinate)));
}

/// Nothing is over, everything failed, all are alike: still a point.
#[test]
fn it_needs_no_luck_with_its_results() {
    let dimensions = [SearchDimension::Scale, SearchDimension::Choice(3), SearchDimension::Choice(1)];
    let point = vec![Some(0.5), None, Some(0.5)];
    let same = |loss: f64| vec![TrialOutcome { point: point.clone(), loss }; 40];
    for over in [vec![], same(1.0), same(f64::NAN), same(f64::INFINITY), same(f64::NEG_INFINITY)] {
        let found = propose(&dimensions, &over, std::slice::from_ref(&point), 0, 40);
        assert!(found.iter().all(|coordinate| (0.0..1.0).contains(coordinate)), "{found:?}");
    }
}
