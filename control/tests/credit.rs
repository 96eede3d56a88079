//! Who is told what, and when: returns over several episodes, in contexts, for several noise controllers; and probes.

use aees_control::controller::Controller;
use aees_control::episode::{Credit, Selection};
use aees_control::{
    Aees, AeesConfig, ArmPolicy, BanditConfig, CandidateSet, ControllerName, LogLossDrop, LoggedEpisode, ProbeLossDrop,
    ProbeLosses, Reward, ScaledUcbConfig, StructuredControlMode, TsallisInfConfig,
};

fn selection(lr_index: usize, noise_index: usize) -> Selection {
    let candidates = CandidateSet::new(&[0.5, 1.0], &[0.0, 0.1]).unwrap();
    let candidate = candidates.get(lr_index, noise_index).unwrap();
    Selection { lr_index, noise_index, candidate, context_bucket: None }
}

fn scaled() -> Controller {
    BanditConfig::from(ScaledUcbConfig { discount: 1.0, ..ScaledUcbConfig::default() })
        .controller(2, &[], Some(0))
        .unwrap()
}

fn value(controller: &Controller, arm: usize) -> f64 {
    controller.estimate(arm).unwrap().value
}

#[test]
fn an_arm_is_told_the_mean_of_its_own_reward_and_of_those_that_follow() {
    let (mut lr, mut credit) = (scaled(), Credit::new(3));
    for (arm, reward) in [(0, 1.0), (1, 2.0)] {
        credit.settle(selection(arm, 0), reward, Some(&mut lr), &mut []).unwrap();
    }
    assert_eq!((value(&lr, 0), value(&lr, 1)), (0.0, 0.0), "nobody is told before three episodes are over");
    credit.settle(selection(1, 0), 6.0, Some(&mut lr), &mut []).unwrap();
    assert_eq!((value(&lr, 0), value(&lr, 1)), (3.0, 0.0));
    credit.settle(selection(0, 0), 1.0, Some(&mut lr), &mut []).unwrap();
    assert_eq!((value(&lr, 0), value(&lr, 1)), (3.0, 3.0));
}

/// The episodes of a return are those of the run, also for a controller that picked in one of them only.
#[test]
fn each_noise_controller_is_told_of_all_episodes() {
    let (mut lr, mut noise, mut credit) = (scaled(), [scaled(), scaled()], Credit::new(2));
    for (lr_arm, noise_arm, reward) in [(0, 1, 1.0), (1, 0, 3.0), (1, 1, 5.0)] {
        credit.settle(selection(lr_arm, noise_arm), reward, Some(&mut lr), &mut noise).unwrap();
    }
    assert_eq!((value(&noise[0], 0), value(&noise[0], 1)), (0.0, 2.0));
    assert_eq!((value(&noise[1], 0), value(&noise[1], 1)), (4.0, 0.0), "the last episode still waits");
}

/// Exponential weights divide by the probability at the pick, not by that when the return is known.
#[test]
fn a_late_reward_is_weighed_by_the_probability_of_its_pick() {
    let config = BanditConfig::from(TsallisInfConfig { discount: 1.0, warmup_rounds: 0 });
    let play = |credit: usize| {
        let mut controller = config.controller(2, &[], Some(0)).unwrap();
        let mut credit = Credit::new(credit);
        let mut told = Vec::new();
        for (arm, reward) in [(0, 0.0), (0, 1.0), (0, 1.0), (1, 0.0), (0, 1.0), (0, 1.0)] {
            told.push(controller.propensity(arm));
            credit.settle(selection(arm, 0), reward, Some(&mut controller), &mut []).unwrap();
        }
        (told, controller)
    };
    let (_, by_settle) = play(2);
    // The same by hand.
    let mut by_hand = config.controller(2, &[], Some(0)).unwrap();
    let picks = [0, 0, 0, 1, 0, 0];
    let returns = [0.5, 1.0, 0.5, 0.5, 1.0];
    let mut propensities = Vec::new();
    for episode in 0..picks.len() {
        propensities.push(by_hand.propensity(picks[episode]));
        if let Some(told) = episode.checked_sub(1) {
            by_hand.learn(picks[told], returns[told], propensities[told]).unwrap();
        }
    }
    assert_eq!(by_settle, by_hand);
}

fn probing(examples: usize, credit_episodes: usize, controller: ControllerName) -> AeesConfig {
    AeesConfig {
        lr_candidates: vec![0.5, 1.0, 2.0],
        noise_candidates: vec![0.0, 0.01],
        structured_control_mode: StructuredControlMode::Conditional,
        episode_length: 3,
        policy: ArmPolicy::Bandit(BanditConfig::read(controller, |setting| setting.default)),
        reward: ProbeLossDrop { examples, ..ProbeLossDrop::default() }.into(),
        credit_episodes,
        seed: Some(3),
        ..AeesConfig::default()
    }
}

/// Opens, probes where one is due, and records one step.
fn step(aees: &mut Aees, step: u64) {
    if aees.probe_is_due(step, 0, false) {
        aees.record_probe(1.0 + 1.0 / (1.0 + step as f64), step);
    }
    aees.open(step).unwrap();
    if aees.probe_is_due(step + 1, 1, false) {
        aees.record_probe(1.0 + 1.0 / (2.0 + step as f64), step + 1);
    }
    aees.record(2.0, None).unwrap();
}

#[test]
fn a_probe_is_due_before_the_first_episode_and_once_for_each() {
    let mut aees = Aees::new(probing(8, 1, ControllerName::default())).unwrap();
    assert!(aees.probe_is_due(0, 0, false));
    aees.record_probe(2.0, 0);
    assert!(!aees.probe_is_due(0, 0, false), "not twice");
    aees.open(0).unwrap();
    assert!(!aees.probe_is_due(1, 1, false) && !aees.probe_is_due(2, 2, false), "not inside an episode");
    assert!(aees.probe_is_due(2, 2, true), "but where a run ends in one");
    assert!(aees.probe_is_due(3, 3, false));
    aees.record_probe(1.0, 3);
    aees.record_steps(&[2.0, 2.0, 2.0], &[]).unwrap();
    assert!(!aees.probe_is_due(3, 0, false), "the loss after one is that before the next");
    let episode = &aees.episodes()[0];
    assert_eq!(episode.probe, Some(ProbeLosses { before: 2.0, after: 1.0 }));
    assert!((episode.reward - 2f64.ln()).abs() < 1e-7, "{}", episode.reward);
    assert!(
        !Aees::new(AeesConfig::default()).unwrap().probe_is_due(0, 0, true),
        "only a reward that asks for it has one"
    );
}

#[test]
fn an_episode_without_its_probe_is_dropped() {
    let mut aees = Aees::new(probing(8, 1, ControllerName::default())).unwrap();
    aees.record_probe(2.0, 0);
    aees.open(0).unwrap();
    aees.record(2.0, None).unwrap();
    assert_eq!(aees.finalize().unwrap(), None);
    assert!(aees.episodes().is_empty() && !aees.is_open());
}

#[test]
fn the_reward_of_a_probe_is_recomputed_from_the_logs() {
    let reward = Reward::from(ProbeLossDrop { clip_max: 0.5, ..ProbeLossDrop::default() });
    let mut aees = Aees::new(AeesConfig { reward, ..probing(8, 1, ControllerName::default()) }).unwrap();
    (0..9).for_each(|at| step(&mut aees, at));
    let logs = aees.episode_logs();
    let (before, after) = (logs.episode_probe_losses_before.unwrap(), logs.episode_probe_losses_after.unwrap());
    for (index, episode) in aees.episodes().iter().enumerate() {
        let probe = Some(ProbeLosses { before: before[index], after: after[index] });
        let logged = LoggedEpisode { ema_start: 2.0, ema_end: 2.0, instability: None, probe };
        assert_eq!(Some(reward.recompute(&logged)), episode.breakdown);
        assert!(reward.recompute(&LoggedEpisode { probe: None, ..logged }).reward_final_clipped.is_nan());
    }
    let without = Aees::new(AeesConfig { reward: LogLossDrop::default().into(), ..AeesConfig::default() }).unwrap();
    assert_eq!(without.episode_logs().episode_probe_losses_before, None);
}

/// Saved at any step, with probes taken and credit owed, a run goes on to the bit.
#[test]
fn probes_and_owed_credit_survive_a_save() {
    for controller in ControllerName::ALL {
        let mut whole = Aees::new(probing(8, 4, *controller)).unwrap();
        let mut saved = whole.clone();
        for at in 0..90 {
            step(&mut whole, at);
            let text = serde_json::to_string(&saved).unwrap();
            saved = serde_json::from_str(&text).unwrap();
            step(&mut saved, at);
        }
        assert_eq!(saved, whole, "{}", controller.name());
        assert_eq!(whole.episodes().len(), 30);
    }
}

#[test]
fn a_saved_run_whose_credit_is_another_is_refused() {
    let mut aees = Aees::new(probing(8, 4, ControllerName::default())).unwrap();
    (0..12).for_each(|at| step(&mut aees, at));
    let mut saved = serde_json::to_value(&aees).unwrap();
    saved["manager"]["credit"]["episodes"] = 2.into();
    assert!(serde_json::from_value::<Aees>(saved.clone()).is_err());
    saved["manager"]["credit"]["episodes"] = 4.into();
    saved["manager"]["credit"]["waiting"][0]["lr_propensity"] = 0.0.into();
    assert!(serde_json::from_value::<Aees>(saved).is_err());
    assert_eq!(
        Aees::new(AeesConfig { credit_episodes: 0, ..AeesConfig::default() }).unwrap_err().to_string(),
        "credit_episodes must be positive."
    );
}

/// A checkpoint that knows neither credit nor probes is one of a run without them.
#[test]
fn a_checkpoint_of_an_earlier_version_goes_on() {
    let mut aees =
        Aees::new(AeesConfig { lr_candidates: vec![0.5, 1.0], episode_length: 2, ..AeesConfig::default() }).unwrap();
    aees.open(0).unwrap();
    aees.record(2.0, None).unwrap();
    let mut saved = serde_json::to_value(&aees).unwrap();
    saved["config"].as_object_mut().unwrap().remove("credit_episodes");
    let manager = saved["manager"].as_object_mut().unwrap();
    manager["settings"].as_object_mut().unwrap().remove("credit_episodes");
    ["credit", "probe"].iter().for_each(|key| drop(manager.remove(*key)));
    manager["state"]["Open"].as_object_mut().unwrap().remove("probe_before");
    assert_eq!(serde_json::from_value::<Aees>(saved).unwrap(), aees);
}
