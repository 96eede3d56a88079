//! The control flow without an engine: what is to be done is written down, and what comes of it is made up.

use aees_run::settings::TaskName;

use super::*;
use crate::controllers::controllers;

const BATCHES: u64 = 5;

/// Three epochs of five batches, with episodes of four steps.
fn settings() -> LoopSettings {
    LoopSettings {
        epochs: 3,
        steps_per_epoch: BATCHES,
        episode_length: 4,
        checkpoint_every: None,
        eval_every: None,
        patience: None,
        max_gradient_norm: None,
        synchronous: false,
        max_flops: None,
    }
}

fn adaptive() -> TrainState {
    adaptive_with(&[])
}

/// With a reward that asks for probes, and credit that is owed for a while.
fn probing() -> TrainState {
    adaptive_with(&["reward=probe", "credit_episodes=2", "controller=tsallis-inf"])
}

fn adaptive_with(more: &[&str]) -> TrainState {
    let mut config = RunConfig::new(TaskName::Cifar100);
    let settings = ["control_mode=adaptive", "episode_length=4", "lr_candidates=0.5,1,2", "noise_candidates=0,0.1"];
    for setting in settings.iter().chain(more) {
        config.assign(setting).unwrap();
    }
    TrainState::new(controllers(&config, None).unwrap())
}

fn baseline() -> TrainState {
    TrainState::new(None)
}

/// Losses fall; the second epoch is the best.
fn loss(step: u64) -> f64 {
    3.0 / (1.0 + step as f64)
}

fn accuracy(epoch: u64) -> f64 {
    [0.5, 0.75, 0.25][epoch as usize]
}

/// Does what is next; gives it in words, or `None` at the end.
fn advance(training: &mut TrainingLoop, enqueued: &mut Vec<u64>, loss: fn(u64) -> f64) -> Option<String> {
    let next = training.next();
    Some(match next {
        Next::OpenEpisode => {
            let (episode, _) = training.open_episode().unwrap().unwrap();
            format!("open {episode}")
        }
        Next::Step(plan) => {
            assert_eq!((plan.epoch, plan.batch as u64), (plan.step / BATCHES, plan.step % BATCHES));
            enqueued.push(plan.step);
            training.stepped(1.0);
            "step".into()
        }
        Next::Probe => {
            let step = training.state().step;
            training.probed(loss(step), 8, 2.0);
            format!("probe {step}")
        }
        Next::Drain => {
            let record = |step| StepRecord {
                step,
                examples: 2,
                loss: loss(step),
                correct: 1,
                update_norm: 0.5,
                gradient_norm: None,
            };
            let mut records: Vec<StepRecord> = enqueued.drain(..).map(record).collect();
            let closed = training.drained(&mut records).unwrap();
            format!("drain {}{}", records.len(), if closed { ", closed" } else { "" })
        }
        Next::Evaluate => {
            let epoch = training.state().epoch;
            let val_accuracy = accuracy(epoch);
            match training.evaluated(EpochEnd { val_accuracy, eval_flops: 1.0, learning_rate: 0.1, seconds: 0.0 }) {
                Evaluated::Epoch(summary) => format!("evaluate {}", summary.epoch),
                Evaluated::BeforeItsEnd(evaluation) => format!("evaluate at {}", evaluation.step),
            }
        }
        Next::Save(Checkpoints { best, newest }) => {
            training.saved();
            ["save", if best { " best" } else { "" }, if newest { " newest" } else { "" }].concat()
        }
        Next::Done(_) | Next::Stopped => return None,
    })
}

/// Everything that is done, with steps in a row as one entry, `3 steps`, and how it ended.
fn trace(training: &mut TrainingLoop, loss: fn(u64) -> f64) -> (Vec<String>, Next) {
    let mut enqueued = Vec::new();
    let (mut done, mut steps) = (Vec::new(), 0);
    loop {
        let entry = advance(training, &mut enqueued, loss);
        if entry.as_deref() == Some("step") {
            steps += 1;
            continue;
        }
        if steps > 0 {
            done.push(format!("{steps} steps"));
            steps = 0;
        }
        match entry {
            Some(entry) => done.push(entry),
            None => return (done, training.next()),
        }
    }
}

/// Takes so many steps, and does what is due after the last of them.
fn take_steps(training: &mut TrainingLoop, count: u64) -> Vec<u64> {
    let mut enqueued = Vec::new();
    while training.state().step < count {
        advance(training, &mut enqueued, loss).unwrap();
    }
    enqueued
}

#[test]
fn a_baseline_is_drained_each_episode_length_and_at_the_end_of_an_epoch() {
    let mut training = TrainingLoop::new(settings(), baseline());
    let (done, end) = trace(&mut training, loss);
    let epoch = |epoch, save| vec!["4 steps".into(), "drain 4".into(), "1 steps".into(), "drain 1".into(), epoch, save];
    let expected: Vec<String> = [
        epoch("evaluate 0".into(), "save best newest".into()),
        epoch("evaluate 1".into(), "save best newest".into()),
        epoch("evaluate 2".into(), "save newest".into()),
    ]
    .concat();
    assert_eq!((done, end), (expected, Next::Done(Outcome::Ok)));
    training.finalize().unwrap();
    assert_eq!(training.state().update_norms.means, [0.5; 4], "15 steps are three blocks of 4 and one of 3");
    assert_eq!(training.state().best.unwrap().epoch, 1);
}

#[test]
fn an_episode_reaches_over_the_end_of_an_epoch_and_is_drained_there() {
    let mut training = TrainingLoop::new(LoopSettings { epochs: 2, ..settings() }, adaptive());
    let (done, _) = trace(&mut training, loss);
    let expected = [
        "open 0",
        "4 steps",
        "drain 4, closed",
        "open 1",
        "1 steps",
        "drain 1",
        "evaluate 0",
        "save best newest",
        "3 steps",
        "drain 3, closed",
        "open 2",
        "2 steps",
        "drain 2",
        "evaluate 1",
        "save best newest",
    ];
    assert_eq!(done, expected);
    assert!(training.finalize().unwrap(), "the last episode has two steps");
    let (episode, record) = training.last_episode().unwrap();
    assert_eq!((episode, record.start_step, record.end_step), (2, 8, 9));
}

#[test]
fn a_synchronous_engine_is_drained_after_each_step() {
    let mut training = TrainingLoop::new(LoopSettings { epochs: 1, synchronous: true, ..settings() }, baseline());
    let (done, _) = trace(&mut training, loss);
    assert_eq!(done.iter().filter(|entry| *entry == "drain 1").count(), 5);
}

#[test]
fn checkpoints_by_steps_drain_first_and_the_best_epoch_is_saved_beside_them() {
    let mut training = TrainingLoop::new(LoopSettings { checkpoint_every: Some(5), ..settings() }, baseline());
    let (done, _) = trace(&mut training, loss);
    let saves: Vec<&str> = done.iter().map(String::as_str).filter(|entry| entry.starts_with(['s', 'e'])).collect();
    let expected = [
        "save newest",
        "evaluate 0",
        "save best",
        "save newest",
        "evaluate 1",
        "save best",
        "save newest",
        "evaluate 2",
    ];
    assert_eq!(saves, expected);
    let mut training =
        TrainingLoop::new(LoopSettings { epochs: 1, checkpoint_every: Some(3), ..settings() }, adaptive());
    let (done, _) = trace(&mut training, loss);
    assert_eq!(done[..5], ["open 0", "3 steps", "drain 3", "save newest", "1 steps"]);
}

#[test]
fn a_run_diverges_at_a_step_inside_a_drain() {
    fn broken(step: u64) -> f64 {
        if step >= 6 { f64::NAN } else { loss(step) }
    }
    for state in [baseline(), adaptive()] {
        let mut training = TrainingLoop::new(settings(), state);
        let (done, end) = trace(&mut training, broken);
        let outcome = Outcome::Diverged { step: 6, quantity: "loss".into(), value: "NaN".into() };
        assert_eq!(end, Next::Done(outcome));
        assert_eq!(done.last().unwrap(), "drain 1", "what came after the step does not count, and nothing is saved");
        let state = training.state();
        assert_eq!((state.step, state.open_epoch.examples, state.train_flops), (6, 2, 6.0));
    }
}

#[test]
fn an_update_that_is_no_number_is_a_divergence_too() {
    let mut training = TrainingLoop::new(settings(), baseline());
    take_steps(&mut training, 1);
    let mut records = vec![StepRecord {
        step: 0,
        examples: 2,
        loss: 1.0,
        correct: 0,
        update_norm: f64::INFINITY,
        gradient_norm: None,
    }];
    assert!(!training.drained(&mut records).unwrap());
    let outcome = Outcome::Diverged { step: 0, quantity: "update_norm".into(), value: "inf".into() };
    assert_eq!((training.next(), records.len()), (Next::Done(outcome), 0));
}

#[test]
fn a_wish_to_stop_is_heard_before_the_next_step() {
    let mut training = TrainingLoop::new(settings(), adaptive());
    let mut enqueued = take_steps(&mut training, 2);
    training.stop();
    let mut rest = Vec::new();
    while let Some(entry) = advance(&mut training, &mut enqueued, loss) {
        rest.push(entry);
    }
    assert_eq!((rest, training.next()), (vec!["drain 2".to_owned(), "save newest".into()], Next::Stopped));
}

#[test]
fn a_run_that_is_stopped_at_the_end_of_an_epoch_saves_what_that_gave() {
    for checkpoint_every in [None, Some(5), Some(100)] {
        let mut training = TrainingLoop::new(LoopSettings { checkpoint_every, ..settings() }, baseline());
        let mut enqueued = take_steps(&mut training, BATCHES);
        training.stop();
        let mut last = (String::new(), 0);
        while let Some(entry) = advance(&mut training, &mut enqueued, loss) {
            last = (entry, training.state().epoch);
        }
        assert_eq!((last, training.next()), (("save newest".into(), 1), Next::Stopped), "{checkpoint_every:?}");
    }
}

#[test]
fn a_stop_that_diverges_is_a_divergence() {
    let mut training = TrainingLoop::new(settings(), baseline());
    let mut enqueued = take_steps(&mut training, 2);
    training.stop();
    advance(&mut training, &mut enqueued, |_| f64::INFINITY).unwrap();
    assert!(matches!(training.next(), Next::Done(Outcome::Diverged { step: 0, .. })));
}

#[test]
fn a_run_goes_on_at_any_step_as_if_nothing_had_happened() {
    for state in [baseline(), adaptive(), probing()] {
        let mut whole = TrainingLoop::new(settings(), state.clone());
        trace(&mut whole, loss);
        for step in 0..3 * BATCHES {
            let mut first = TrainingLoop::new(settings(), state.clone());
            let mut enqueued = take_steps(&mut first, step);
            first.stop();
            while advance(&mut first, &mut enqueued, loss).is_some() {}
            assert_eq!((first.next(), first.state().step), (Next::Stopped, step));
            let saved = serde_json::to_string(first.state()).unwrap();
            let mut second = TrainingLoop::new(settings(), serde_json::from_str(&saved).unwrap());
            trace(&mut second, loss);
            let texts = [&whole, &second].map(|training| serde_json::to_string(training.state()).unwrap());
            assert_eq!(texts[0], texts[1], "stopped after step {step}");
        }
    }
}

#[test]
fn what_is_next_does_not_change_by_asking() {
    let mut training = TrainingLoop::new(settings(), adaptive());
    let mut enqueued = Vec::new();
    loop {
        assert_eq!(training.next(), training.next());
        if advance(&mut training, &mut enqueued, loss).is_none() {
            break;
        }
    }
}

#[test]
fn a_probe_comes_before_the_first_episode_and_after_each_also_after_one_that_the_run_ends_in() {
    for synchronous in [false, true] {
        let mut training = TrainingLoop::new(LoopSettings { epochs: 2, synchronous, ..settings() }, probing());
        let (done, _) = trace(&mut training, loss);
        let probes: Vec<&str> = done.iter().map(String::as_str).filter(|entry| entry.starts_with("probe")).collect();
        assert_eq!(probes, ["probe 0", "probe 4", "probe 8", "probe 10"], "synchronous {synchronous}");
        assert!(training.finalize().unwrap(), "the last episode has two steps and its probe");
        let state = training.state();
        let episodes = state.aees.as_ref().unwrap().episodes();
        let probes: Vec<(f64, f64)> =
            episodes.iter().filter_map(|episode| episode.probe).map(|probe| (probe.before, probe.after)).collect();
        assert_eq!(probes, [(loss(0), loss(4)), (loss(4), loss(8)), (loss(8), loss(10))]);
        // Four probes at 2, two evaluations at 1; each in an epoch.
        assert_eq!((state.probe_examples, state.eval_flops, state.train_flops), (32, 10.0, 10.0));
        let epochs: f64 = state.epochs.iter().map(|epoch| epoch.tflops * 1e12).sum();
        assert!((epochs - 20.0).abs() < 1e-9, "{epochs}");
    }
}

#[test]
fn a_probe_that_is_no_number_is_a_divergence_of_the_step_before_it() {
    fn broken(step: u64) -> f64 {
        if step == 8 { f64::INFINITY } else { loss(step) }
    }
    let mut training = TrainingLoop::new(settings(), probing());
    let (_, end) = trace(&mut training, broken);
    let outcome = Outcome::Diverged { step: 7, quantity: "probe_loss".into(), value: "inf".into() };
    assert_eq!((end, training.state().step), (Next::Done(outcome), 7));
    assert!(!training.finalize().unwrap(), "the open episode has no probe after it, and is dropped");
    let mut training = TrainingLoop::new(settings(), probing());
    training.probed(f64::NAN, 8, 2.0);
    assert!(matches!(training.next(), Next::Done(Outcome::Diverged { step: 0, .. })));
}

/// Steps, evaluations and probes count; the run ends where they come to it, with an evaluation, on every engine alike.
#[test]
fn a_run_ends_when_it_has_cost_what_it_may() {
    let ends = |max_flops: f64, state: TrainState, synchronous: bool| {
        let settings = LoopSettings { max_flops: Some(max_flops), synchronous, ..settings() };
        let mut training = TrainingLoop::new(settings, state);
        let (done, end) = trace(&mut training, loss);
        assert_eq!(end, Next::Done(Outcome::Ok));
        let evaluated = done.iter().filter(|entry| entry.starts_with("evaluate")).count();
        (training.state().step, training.state().epochs.len(), evaluated)
    };
    for synchronous in [false, true] {
        assert_eq!(ends(100.0, baseline(), synchronous), (15, 3, 3), "enough for all");
        assert_eq!(ends(18.0, baseline(), synchronous), (15, 3, 3), "just enough");
        assert_eq!(ends(8.0, baseline(), synchronous), (7, 2, 2), "inside the second epoch");
        assert_eq!(ends(6.0, baseline(), synchronous), (5, 1, 1), "spent by an evaluation");
        assert_eq!(ends(5.0, baseline(), synchronous), (5, 1, 1), "spent at the end of an epoch");
        // 2 + 4 + 2 + 1 = 9 before the evaluation.
        assert_eq!(ends(9.0, probing(), synchronous), (5, 1, 1));
        assert_eq!(ends(14.0, probing(), synchronous), (8, 2, 2), "10 after an epoch, 2 + 1 + ... in the next");
    }
}

#[test]
fn a_run_with_a_budget_goes_on_at_any_step_as_if_nothing_had_happened() {
    let settings = LoopSettings { max_flops: Some(17.0), ..settings() };
    let mut whole = TrainingLoop::new(settings, probing());
    trace(&mut whole, loss);
    for step in 0..whole.state().step {
        let mut first = TrainingLoop::new(settings, probing());
        let mut enqueued = take_steps(&mut first, step);
        first.stop();
        while advance(&mut first, &mut enqueued, loss).is_some() {}
        let saved = serde_json::to_string(first.state()).unwrap();
        let mut second = TrainingLoop::new(settings, serde_json::from_str(&saved).unwrap());
        trace(&mut second, loss);
        let texts = [&whole, &second].map(|training| serde_json::to_string(training.state()).unwrap());
        assert_eq!(texts[0], texts[1], "stopped after step {step}");
    }
}

#[test]
fn an_evaluation_between_epochs_waits_for_the_losses_and_is_made_once() {
    let often = LoopSettings { epochs: 2, eval_every: Some(3), ..settings() };
    let mut training = TrainingLoop::new(often, adaptive());
    let (done, _) = trace(&mut training, loss);
    let evaluations: Vec<_> = done.iter().filter(|entry| entry.starts_with("evaluate")).collect();
    assert_eq!(evaluations, ["evaluate at 3", "evaluate 0", "evaluate at 6", "evaluate at 9", "evaluate 1"]);
    let first = done.iter().position(|entry| entry == "evaluate at 3").unwrap();
    assert_eq!(done[first - 1], "drain 3");
    let evaluated: Vec<u64> = training.state().evaluations.iter().map(|evaluation| evaluation.step).collect();
    assert_eq!(evaluated, [3, 6, 9]);
    // The episodes are those of a run without.
    let mut plain = TrainingLoop::new(LoopSettings { epochs: 2, ..settings() }, adaptive());
    trace(&mut plain, loss);
    let episodes = |training: &TrainingLoop| training.state().aees.as_ref().unwrap().episodes().to_vec();
    assert_eq!(episodes(&training), episodes(&plain));
}

/// Accuracies are 0.5, 0.75, 0.25: in the second epoch 0.75 is told at once, and not beaten by its end.
#[test]
fn a_run_ends_when_its_patience_is_over_and_its_epoch_with_it() {
    let impatient = LoopSettings { eval_every: Some(2), patience: Some(2), ..settings() };
    let mut training = TrainingLoop::new(impatient, baseline());
    let (done, end) = trace(&mut training, loss);
    let evaluations: Vec<_> = done.iter().filter(|entry| entry.starts_with("evaluate")).collect();
    // 2, 4 and 5 are equal: two without a gain.
    assert_eq!(evaluations, ["evaluate at 2", "evaluate at 4", "evaluate 0"]);
    assert_eq!((training.state().step, end), (5, Next::Done(Outcome::Ok)));

    let patient = LoopSettings { eval_every: Some(2), patience: Some(3), ..settings() };
    let mut training = TrainingLoop::new(patient, baseline());
    let (done, end) = trace(&mut training, loss);
    let evaluations: Vec<_> = done.iter().filter(|entry| entry.starts_with("evaluate")).collect();
    let expected =
        ["evaluate at 2", "evaluate at 4", "evaluate 0", "evaluate at 6", "evaluate at 8", "evaluate 1", "evaluate 2"];
    // Best at 6; 8, 10 and 12 bring nothing: the third epoch is closed at its second step.
    assert_eq!(evaluations, expected);
    let state = training.state();
    assert_eq!((state.step, state.epochs.len(), state.gain.best.unwrap().step), (12, 3, 6));
    assert_eq!(end, Next::Done(Outcome::Ok));
    // Who takes it up there has nothing to do.
    assert_eq!(TrainingLoop::new(patient, state.clone()).next(), Next::Done(Outcome::Ok));
}

#[test]
fn a_gradient_that_is_no_number_ends_the_run_by_its_name() {
    let mut training = TrainingLoop::new(LoopSettings { max_gradient_norm: Some(1.0), ..settings() }, baseline());
    training.stepped(1.0);
    let gradient_norm = Some(f64::INFINITY);
    let mut records =
        vec![StepRecord { step: 0, examples: 2, loss: 1.0, correct: 0, update_norm: f64::NAN, gradient_norm }];
    training.drained(&mut records).unwrap();
    let Next::Done(Outcome::Diverged { quantity, value, .. }) = training.next() else { panic!("it diverged") };
    assert_eq!((quantity.as_str(), value.as_str()), ("gradient_norm", "inf"));
}

#[test]
fn the_gradients_of_an_epoch_are_summed_up() {
    let mut training = TrainingLoop::new(LoopSettings { max_gradient_norm: Some(2.0), ..settings() }, baseline());
    for step in 0..4 {
        training.stepped(1.0);
        let gradient_norm = Some([1.0, 2.0, 3.0, 4.0][step as usize]);
        let record = StepRecord { step, examples: 2, loss: 1.0, correct: 0, update_norm: 1.0, gradient_norm };
        training.drained(&mut vec![record]).unwrap();
    }
    let end = EpochEnd { val_accuracy: 0.5, eval_flops: 1.0, learning_rate: 0.1, seconds: 0.0 };
    training.state.batch = BATCHES;
    let Evaluated::Epoch(summary) = training.evaluated(end) else { panic!("the epoch is over") };
    let gradients = summary.gradients.unwrap();
    assert_eq!((gradients.mean_norm, gradients.clipped_share), (2.5, 0.5));
}
