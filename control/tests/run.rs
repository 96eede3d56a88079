//! A whole run as a training loop and a result file see it: calls, refusals, and the shape of the logs.

use aees_control::{
    Aees, AeesConfig, ArmPolicy, BanditConfig, ContextMode, EpisodeLogs, StructuredControlMode, Trend, UcbConfig,
};
use serde_json::{Value, json};

fn config() -> AeesConfig {
    AeesConfig { lr_candidates: vec![0.5, 1.0, 2.0], episode_length: 3, seed: Some(0), ..AeesConfig::default() }
}

fn run(config: AeesConfig, steps: u64) -> Aees {
    let mut aees = Aees::new(config).unwrap();
    for step in 0..steps {
        aees.open(step).unwrap();
        aees.record(2.0 - step as f64 * 0.01, (step % 2 == 0).then_some(0.5)).unwrap();
    }
    aees
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn an_episode_from_open_to_close() {
    let mut aees = Aees::new(config()).unwrap();
    assert_eq!((aees.is_open(), aees.steps_left(), aees.current()), (false, 0, None));
    let message = "on_step_end() requires an active episode from on_step_start().";
    assert_eq!(aees.record(1.0, None).unwrap_err().to_string(), message);
    let candidate = aees.open(70).unwrap();
    assert_eq!(aees.open(99).unwrap(), candidate, "an open episode is kept");
    assert_eq!((aees.steps_left(), aees.current()), (3, Some(candidate)));
    assert!(aees.record(1.0, None).unwrap().is_none());
    assert!(aees.record(0.9, Some(2.0)).unwrap().is_none());
    assert_eq!(aees.steps_left(), 1);
    let episode = aees.record(0.8, Some(4.0)).unwrap().unwrap().clone();
    assert_eq!((episode.start_step, episode.end_step, episode.steps), (70, 72, 3));
    assert_eq!((episode.loss_start, episode.loss_end, episode.mean_update_norm), (1.0, 0.8, Some(3.0)));
    assert!(episode.reward > 0.0);
    assert_eq!(aees.episodes(), [episode]);
    assert_eq!(aees.finalize().unwrap(), None);
}

#[test]
fn the_last_episode_may_be_short() {
    let mut aees = run(config(), 7);
    let last = aees.finalize().unwrap().unwrap();
    assert_eq!((last.steps, last.start_step, last.end_step), (1, 6, 6));
    assert_eq!(aees.episodes().len(), 3);
}

#[test]
fn a_constant_run_needs_no_controller() {
    let aees = run(AeesConfig { episode_length: 3, ..AeesConfig::default() }, 9);
    assert_eq!(aees.episodes().len(), 3);
    assert!(aees.manager().lr_controller().is_none() && aees.manager().noise_control().controllers().is_empty());
    assert_eq!(aees.axis_lines(), ("<none>".to_owned(), "lr_multiplier=1.0, noise_std=0.0".to_owned()));
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    for (axis, value) in [("lr", 1.0), ("noise", 0.0)] {
        let log = &logs[format!("{axis}_controller_logs")];
        assert_eq!((&log["controller_created"], &log["fixed_arm_value"]), (&json!(false), &json!(value)));
    }
}

#[test]
fn episode_logs_have_the_references_keys() {
    let aees = run(config(), 9);
    let logs = serde_json::to_value(aees.episode_logs()).unwrap();
    let expected = [
        "episode_ema_loss_ends",
        "episode_ema_loss_starts",
        "episode_end_losses",
        "episode_end_steps",
        "episode_rewards",
        "episode_start_losses",
        "episode_start_steps",
        "mean_update_norms",
        "reward_base",
        "reward_final_clipped",
        "reward_final_unclipped",
        "reward_instability",
        "reward_penalty",
        "selected_candidate_names",
        "selected_combined_names",
        "selected_lr_indices",
        "selected_lr_values",
        "selected_noise_indices",
        "selected_noise_values",
    ];
    assert_eq!(keys(&logs), expected);
    assert_eq!(logs["episode_end_steps"], json!([2, 5, 8]));
    assert_eq!(logs["selected_combined_names"], json!(["lr1_n0", "lr2_n0", "lr0p5_n0"]));
    assert_eq!(serde_json::from_value::<EpisodeLogs>(logs).unwrap(), aees.episode_logs());
    assert!(serde_json::from_str::<EpisodeLogs>("{}").is_ok(), "old files lack keys");

    let context = Trend::default().into();
    let logs = serde_json::to_value(run(AeesConfig { context, ..config() }, 12).episode_logs()).unwrap();
    assert_eq!(logs["context_buckets"], json!(["stable", "stable", "improving", "improving"]));
}

#[test]
fn controller_logs_of_a_bandit_and_a_constant() {
    let logs = serde_json::to_value(run(config(), 6).controller_logs()).unwrap();
    let expected = [
        "_logged_episode_count",
        "context_mode",
        "lr_controller_logs",
        "noise_controller_logs",
        "structured_control_mode",
    ];
    assert_eq!(keys(&logs), expected);
    let lr = &logs["lr_controller_logs"];
    assert_eq!(lr["controller_type"], "DiscountedUCBController");
    assert_eq!((&lr["axis_name"], &lr["controller_created"]), (&json!("lr"), &json!(true)));
    assert_eq!(lr["arm_values"], json!([0.5, 1.0, 2.0]));
    assert_eq!(lr["controller_updates_history"], json!([1, 2]));
    let counts = json!([{"0.5": 0.0, "1.0": 1.0, "2.0": 0.0}, {"0.5": 0.0, "1.0": 0.95, "2.0": 1.0}]);
    assert_eq!(lr["effective_counts_history"], counts);
    assert_eq!(lr["warmup_counts_history"][1], json!({"0.5": 0, "1.0": 1, "2.0": 1}));
    assert!(lr["value_estimates_history"][1]["2.0"].as_f64().unwrap() > 0.0);
    let noise = json!({"controller_type": "FixedAxis", "axis_name": "noise", "arm_values": [0.0],
        "controller_created": false, "fixed_arm_value": 0.0});
    assert_eq!(logs["noise_controller_logs"], noise);
}

#[test]
fn controller_logs_of_conditional_contextual_bandits() {
    let config = AeesConfig {
        noise_candidates: vec![0.0, 0.005],
        structured_control_mode: StructuredControlMode::Conditional,
        context: Trend::default().into(),
        ..config()
    };
    let logs = serde_json::to_value(run(config, 12).controller_logs()).unwrap();
    assert!(logs.get("noise_controller_logs").is_none());
    let noise = &logs["noise_controller_logs_by_lr"];
    assert_eq!(keys(noise), ["0.5", "1.0", "2.0"]);
    assert_eq!(noise["2.0"]["conditioned_on_lr_value"], json!(2.0));
    let lr = &logs["lr_controller_logs"];
    let expected = [
        "arm_values",
        "axis_name",
        "bucket_controller_logs",
        "bucket_distinct_arm_counts_history",
        "bucket_reward_sums_history",
        "bucket_visit_counts_history",
        "context_bucket_names",
        "controller_created",
        "controller_type",
        "global_prior_logs",
        "prior_from_global",
    ];
    assert_eq!(keys(lr), expected);
    assert_eq!(lr["context_bucket_names"], json!(["improving", "stable", "worsening"]));
    assert_eq!(lr["bucket_visit_counts_history"][3], json!({"improving": 2, "stable": 2, "worsening": 0}));
    assert_eq!(lr["global_prior_logs"]["controller_updates_history"], json!([1, 2, 3, 4]));
    let improving = &lr["bucket_controller_logs"]["improving"];
    assert_eq!(improving["bucket_id"], "improving");
    assert_eq!(improving["controller_updates_history"], json!([null, null, 3, 4]), "null before the first visit");
    assert_eq!(improving["value_estimates_history"][1], Value::Null);
    assert_eq!(improving["bucket_visit_count_history"], json!([0, 0, 1, 2]));
    // Every noise controller is logged after every episode, selected or not.
    let lengths = ["0.5", "1.0", "2.0"].map(|lr| noise[lr]["bucket_visit_counts_history"].as_array().unwrap().len());
    assert_eq!(lengths, [4; 3]);
}

#[test]
fn random_runs_carry_a_note_and_no_histories() {
    let aees = run(AeesConfig { policy: ArmPolicy::Random, ..config() }, 6);
    let logs = serde_json::to_value(aees.controller_logs()).unwrap();
    assert!(logs["non_contextual_random_note"].as_str().unwrap().starts_with("RandomScheduler keeps"));
    let expected = ["arm_values", "axis_name", "controller_created", "controller_type"];
    assert_eq!(keys(&logs["lr_controller_logs"]), expected);
}

#[test]
fn the_lines_a_run_begins_with() {
    let (adaptive, fixed) = Aees::new(config()).unwrap().axis_lines();
    assert_eq!((adaptive.as_str(), fixed.as_str()), ("lr_multiplier=[0.5, 1.0, 2.0]", "noise_std=0.0"));
}

#[test]
fn wrong_settings_are_refused_in_the_references_words() {
    let message = |config: AeesConfig| Aees::new(config).unwrap_err().to_string();
    assert_eq!(message(AeesConfig { episode_length: 0, ..config() }), "episode_length must be a positive integer.");
    for ema_alpha in [0.0, 1.1, f64::NAN] {
        assert_eq!(message(AeesConfig { ema_alpha, ..config() }), "alpha must be in the interval (0, 1].");
    }
    let context = Trend { window: 0, ..Trend::default() }.into();
    assert_eq!(message(AeesConfig { context, ..config() }), "context_trend_window must be positive.");
    let context = Trend { epsilon: -1.0, ..Trend::default() }.into();
    assert_eq!(message(AeesConfig { context, ..config() }), "context_trend_epsilon must be non-negative.");
    let bandit = BanditConfig::from(UcbConfig { discount: 0.0, ..UcbConfig::default() });
    assert_eq!(
        message(AeesConfig { policy: ArmPolicy::Bandit(bandit), ..config() }),
        "discount must be in the interval (0, 1]."
    );
    let noise_candidates = vec![0.0, 0.1];
    let seed = Some(i64::MAX);
    assert!(message(AeesConfig { seed, noise_candidates, ..config() }).contains("is too large"));

    let text = "context_mode must be one of ['none', 'trend'], got 'phase'.";
    assert_eq!("phase".parse::<ContextMode>().unwrap_err().to_string(), text);
    let text = "structured_control_mode must be one of ['conditional', 'independent'], got 'x'.";
    assert_eq!("x".parse::<StructuredControlMode>().unwrap_err().to_string(), text);
    assert!(serde_json::from_str::<AeesConfig>(r#"{"episode_lenght": 3}"#).is_err(), "unknown keys are refused");
    assert_eq!(serde_json::from_str::<AeesConfig>("{}").unwrap(), AeesConfig::default());
}

#[test]
fn a_run_without_a_seed_runs() {
    let aees = run(AeesConfig { seed: None, noise_candidates: vec![0.0, 0.1], ..config() }, 30);
    assert_eq!(aees.episodes().len(), 10);
}

#[test]
fn steps_recorded_at_once_are_steps_recorded_one_by_one() {
    let one_by_one = |steps: u64| {
        let mut aees = Aees::new(AeesConfig { episode_length: 7, ..config() }).unwrap();
        for step in 0..steps {
            aees.open(step).unwrap();
            aees.record(2.0 / (1.0 + step as f64), Some(0.1 * step as f64)).unwrap();
        }
        aees
    };
    for chunk in [1, 2, 3, 7, 100] {
        let mut aees = Aees::new(AeesConfig { episode_length: 7, ..config() }).unwrap();
        let mut step = 0;
        while step < 40 {
            aees.open(step).unwrap();
            let next = (step + chunk).min(step + aees.steps_left() as u64).min(40);
            let losses: Vec<f64> = (step..next).map(|step| 2.0 / (1.0 + step as f64)).collect();
            let norms: Vec<f64> = (step..next).map(|step| 0.1 * step as f64).collect();
            let full = aees.steps_left() == losses.len();
            assert_eq!(aees.record_steps(&losses, &norms).unwrap().is_some(), full);
            step = next;
        }
        assert_eq!(aees, one_by_one(40), "in chunks of {chunk}");
    }
}

#[test]
fn steps_that_cannot_be_recorded_at_once_change_nothing() {
    let mut aees = Aees::new(config()).unwrap();
    let refused =
        |aees: &mut Aees, losses: &[f64], norms: &[f64]| aees.record_steps(losses, norms).unwrap_err().to_string();
    assert!(refused(&mut aees, &[1.0], &[]).contains("requires an active episode"));
    aees.open(0).unwrap();
    let before = aees.clone();
    assert_eq!(refused(&mut aees, &[1.0; 4], &[]), "4 steps were recorded, but the open episode has 3 left.");
    assert_eq!(refused(&mut aees, &[1.0; 2], &[1.0]), "2 losses were recorded with 1 update norms.");
    assert_eq!(refused(&mut aees, &[1.0, f64::NAN], &[]), "loss must be finite.");
    assert_eq!(refused(&mut aees, &[1.0], &[f64::INFINITY]), "update_norm must be finite when provided.");
    assert_eq!(aees, before);
    assert!(aees.record_steps(&[1.0; 3], &[]).unwrap().is_some());
}
