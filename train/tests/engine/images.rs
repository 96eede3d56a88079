//! Training a network of images, step by step.

use aees_run::settings::TaskName;
use aees_train::engine::{EngineData, EngineError, Split, StepControl, build};

use super::{ADAMW, SGD, assert_same, control, image_engine, job, on_each, steps, text_engine};

#[test]
fn a_drain_gives_all_steps_in_order_and_learning_happens() {
    on_each(|target| {
        let mut engine = image_engine(target, ADAMW, 0);
        let records = steps(engine.as_mut(), 0, 60, |step| control(step, 1.0, 0.0));
        assert_eq!(records.iter().map(|record| record.step).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
        assert!(records.iter().all(|record| record.examples == 50 && record.correct <= 50 && record.update_norm > 0.0));
        assert!((records[0].loss - 100_f64.ln()).abs() < 1.0, "the first loss is near ln(100): {}", records[0].loss);
        let mean = |from: usize| records[from..from + 8].iter().map(|record| record.loss).sum::<f64>() / 8.0;
        assert!(mean(52) < mean(0) - 0.3, "{} to {}", mean(0), mean(52));
        let mut none = Vec::new();
        engine.drain(&mut none).unwrap();
        assert_eq!(none, []);
    });
}

#[test]
fn a_multiplier_is_a_learning_rate_and_no_noise_is_no_change() {
    on_each(|target| {
        let mut multiplied = image_engine(target, SGD, 0);
        steps(multiplied.as_mut(), 0, 4, |step| control(step, 2.0, 0.0));
        let mut scaled = image_engine(target, SGD, 0);
        steps(scaled.as_mut(), 0, 4, |step| StepControl { learning_rate: 0.02, ..control(step, 1.0, 0.0) });
        assert_same(&multiplied.save().unwrap(), &scaled.save().unwrap(), target);
    });
}

#[test]
fn predictions_cover_each_split_and_do_not_depend_on_training_mode() {
    on_each(|target| {
        let mut engine = image_engine(target, ADAMW, 0);
        steps(engine.as_mut(), 0, 4, |step| control(step, 1.0, 0.0));
        for (split, examples) in [(Split::Train, 200), (Split::Test, 150), (Split::Validation, 0)] {
            let predictions = engine.predict(split).unwrap();
            assert_eq!(predictions.len(), examples);
            assert!(predictions.iter().all(|class| *class < 100));
            assert_eq!(predictions, engine.predict(split).unwrap(), "an evaluation changes nothing");
        }
    });
}

#[test]
fn logits_are_those_that_predictions_are_made_of() {
    on_each(|target| {
        for mut engine in [image_engine(target, ADAMW, 0), text_engine(target, 3)] {
            steps(engine.as_mut(), 0, 4, |step| control(step, 1.0, 0.0));
            let before = engine.save().unwrap();
            let predictions = engine.predict(Split::Train).unwrap();
            let range = 16..40;
            let logits = engine.logits(Split::Train, range.clone()).unwrap();
            let classes = logits.len() / range.len();
            let highest = |row: &[f32]| (0..classes).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
            let own: Vec<u32> = logits.chunks(classes).map(highest).collect();
            let alike = own.iter().zip(&predictions[range]).filter(|(a, b)| a == b).count();
            // A batch of another size may be summed in another order.
            assert!(alike + 1 >= own.len(), "{alike} of {}", own.len());
            assert_same(&engine.save().unwrap(), &before, target);
        }
    });
}

#[test]
fn a_job_that_does_not_fit_itself_is_refused() {
    on_each(|target| {
        let images = job(TaskName::Cifar100, SGD, 0);
        let EngineData::Sentences(sentences) = job(TaskName::AgNews, SGD, 0).data else { panic!("sentences") };
        let mut mixed = images.clone();
        mixed.data = EngineData::Sentences(sentences);
        assert!(matches!(build(mixed, target), Err(EngineError::Job { .. })));
        let mut incomplete = images;
        incomplete.tensors.remove("fc.bias");
        let error = build(incomplete, target).err().unwrap();
        assert_eq!(error.to_string(), "the weights lack the tensor `fc.bias`");
    });
}
