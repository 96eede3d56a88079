//! Clipped gradients, and steps whose batch is taken in parts, on every engine.

use aees_models::ModelSpec;
use aees_run::settings::TaskName;
use aees_train::engine::{EngineJob, build};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};

use super::{ADAMW, SGD, control, difference, job, on_each, steps};

/// SGD that keeps nothing and decays nothing: a step is the gradient.
const PLAIN: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };

#[test]
fn the_norm_of_all_gradients_is_told_and_held() {
    on_each(|target| {
        for task in [TaskName::Cifar100, TaskName::AgNews] {
            let first = |max_gradient_norm| {
                let config = OptimizerConfig { max_gradient_norm, ..PLAIN };
                let mut engine = build(job(task, config, 0), target).unwrap();
                steps(engine.as_mut(), 0, 1, |step| control(step, 1.0, 0.0))[0]
            };
            let plain = first(None);
            assert_eq!(plain.gradient_norm, None);
            // The rate is 0.01.
            let norm = 100.0 * plain.update_norm;
            let close =
                |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-3, "{found} for {expected}");
            let (wide, narrow) = (first(Some(2.0 * norm)), first(Some(0.1 * norm)));
            assert_eq!((wide.loss, wide.update_norm), (plain.loss, plain.update_norm));
            close(wide.gradient_norm.unwrap(), norm);
            close(narrow.gradient_norm.unwrap(), norm);
            close(100.0 * narrow.update_norm, 0.1 * norm);
        }
    });
}

/// Without dropout and batch normalisation the parts of a batch are that batch, whatever their sizes.
#[test]
fn a_batch_in_parts_is_the_batch() {
    on_each(|target| {
        let with_parts_of = |batch_size| {
            let mut job = EngineJob { batch_size, ..job(TaskName::AgNews, SGD, 0) };
            if let ModelSpec::TextClassifier(config) = &mut job.model {
                (config.dropout, config.attention_dropout, config.classifier_dropout) = (0.0, 0.0, 0.0);
            }
            let mut engine = build(job, target).unwrap();
            let records = steps(engine.as_mut(), 0, 3, |step| control(step, 1.0, 0.01));
            (records, engine.save().unwrap())
        };
        let (whole, state) = with_parts_of(50);
        // The last part is a short one.
        for size in [25, 20, 7] {
            let (parts, state_of_parts) = with_parts_of(size);
            assert_eq!(state_of_parts.optimizer_steps, 3);
            for (part, whole) in parts.iter().zip(&whole) {
                assert_eq!((part.step, part.examples, part.correct), (whole.step, whole.examples, whole.correct));
                assert!((part.loss / whole.loss - 1.0).abs() < 1e-4, "{} for {}", part.loss, whole.loss);
            }
            let error = difference(&state_of_parts, &state);
            assert!(error < 1e-3, "parts of {size}: {error:e}");
        }
    });
}

/// Running statistics have seen each part, as in PyTorch; and a step of parts repeats itself.
#[test]
fn batch_normalisation_sees_the_parts() {
    on_each(|target| {
        let after = |batch_size| {
            let mut engine = build(EngineJob { batch_size, ..job(TaskName::Cifar100, ADAMW, 0) }, target).unwrap();
            steps(engine.as_mut(), 0, 1, |step| control(step, 1.0, 0.0));
            engine.save().unwrap()
        };
        let (whole, halves) = (after(50), after(25));
        let mean = |state: &aees_train::engine::EngineState| state.tensors["model.bn1.running_mean"].values.clone();
        // A momentum of 0.1: after one batch a tenth of its mean, after two halves 0.09 of the first and 0.1 of the second.
        let ratios: Vec<f32> = mean(&halves).iter().zip(mean(&whole)).map(|(halves, whole)| halves / whole).collect();
        assert!(ratios.iter().all(|ratio| (1.5..2.3).contains(ratio)), "{ratios:?}");
        assert!(difference(&after(25), &halves) <= super::tolerance(target).repeated);
    });
}
