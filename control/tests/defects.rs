//! Defects of the reference that must not come back, by their numbers in its list of known weaknesses.

use aees_control::controller::LogCell;
use aees_control::schedule::{RateSchedule, ScheduleKind};
use aees_control::{Aees, AeesConfig, Axis, StructuredControlMode, parse_candidates};

fn config() -> AeesConfig {
    AeesConfig {
        lr_candidates: vec![0.5, 1.0, 2.0],
        noise_candidates: vec![0.0, 0.01],
        episode_length: 4,
        seed: Some(0),
        ..AeesConfig::default()
    }
}

fn train(aees: &mut Aees, steps: std::ops::Range<u64>) {
    for step in steps {
        aees.open(step).unwrap();
        aees.record(1.0 / (step + 1) as f64, None).unwrap();
    }
}

#[test]
fn defect_06_controllers_generators_and_logs_can_be_saved() {
    let mut unbroken = Aees::new(config()).unwrap();
    train(&mut unbroken, 0..10);
    let text = serde_json::to_string(&unbroken).unwrap();
    let mut restored: Aees = serde_json::from_str(&text).unwrap();
    assert!(restored.is_open(), "saved inside an episode");
    train(&mut unbroken, 10..50);
    train(&mut restored, 10..50);
    assert_eq!(unbroken, restored);
}

#[test]
fn defect_07_a_non_finite_loss_leaves_the_run_usable() {
    let mut aees = Aees::new(config()).unwrap();
    train(&mut aees, 0..6);
    aees.open(6).unwrap();
    let before = aees.clone();
    for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(aees.record(loss, None).unwrap_err().to_string(), "loss must be finite.");
    }
    let message = aees.record(1.0, Some(f64::NAN)).unwrap_err().to_string();
    assert_eq!(message, "update_norm must be finite when provided.");
    assert_eq!(aees, before, "nothing was recorded");

    train(&mut aees, 6..8);
    assert_eq!(aees.episodes().len(), 2);
    aees.open(8).unwrap();
    assert!(aees.record(f64::NAN, None).is_err());
    assert!(aees.finalize().unwrap().is_none(), "an episode without steps is dropped");
    assert!(!aees.is_open());
}

#[test]
fn defect_07_an_episode_without_a_reward_is_dropped() {
    let mut aees = Aees::new(config()).unwrap();
    for step in 0..3 {
        aees.open(step).unwrap();
        aees.record(-1.0, None).unwrap();
    }
    let message = aees.record(-1.0, None).unwrap_err().to_string();
    assert_eq!(message, "ema_loss_start + reward_epsilon must be positive for log reward.");
    assert!(!aees.is_open());
    let snapshot = aees.manager().lr_controller().unwrap().snapshot();
    assert_eq!(snapshot.overall().unwrap().cell(3, 0), Some(LogCell::Count(0)), "no updates");
    train(&mut aees, 4..8);
    assert_eq!(aees.episodes().len(), 1);
    assert_eq!(aees.episodes()[0].episode_index, 1);
}

#[test]
fn defect_08_an_optimizer_error_cannot_leave_a_scaled_learning_rate() {
    // The multiplier is a copied value and the schedule a pure function: there is no shared rate to restore. A step that
    // fails after `open` and is tried again sees the same schedule and the same candidate, and nothing has moved.
    let schedule = RateSchedule::of_epochs(ScheduleKind::Cosine, 10, 0);
    let mut aees = Aees::new(config()).unwrap();
    let rate = |candidate: aees_control::Candidate| 1e-3 * schedule.factor(3) * candidate.lr_multiplier.get();
    let first = rate(aees.open(0).unwrap());
    let opened = aees.clone();
    let failing_step = || -> Result<(), &'static str> { Err("out of memory") };
    assert!(failing_step().is_err());
    assert_eq!(rate(aees.open(0).unwrap()), first);
    assert_eq!(aees, opened);
}

#[test]
fn defect_09_conditional_mode_works_with_one_noise_candidate() {
    let config = AeesConfig {
        noise_candidates: vec![0.005],
        structured_control_mode: StructuredControlMode::Conditional,
        ..config()
    };
    let mut aees = Aees::new(config).unwrap();
    train(&mut aees, 0..20);
    assert_eq!(aees.episodes().len(), 5);
    assert_eq!(aees.axis_lines(), ("lr_multiplier=[0.5, 1.0, 2.0]".into(), "noise_std=0.005".into()));
    assert!(aees.manager().lr_controller().is_some());
    assert!(aees.manager().noise_control().controllers().is_empty());
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    assert_eq!(logs["noise_controller_logs"]["controller_type"], "FixedAxis");
}

#[test]
fn defect_09_conditional_mode_keeps_the_noise_axis() {
    let config = AeesConfig { structured_control_mode: StructuredControlMode::Conditional, ..config() };
    let mut aees = Aees::new(config).unwrap();
    train(&mut aees, 0..20);
    assert_eq!(
        aees.axis_lines(),
        ("lr_multiplier=[0.5, 1.0, 2.0], noise_std=[0.0, 0.01]".to_owned(), "<none>".to_owned())
    );
    assert_eq!(aees.manager().noise_control().controllers().len(), 3);
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    assert_eq!(logs["lr_controller_logs"]["controller_updates_history"][4], 5);
    let noise = &logs["noise_controller_logs_by_lr"];
    let histories = ["0.5", "1.0", "2.0"].map(|lr| noise[lr]["controller_updates_history"].as_array().unwrap());
    assert_eq!(histories.map(|history| history.len()), [5; 3]);
    let updates: u64 = histories.iter().map(|history| history[4].as_u64().unwrap()).sum();
    assert_eq!(updates, 5, "the sum over the multipliers");
}

#[test]
fn defect_11_candidates_must_be_finite() {
    let message = |axis, text| parse_candidates(axis, text).unwrap_err().to_string();
    assert_eq!(message(Axis::Lr, "1.0,nan"), "Invalid value 'nan' in lr_candidates: it must be finite.");
    assert_eq!(message(Axis::Lr, "-inf"), "Invalid value '-inf' in lr_candidates: it must be finite.");
    assert_eq!(message(Axis::Noise, "1e999"), "Invalid value '1e999' in noise_candidates: it must be finite.");
    let config = AeesConfig { noise_candidates: vec![f64::NAN], ..config() };
    let message = Aees::new(config).unwrap_err().to_string();
    assert_eq!(message, "Invalid value 'nan' in noise_candidates: it must be finite.");
}
