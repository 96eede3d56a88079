//! What an engine saves: by PyTorch's names, enough to go on, and good for every other engine.

use std::collections::BTreeSet;

use aees_models::TensorKind;
use aees_run::settings::TaskName;
use aees_train::engine::build;
use aees_train::optimizer::SlotKind;

use super::{
    ADAMW, FEW, SGD, assert_same, control, difference, image_engine, job, of_some_seed, on_each, steps, steps_of,
    targets, tolerance,
};

#[test]
fn an_engine_starts_from_the_tensors_of_its_job() {
    on_each(|target| {
        for task in [TaskName::Cifar100, TaskName::AgNews] {
            let job = job(task, ADAMW, 4);
            let saved = build(job.clone(), target).unwrap().save().unwrap();
            let named = job.tensors.into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor));
            assert!(saved.tensors == named.collect() && saved.optimizer_steps == 0);
        }
    });
}

#[test]
fn slots_go_by_the_names_and_shapes_of_their_parameters() {
    on_each(|target| {
        for optimizer in [ADAMW, SGD] {
            let tensors = job(TaskName::Cifar100, optimizer, 0).model.tensors();
            let mut engine = image_engine(target, optimizer, 0);
            steps(engine.as_mut(), 0, 2, |step| control(step, 1.0, 0.0));
            let saved = engine.save().unwrap();
            assert_eq!(saved.optimizer_steps, 2);
            let mut expected = BTreeSet::new();
            for info in &tensors {
                expected.insert((format!("model.{}", info.name), info.shape.clone()));
                for kind in SlotKind::of(&optimizer.kind).iter().filter(|_| info.kind == TensorKind::Parameter) {
                    expected.insert((format!("optimizer.{}.{}", info.name, kind.name()), info.shape.clone()));
                }
            }
            let found = saved.tensors.into_iter().map(|(name, tensor)| (name, tensor.shape));
            assert_eq!(found.collect::<BTreeSet<_>>(), expected);
        }
    });
}

#[test]
fn a_restored_engine_goes_on_as_the_unbroken_one() {
    on_each(|target| {
        for optimizer in [ADAMW, SGD] {
            let noisy = |step| control(step, 2.0, if step % 2 == 0 { 0.01 } else { 0.0 });
            let mut whole = image_engine(target, optimizer, 0);
            let records = steps(whole.as_mut(), 0, 10, noisy);
            let mut first = image_engine(target, optimizer, 0);
            steps(first.as_mut(), 0, 5, noisy);
            let saved = first.save().unwrap();
            // Everything but the seeds must come from the saved state.
            let mut second = image_engine(target, optimizer, 0);
            steps(second.as_mut(), 0, 3, noisy);
            second.load(&saved).unwrap();
            let rest = steps(second.as_mut(), 5, 10, noisy);
            assert_same(&second.save().unwrap(), &whole.save().unwrap(), target);
            if tolerance(target).repeated == 0.0 {
                assert_eq!(rest, records[5..]);
            }
        }
    });
}

/// From every engine and device to every other one, and to another instance of the same.
#[test]
fn a_checkpoint_of_one_engine_is_one_of_all() {
    let noisy = |step| control(step, 1.0, 0.01);
    for source in targets() {
        on_each(|target| {
            let error = of_some_seed(|seed| {
                let mut first = image_engine(&source, ADAMW, seed);
                steps_of(FEW, first.as_mut(), 0..3, noisy);
                let saved = first.save().unwrap();
                let mut second = image_engine(target, ADAMW, seed);
                second.load(&saved).unwrap();
                assert_eq!(second.save().unwrap(), saved);
                steps_of(FEW, first.as_mut(), 3..5, noisy);
                steps_of(FEW, second.as_mut(), 3..5, noisy);
                difference(&second.save().unwrap(), &first.save().unwrap())
            });
            let bound = tolerance(&source).repeated.max(tolerance(target).repeated);
            assert!(error <= bound, "differs by {error} from {}", source.device.describe());
        });
    }
}

#[test]
fn a_saved_engine_is_not_changed_by_saving() {
    on_each(|target| {
        let mut engine = image_engine(target, SGD, 0);
        steps(engine.as_mut(), 0, 3, |step| control(step, 1.0, 0.0));
        let once = engine.save().unwrap();
        assert_eq!(once, engine.save().unwrap());
        engine.load(&once).unwrap();
        assert_eq!(once, engine.save().unwrap());
    });
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    on_each(|target| {
        let mut engine = image_engine(target, ADAMW, 0);
        steps(engine.as_mut(), 0, 1, |step| control(step, 1.0, 0.0));
        let good = engine.save().unwrap();
        let mut refused = |change: &dyn Fn(&mut aees_models::NamedTensors)| {
            let mut state = good.clone();
            change(&mut state.tensors);
            engine.load(&state).unwrap_err().to_string()
        };
        let missing = refused(&|tensors| drop(tensors.remove("model.fc.bias")));
        assert!(missing.contains("lack the tensor `fc.bias`"), "{missing}");
        let other = refused(&|tensors| {
            let tensor = tensors.get_mut("model.conv1.weight").unwrap();
            tensor.shape[0] = 2;
            tensor.values.truncate(2 * 27);
        });
        assert!(other.contains("`conv1.weight`: expected shape [4, 3, 3, 3], found [2, 3, 3, 3]"), "{other}");
        let slotless = refused(&|tensors| {
            tensors.retain(|name, _| !name.ends_with("exp_avg_sq"));
            tensors.get_mut("model.bn1.running_mean").unwrap().values[0] += 1.0;
        });
        assert!(slotless.contains("conv1.weight.exp_avg_sq does not fit: it is missing"), "{slotless}");
        let numbered = refused(&|tensors| {
            let slot = tensors.remove("optimizer.fc.bias.exp_avg").unwrap();
            tensors.remove("optimizer.fc.bias.exp_avg_sq");
            tensors.insert("optimizer.61.exp_avg".into(), slot);
        });
        assert!(numbered.contains("61.exp_avg does not fit"), "{numbered}");
        let unknown = refused(&|tensors| drop(tensors.insert("momentum".into(), tensors["model.fc.bias"].clone())));
        assert!(unknown.contains("unknown tensor momentum"), "{unknown}");
        assert_eq!(engine.save().unwrap(), good, "a refused state changes nothing");
    });
}
