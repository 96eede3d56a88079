//! A run that is saved and restored at arbitrary steps continues to the bit; a damaged save is refused, never a panic.

use aees_control::open_loop::OpenLoopPlan;
use aees_control::rng::{NumpyGenerator, PythonRandom};
use aees_control::{
    Aees, AeesConfig, ArmPolicy, BanditConfig, ControllerName, LogLossDrop, StructuredControlMode, Trend,
};
use proptest::prelude::*;
use serde_json::Value;

const STEPS: u64 = 90;

fn restored(aees: &Aees) -> Aees {
    serde_json::from_str(&serde_json::to_string(aees).unwrap()).unwrap()
}

/// Each bandit, chance, and a sequence.
const POLICIES: usize = ControllerName::ALL.len() + 2;
const OPEN_LOOP: usize = POLICIES - 1;

fn policy(number: usize) -> ArmPolicy {
    let bandit = |name: &ControllerName| ArmPolicy::Bandit(BanditConfig::read(*name, |setting| setting.default));
    ControllerName::ALL.get(number).map_or(ArmPolicy::Random, bandit)
}

fn configs() -> impl Strategy<Value = AeesConfig> {
    let modes = (0..POLICIES, any::<bool>(), any::<bool>());
    (modes, 1..4usize, 1..4usize, 1..9usize, any::<i32>(), 0.0..2.0f64, 0.01..1.0f64).prop_map(
        |((control, conditional, trend), lr, noise, episode_length, seed, lambda, ema_alpha)| {
            let mut config = AeesConfig {
                lr_candidates: [0.5, 1.0, 2.0][..lr].to_vec(),
                noise_candidates: [0.0, 0.01, 0.1][..noise].to_vec(),
                episode_length,
                policy: policy(control),
                reward: LogLossDrop { instability_lambda: lambda, ..LogLossDrop::default() }.into(),
                ema_alpha,
                seed: Some(i64::from(seed)),
                ..AeesConfig::default()
            };
            if conditional {
                config.structured_control_mode = StructuredControlMode::Conditional;
            }
            if trend {
                config.context = Trend::default().into();
            }
            if control == OPEN_LOOP {
                let candidates = config.lr_candidates.len() * config.noise_candidates.len();
                let plan = OpenLoopPlan::uniform_random(1, STEPS as usize, candidates).unwrap();
                config = AeesConfig {
                    lr_candidates: config.lr_candidates,
                    noise_candidates: config.noise_candidates,
                    policy: if candidates > 1 { ArmPolicy::OpenLoop(plan) } else { ArmPolicy::Random },
                    episode_length,
                    ..AeesConfig::default()
                };
            }
            config
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_restored_run_continues_to_the_bit(
        config in configs(),
        losses in prop::collection::vec((1e-3..9.0f64, prop::option::of(0.0..3.0f64)), STEPS as usize),
        saved_before in prop::collection::hash_set(0..STEPS, 0..8),
        saved_within in prop::collection::hash_set(0..STEPS, 0..8),
    ) {
        let mut unbroken = Aees::new(config).unwrap();
        let mut broken = unbroken.clone();
        for (step, (loss, norm)) in (0..).zip(losses) {
            if saved_before.contains(&step) {
                broken = restored(&broken);
            }
            prop_assert_eq!(unbroken.open(step).unwrap(), broken.open(step).unwrap());
            if saved_within.contains(&step) {
                broken = restored(&broken);
                prop_assert!(broken.is_open());
            }
            prop_assert_eq!(unbroken.steps_left(), broken.steps_left());
            prop_assert_eq!(unbroken.record(loss, norm).unwrap(), broken.record(loss, norm).unwrap());
        }
        unbroken.finalize().unwrap();
        broken.finalize().unwrap();
        prop_assert_eq!(serde_json::to_string(&unbroken).unwrap(), serde_json::to_string(&broken).unwrap());
        prop_assert_eq!(unbroken.controller_logs(), broken.controller_logs());
        prop_assert_eq!(unbroken, broken);
    }

    #[test]
    fn a_damaged_save_is_refused_or_runs(
        bandit in 0..ControllerName::ALL.len(),
        path in prop::collection::vec(0..20usize, 1..9),
        number in 0..4u8,
    ) {
        let config = AeesConfig {
            lr_candidates: vec![0.5, 1.0],
            noise_candidates: vec![0.0, 0.1],
            episode_length: 3,
            structured_control_mode: StructuredControlMode::Conditional,
            policy: policy(bandit),
            context: Trend::default().into(),
            seed: Some(3),
            ..AeesConfig::default()
        };
        let mut aees = Aees::new(config).unwrap();
        for step in 0..14 {
            aees.open(step).unwrap();
            aees.record(1.0, None).unwrap();
        }
        let mut json = serde_json::to_value(&aees).unwrap();
        damage(&mut json, &path, number);
        if let Ok(mut aees) = serde_json::from_value::<Aees>(json) {
            for step in 14..40 {
                if aees.open(step).is_ok() {
                    let _ = aees.record(1.0, None);
                }
            }
            let _ = (aees.controller_logs(), aees.episode_logs(), aees.axis_lines());
        }
    }
}

/// Walks down the path and spoils what it finds: a number changes, a list loses its end, anything else becomes null.
fn damage(value: &mut Value, path: &[usize], number: u8) {
    match (value, path) {
        (Value::Object(map), [index, rest @ ..]) if !map.is_empty() => {
            let index = index % map.len();
            if let Some((_, inner)) = map.iter_mut().nth(index) {
                damage(inner, rest, number);
            }
        }
        (Value::Array(list), [index, rest @ ..]) if !list.is_empty() => {
            let index = index % list.len();
            damage(&mut list[index], rest, number);
        }
        (Value::Array(list), _) => drop(list.pop()),
        (value @ Value::Number(_), _) => *value = Value::from([0i64, 7, -1, 1_000_000_007][usize::from(number)]),
        (value, _) => *value = Value::Null,
    }
}

#[test]
fn generators_are_saved_compactly_and_continue() {
    let mut python = PythonRandom::new(9);
    let mut numpy = NumpyGenerator::new(9);
    for _ in 0..1_001 {
        python.next_u32();
        numpy.next_u32();
    }
    let text = serde_json::to_string(&python).unwrap();
    assert_eq!(text.split(',').count(), 625);
    assert_eq!(serde_json::from_str::<PythonRandom>(&text).unwrap(), python);
    let text = serde_json::to_string(&numpy).unwrap();
    let mut back: NumpyGenerator = serde_json::from_str(&text).unwrap();
    assert_eq!(back, numpy);
    assert_eq!(back.next_u32(), numpy.next_u32(), "the buffered half is saved too");

    assert!(serde_json::from_str::<PythonRandom>("[1,2,3]").is_err());
    let zeros = serde_json::to_string(&vec![0u32; 625]).unwrap();
    assert!(serde_json::from_str::<PythonRandom>(&zeros).is_err());
}
