//! Training a classifier of sentences.

use aees_run::settings::Precision;
use aees_train::engine::{Split, select};

use super::{assert_same, control, on_each, steps, text_engine, tolerance};

#[test]
fn a_text_engine_gives_on_every_device_what_the_cpu_gives() {
    let cpu = select("burn", "cpu", Precision::F32).unwrap();
    on_each(|target| {
        let (mut here, mut there) = (text_engine(target, 3), text_engine(&cpu, 3));
        let of = |step| control(step, 1.0, 0.01);
        let (ours, theirs) = (steps(here.as_mut(), 0, 6, of), steps(there.as_mut(), 0, 6, of));
        let bound = tolerance(target);
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a.loss - b.loss).abs() < bound.loss * b.loss, "step {}: {} and {}", a.step, a.loss, b.loss);
        }
        for split in [Split::Validation, Split::Test] {
            let (ours, theirs) = (here.predict(split).unwrap(), there.predict(split).unwrap());
            let alike = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
            assert!(alike as f64 / theirs.len() as f64 > bound.agreement, "{split:?}: {alike} of {}", theirs.len());
        }
    });
}

#[test]
fn a_text_engine_goes_on_from_a_saved_state_with_the_same_dropout() {
    on_each(|target| {
        let of = |step| control(step, 2.0, 0.01);
        let mut whole = text_engine(target, 5);
        steps(whole.as_mut(), 0, 8, of);
        let mut first = text_engine(target, 5);
        steps(first.as_mut(), 0, 3, of);
        let saved = first.save().unwrap();
        let mut second = text_engine(target, 9);
        second.load(&saved).unwrap();
        steps(second.as_mut(), 3, 8, of);
        // The seed of noise and dropout is the engine's own: the second half of another seed differs, that of the same does not.
        let mut same = text_engine(target, 5);
        same.load(&saved).unwrap();
        steps(same.as_mut(), 3, 8, of);
        assert_same(&same.save().unwrap(), &whole.save().unwrap(), target);
        assert!(second.save().unwrap() != whole.save().unwrap());
    });
}
