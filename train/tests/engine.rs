//! The suite that every engine passes, on any device: `AEES_TEST_DEVICE=cuda:0 cargo test -p aees-train --features cuda --test engine`.
//! Without the variable it runs on the CPU.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aees_models::{ResNet18Config, cross_entropy, load, tensors};
use aees_run::settings::{RunConfig, TaskName};
use aees_tasks::{Cifar100, Cifar100Config, DataSource, EpochPlan, Purpose, stream};
use aees_train::engine::burn::BurnEngine;
use aees_train::engine::device::{DeviceChoice, Found, find};
use aees_train::engine::images::ImageWorkload;
use aees_train::engine::{Engine, EngineState, Split, StepControl, StepRecord};
use aees_train::optimizer::{Optimizer, OptimizerConfig, OptimizerKind, SquaredNorm};
use aees_train::session::load_task;
use aees_train::training_task::{EngineSetup, TrainingTask};
use burn::tensor::{Int, Tensor, TensorData};
use rand::SeedableRng;
use safetensors::SafeTensors;

const SGD: OptimizerConfig = OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 1e-4 };
const ADAMW: OptimizerConfig = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 1e-4 };

fn device() -> Found {
    let name = std::env::var("AEES_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    find(name.parse::<DeviceChoice>().unwrap()).unwrap()
}

fn data() -> Arc<Cifar100> {
    let config = Cifar100Config {
        source: DataSource::Synthetic,
        limit_train: Some(200),
        limit_eval: Some(150),
        ..Cifar100Config::default()
    };
    Arc::new(config.load().unwrap())
}

fn engine(optimizer: OptimizerConfig, seed: u64) -> Box<dyn Engine> {
    let found = device();
    let config = ResNet18Config { base_width: 4, classes: 100 };
    let streams = |parameter: usize| stream(seed, Purpose::InitialParameters, parameter as u64);
    let network = config.init(streams, &found.device.clone().autodiff());
    let host = found.is_host();
    let images = ImageWorkload::new(data(), &found.device, !host);
    Box::new(BurnEngine::new(images, network, optimizer, seed, 64, host))
}

fn control(step: u64, multiplier: f64, noise_std: f64) -> StepControl {
    StepControl { learning_rate: 0.01, multiplier, noise_std, step }
}

/// Steps `from..to` over the batches of the first epochs, then a drain.
fn steps(engine: &mut dyn Engine, from: u64, to: u64, of: impl Fn(u64) -> StepControl) -> Vec<StepRecord> {
    let mut records = Vec::new();
    for step in from..to {
        let plan = EpochPlan::new(0, step / 4, 200);
        engine.step(plan.batch((step % 4) as usize, 50).unwrap(), &of(step)).unwrap();
    }
    engine.drain(&mut records).unwrap();
    records
}

/// Largest difference of two states, relative to the largest value of each tensor.
fn difference(a: &EngineState, b: &EngineState) -> f32 {
    assert_eq!(a.tensors.keys().collect::<Vec<_>>(), b.tensors.keys().collect::<Vec<_>>());
    let of = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let scale = b.iter().fold(f32::MIN_POSITIVE, |scale, value| scale.max(value.abs()));
        a.iter().zip(b).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) / scale
    };
    a.tensors.values().zip(b.tensors.values()).map(|(a, b)| of((&a.values, &b.values))).fold(0.0, f32::max)
}

/// Equal to the bit on the CPU, close on a GPU, whose kernels may add in another order.
fn assert_same(a: &EngineState, b: &EngineState) {
    if device().is_host() {
        assert!(a == b, "differs by {}", difference(a, b));
    } else {
        assert!(difference(a, b) < 1e-3, "differs by {}", difference(a, b));
    }
}

#[test]
fn a_drain_gives_all_steps_in_order_and_learning_happens() {
    let mut engine = engine(ADAMW, 0);
    let records = steps(engine.as_mut(), 0, 60, |step| control(step, 1.0, 0.0));
    assert_eq!(records.iter().map(|record| record.step).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    assert!(records.iter().all(|record| record.examples == 50 && record.correct <= 50 && record.update_norm > 0.0));
    assert!((records[0].loss - 100_f64.ln()).abs() < 1.0, "the first loss is near ln(100): {}", records[0].loss);
    let mean = |records: &[StepRecord]| records.iter().map(|record| record.loss).sum::<f64>() / records.len() as f64;
    let (first, last) = (mean(&records[..8]), mean(&records[52..]));
    assert!(last < first - 0.3, "{first} to {last}");
    let mut none = Vec::new();
    engine.drain(&mut none).unwrap();
    assert_eq!(none, []);
}

#[test]
fn a_restored_engine_goes_on_as_the_unbroken_one() {
    for optimizer in [ADAMW, SGD] {
        let noisy = |step| control(step, 2.0, if step % 2 == 0 { 0.01 } else { 0.0 });
        let mut whole = engine(optimizer, 0);
        let records = steps(whole.as_mut(), 0, 10, noisy);
        let mut first = engine(optimizer, 0);
        steps(first.as_mut(), 0, 5, noisy);
        let saved = first.save().unwrap();
        // Another seed: everything must come from the saved state. The noise is keyed by the run's seed, so it is set alike.
        let mut second = engine(optimizer, 0);
        steps(second.as_mut(), 0, 3, noisy);
        second.load(&saved).unwrap();
        let rest = steps(second.as_mut(), 5, 10, noisy);
        assert_same(&second.save().unwrap(), &whole.save().unwrap());
        if device().is_host() {
            assert_eq!(rest, records[5..]);
        }
    }
}

#[test]
fn a_saved_engine_is_not_changed_by_saving() {
    let mut engine = engine(SGD, 0);
    steps(engine.as_mut(), 0, 3, |step| control(step, 1.0, 0.0));
    let once = engine.save().unwrap();
    assert_eq!(once, engine.save().unwrap());
    engine.load(&once).unwrap();
    assert_eq!(once, engine.save().unwrap());
}

#[test]
fn a_multiplier_is_a_learning_rate_and_no_noise_is_no_change() {
    let mut multiplied = engine(SGD, 0);
    steps(multiplied.as_mut(), 0, 4, |step| control(step, 2.0, 0.0));
    let mut scaled = engine(SGD, 0);
    steps(scaled.as_mut(), 0, 4, |step| StepControl { learning_rate: 0.02, ..control(step, 1.0, 0.0) });
    assert_same(&multiplied.save().unwrap(), &scaled.save().unwrap());
}

#[test]
fn noise_depends_on_the_seed_and_the_step_and_moves_the_weights_by_its_size() {
    let mut plain = engine(SGD, 0);
    let mut noisy = engine(SGD, 0);
    let quiet = steps(plain.as_mut(), 0, 1, |step| control(step, 1.0, 0.0));
    let loud = steps(noisy.as_mut(), 0, 1, |step| control(step, 1.0, 1.0));
    assert_eq!(quiet[0].loss, loud[0].loss, "the loss is that before the update");
    // With unit noise on n parameters the update is dominated by lr * sqrt(n).
    let parameters: usize = plain
        .save()
        .unwrap()
        .tensors
        .iter()
        .filter(|(name, _)| name.starts_with("optimizer."))
        .map(|(_, array)| array.values.len())
        .sum();
    let expected = 0.01 * (parameters as f64).sqrt();
    assert!((loud[0].update_norm / expected - 1.0).abs() < 0.05, "{} of {expected}", loud[0].update_norm);
    assert!(loud[0].update_norm > 2.0 * quiet[0].update_norm);
}

#[test]
fn predictions_cover_each_split_and_do_not_depend_on_training_mode() {
    let mut engine = engine(ADAMW, 0);
    steps(engine.as_mut(), 0, 4, |step| control(step, 1.0, 0.0));
    for (split, examples) in [(Split::Train, 200), (Split::Test, 150), (Split::Validation, 0)] {
        let predictions = engine.predict(split).unwrap();
        assert_eq!(predictions.len(), examples);
        assert!(predictions.iter().all(|class| *class < 100));
        assert_eq!(predictions, engine.predict(split).unwrap(), "an evaluation changes nothing");
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let mut engine = engine(ADAMW, 0);
    steps(engine.as_mut(), 0, 1, |step| control(step, 1.0, 0.0));
    let good = engine.save().unwrap();
    let mut missing = good.clone();
    missing.tensors.remove("model.fc.bias");
    assert!(engine.load(&missing).unwrap_err().to_string().contains("fc.bias"));
    let mut other = good.clone();
    let array = other.tensors.get_mut("model.conv1.weight").unwrap();
    array.shape[0] = 2;
    array.values.truncate(2 * 27);
    assert!(engine.load(&other).unwrap_err().to_string().contains("conv1.weight"));
    let mut slotless = good.clone();
    slotless.tensors.retain(|name, _| !name.ends_with("exp_avg_sq"));
    slotless.tensors.get_mut("model.bn1.running_mean").unwrap().values[0] += 1.0;
    assert!(engine.load(&slotless).unwrap_err().to_string().contains("ExpAvg"));
    assert_eq!(engine.save().unwrap(), good, "a refused state changes nothing");
}

/// The fixture of five PyTorch steps: see `models/tests/fixtures`.
struct FiveSteps {
    bytes: Vec<u8>,
}

impl FiveSteps {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/fixtures/resnet18_five_steps.safetensors");
        Self { bytes: std::fs::read(path).unwrap() }
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let view = self.tensors().tensor(name).unwrap();
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn labels(&self) -> Vec<i32> {
        let view = self.tensors().tensor("labels").unwrap();
        view.data().chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as i32).collect()
    }

    /// Tensors under a prefix, by their name without it.
    fn under(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        let all = self.tensors();
        let named = all.iter().filter_map(|(name, view)| {
            let short = name.strip_prefix(prefix)?;
            Some((short.to_owned(), TensorData::new(self.floats(name), view.shape().to_vec())))
        });
        named.collect()
    }
}

/// |a - b| over the largest |b|.
fn relative(a: &[f32], b: &[f32]) -> f64 {
    let scale = b.iter().fold(f64::MIN_POSITIVE, |scale, value| scale.max(f64::from(value.abs())));
    a.iter().zip(b).fold(0.0_f64, |worst, (a, b)| worst.max(f64::from((a - b).abs()))) / scale
}

#[test]
fn five_optimizer_steps_are_pytorchs() {
    let fixture = FiveSteps::read();
    let (images, labels) = (fixture.floats("images"), fixture.labels());
    let device = device().device.autodiff();
    let adamw = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 1e-4 };
    for (name, config, rate) in [("adamw", adamw, 1e-3), ("sgd", SGD, 0.05)] {
        let config_of_model = ResNet18Config { base_width: 4, classes: 10 };
        let streams = |parameter: usize| rand::rngs::Xoshiro256PlusPlus::seed_from_u64(parameter as u64);
        let mut model = load(config_of_model.init(streams, &device), &fixture.under("initial.")).unwrap();
        let mut optimizer = Optimizer::new(config, 0);
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        for step in 0..5 {
            let pixels = images[step * 4 * 3072..(step + 1) * 4 * 3072].to_vec();
            let input = Tensor::<4>::from_data(TensorData::new(pixels, [4, 3, 32, 32]), &device);
            let target = labels[step * 4..(step + 1) * 4].to_vec();
            let target = Tensor::<1, Int>::from_data(TensorData::new(target, [4]), &device);
            let loss = cross_entropy(model.forward(input), target);
            losses.push(loss.clone().into_scalar::<f32>());
            let (stepped, norm) =
                optimizer.step(model, loss.backward(), &StepControl::plain(rate, step as u64)).unwrap();
            model = stepped;
            norms.push(norm);
        }
        let norms: Vec<f32> = SquaredNorm::read_all(norms).unwrap().iter().map(|norm| norm.sqrt() as f32).collect();
        assert!(relative(&losses, &fixture.floats(&format!("{name}.losses"))) < 1e-4, "{name} losses");
        assert!(relative(&norms, &fixture.floats(&format!("{name}.update_norms"))) < 1e-4, "{name} update norms");
        let expected = fixture.under(&format!("{name}.after."));
        for tensor in tensors(&model) {
            let found = tensor.data.try_into_vec::<f32>().unwrap();
            let wanted = expected[&tensor.name].clone().try_into_vec::<f32>().unwrap();
            let error = relative(&found, &wanted);
            assert!(error < 1e-4, "{name}: {} differs by {error:e}", tensor.name);
        }
    }
}

/// The engine of a tiny text run on made-up sentences, with its task.
fn text_task() -> Box<dyn TrainingTask> {
    let mut config = RunConfig::new(TaskName::AgNews);
    for setting in
        ["data=synthetic", "limit_train=200", "limit_eval=40", "model_layers=2", "model_dim=16", "max_length=24"]
    {
        config.assign(setting).unwrap();
    }
    load_task(&config, &mut []).unwrap()
}

fn text_engine(task: &dyn TrainingTask, device: &Found, seed: u64) -> Box<dyn Engine> {
    let setup = EngineSetup { device, optimizer: ADAMW, seed, batch_size: 50 };
    task.engine(&setup).unwrap().engine
}

#[test]
fn a_text_engine_gives_on_every_device_what_the_cpu_gives() {
    let task = text_task();
    let cpu = find("cpu".parse::<DeviceChoice>().unwrap()).unwrap();
    let (mut here, mut there) = (text_engine(&*task, &device(), 3), text_engine(&*task, &cpu, 3));
    let of = |step| control(step, 1.0, 0.01);
    let (ours, theirs) = (steps(here.as_mut(), 0, 6, of), steps(there.as_mut(), 0, 6, of));
    for (a, b) in ours.iter().zip(&theirs) {
        assert!((a.loss - b.loss).abs() < 1e-3 * b.loss, "step {}: {} and {}", a.step, a.loss, b.loss);
    }
    let mut agree = |split| {
        let pairs = here.predict(split).unwrap().into_iter().zip(there.predict(split).unwrap());
        let pairs: Vec<_> = pairs.collect();
        pairs.iter().filter(|(a, b)| a == b).count() as f64 / pairs.len() as f64
    };
    assert!(agree(Split::Validation) > 0.95);
    assert!(agree(Split::Test) > 0.95);
}

#[test]
fn a_text_engine_goes_on_from_a_saved_state_with_the_same_dropout() {
    let (task, device) = (text_task(), device());
    let of = |step| control(step, 2.0, 0.01);
    let mut whole = text_engine(&*task, &device, 5);
    steps(whole.as_mut(), 0, 8, of);
    let mut first = text_engine(&*task, &device, 5);
    steps(first.as_mut(), 0, 3, of);
    let saved = first.save().unwrap();
    let mut second = text_engine(&*task, &device, 9);
    second.load(&saved).unwrap();
    steps(second.as_mut(), 3, 8, of);
    // The seed of noise and dropout is the engine's own: the second half of another seed differs, that of the same does not.
    let mut same = text_engine(&*task, &device, 5);
    same.load(&saved).unwrap();
    steps(same.as_mut(), 3, 8, of);
    assert_same(&same.save().unwrap(), &whole.save().unwrap());
    assert!(second.save().unwrap() != whole.save().unwrap());
}
