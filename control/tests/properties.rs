//! Invariants that hold for all inputs.

use aees_control::open_loop::largest_remainder;
use aees_control::reward::{EpisodeLosses, LogLossDrop, Reward};
use aees_control::rng::{NumpyGenerator, PythonRandom};
use aees_control::schedule::{RateSchedule, ScheduleKind};
use aees_control::{Axis, CandidateSet, parse_candidates, python_float};
use proptest::prelude::*;

const KINDS: [ScheduleKind; 4] =
    [ScheduleKind::None, ScheduleKind::Cosine, ScheduleKind::Linear, ScheduleKind::WarmupLinear];

proptest! {
    #[test]
    fn bounded_draws_stay_below(seed in any::<i64>(), bound in 1..=u64::MAX) {
        prop_assert!(PythonRandom::new(seed).below(bound) < bound);
        prop_assert!(NumpyGenerator::new(seed.unsigned_abs()).integers(bound) < bound);
    }

    #[test]
    fn shuffles_permute_and_samples_are_distinct(seed in any::<i64>(), population in 0..300usize, count in 0..300usize) {
        let mut random = PythonRandom::new(seed);
        let mut items: Vec<usize> = (0..population).collect();
        random.shuffle(&mut items);
        items.sort_unstable();
        prop_assert_eq!(items, (0..population).collect::<Vec<_>>());
        match random.sample(population, count) {
            Err(_) => prop_assert!(count > population),
            Ok(mut sample) => {
                sample.sort_unstable();
                sample.dedup();
                prop_assert_eq!(sample.len(), count);
                prop_assert!(sample.iter().all(|&index| index < population));
            }
        }
    }

    #[test]
    fn unit_floats_are_in_the_unit_interval(seed in any::<i64>()) {
        prop_assert!((0.0..1.0).contains(&PythonRandom::new(seed).random()));
        prop_assert!((0.0..1.0).contains(&NumpyGenerator::new(seed.unsigned_abs()).random()));
    }

    #[test]
    fn printed_floats_read_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        let read = python_float::parse(&python_float::repr(value)).unwrap();
        prop_assert_eq!(read.to_bits(), value.to_bits());
        let read = python_float::parse(&python_float::general(value, 17)).unwrap();
        prop_assert_eq!(read.to_bits(), value.to_bits());
    }

    #[test]
    fn printed_candidates_read_back(values in prop::collection::hash_set(1u64..0x7ff0_0000_0000_0000, 1..6)) {
        let values: Vec<f64> = values.into_iter().map(f64::from_bits).collect();
        let text = values.iter().map(|&value| python_float::repr(value)).collect::<Vec<_>>().join(" , ");
        prop_assert_eq!(parse_candidates(Axis::Lr, &text).unwrap(), values.clone());
        prop_assert!(CandidateSet::new(&values, &values).is_ok());
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC*") {
        let _ = python_float::parse(&text);
        for axis in [Axis::Lr, Axis::Noise] {
            if let Ok(values) = parse_candidates(axis, &text) {
                prop_assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn rewards_stay_within_their_bounds(
        losses in prop::collection::vec(1e-6..1e6f64, 1..50),
        instability_lambda in 0.0..10.0f64,
        bounds in (-2.0..2.0f64, 0.0..2.0f64),
        alpha in 0.01..=1.0f64,
    ) {
        let config = LogLossDrop {
            instability_lambda,
            clip_min: bounds.0,
            clip_max: bounds.0 + bounds.1,
            ..LogLossDrop::default()
        };
        let (_, reward) = Reward::from(config).of_episode(EpisodeLosses::new(&losses).unwrap(), alpha);
        let reward = reward.unwrap();
        prop_assert!((config.clip_min..=config.clip_max).contains(&reward.reward_final_clipped));
        prop_assert!(reward.reward_instability >= 0.0);
        prop_assert_eq!(reward.reward_final_unclipped, reward.reward_base - reward.reward_penalty);
    }

    #[test]
    fn schedules_stay_in_the_unit_interval(kind in 0..4usize, span in 0..50u64, warmup in 0..60u64, at in 0..200u64) {
        let kind = KINDS[kind];
        prop_assert!((0.0..=1.0).contains(&RateSchedule::of_epochs(kind, span, warmup).factor(at)));
        prop_assert!((0.0..=1.0).contains(&RateSchedule::of_steps(kind, span, warmup).factor(at)));
    }

    #[test]
    fn largest_remainders_use_up_the_total(weights in prop::collection::vec(0..1000u32, 1..8), total in 1..5000usize) {
        let sum: u32 = weights.iter().sum();
        prop_assume!(sum > 0);
        let probabilities: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) / f64::from(sum)).collect();
        let counts = largest_remainder(&probabilities, total).unwrap();
        prop_assert_eq!(counts.iter().sum::<usize>(), total);
        for (count, probability) in counts.into_iter().zip(probabilities) {
            prop_assert!((count as f64 - probability * total as f64).abs() <= 1.0 + 1e-9);
        }
    }
}
