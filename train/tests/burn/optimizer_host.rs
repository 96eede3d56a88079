//! The step on the host: no copies, no dependence on threads, and a state that continues to the bit.

use aees_models::burn::Embedding;
use aees_train::engine::burn::optimizer::{Optimizer, OptimizerError, SquaredNorm};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, SlotKind, StepControl};
use burn::Tensor;
use burn::module::Param;
use burn::tensor::{Device, Int, TensorData};

use super::devices;
use super::model::{LARGE, Model, SMALL, assert_close, read, values};

const ADAMW: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01, max_gradient_norm: None };
const MOMENTUM: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4, max_gradient_norm: None };
const PLAIN: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };

const CLIPPED: OptimizerConfig = OptimizerConfig { max_gradient_norm: Some(20.0), ..MOMENTUM };

fn noisy(step: u64) -> StepControl {
    StepControl { learning_rate: 0.01, multiplier: 2.0, noise_std: 0.1, step }
}

fn fresh() -> Model {
    LARGE.model(LARGE.values(1), &Device::flex().autodiff())
}

fn optimizer(config: OptimizerConfig) -> Optimizer {
    Optimizer::new(config, 3, &fresh())
}

/// Steps `from..to`, each with its own gradients and noise; gives the model and the norms.
fn run(optimizer: &mut Optimizer, mut model: Model, steps: std::ops::Range<u64>) -> (Model, Vec<f64>) {
    let mut norms = Vec::new();
    for step in steps {
        let (stepped, norm) = LARGE.step(optimizer, model, &LARGE.values(100 + step as u32), &noisy(step));
        model = stepped;
        norms.push(read(norm));
    }
    (model, norms)
}

/// Address of the buffer of a parameter that nobody else holds.
fn address(param: Param<Tensor<1>>) -> (*const f32, Param<Tensor<1>>) {
    let (id, tensor, mapper) = param.consume();
    let device = tensor.device();
    let data = tensor.inner().into_data();
    let address = data.as_slice::<f32>().unwrap().as_ptr();
    (address, Param::from_mapped_value(id, Tensor::from_data(data, &device).require_grad(), mapper))
}

/// The parameter keeps its memory from step to step, also after a forward and a backward pass have used it; only while
/// somebody else holds it must it move.
#[test]
fn a_step_copies_no_parameter() {
    for config in [ADAMW, MOMENTUM, PLAIN] {
        let values: Vec<f32> = (0..70_000).map(|index| index as f32 * 1e-5).collect();
        let device = Device::flex().autodiff();
        let param = Param::<Tensor<1>>::from_data(TensorData::new(values, [70_000]), &device);
        let mut optimizer = Optimizer::new(config, 3, &param);
        let (first, mut param) = address(param);
        for step in 0..3 {
            let loss = (param.val().exp() * param.val()).sum();
            let (stepped, _) = optimizer.step(param, loss.backward(), &noisy(step)).unwrap();
            let (after, stepped) = address(stepped);
            assert_eq!(after, first);
            param = stepped;
        }
        let held = param.val();
        let loss = param.val().sum();
        let (stepped, _) = optimizer.step(param, loss.backward(), &noisy(3)).unwrap();
        assert_ne!(address(stepped).0, first);
        assert_eq!(held.dims(), [70_000]);
    }
}

/// Somebody who holds a copy of the model keeps the old values.
#[test]
fn a_cloned_model_is_not_touched() {
    let model = fresh();
    let mut optimizer = Optimizer::new(ADAMW, 3, &model);
    let kept = model.clone();
    let (model, _) = run(&mut optimizer, model, 0..2);
    assert_eq!(values(&kept), LARGE.values(1));
    assert_ne!(values(&model), LARGE.values(1));
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    for config in [ADAMW, MOMENTUM, CLIPPED] {
        let results = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (model, norms) = run(&mut optimizer(config), fresh(), 0..3);
                (values(&model), norms)
            })
        });
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}

/// With a rate of 1 the change is the gradient: noise is added to what was clipped, and is not clipped itself.
#[test]
fn gradients_are_clipped_to_the_norm_before_noise_is_added() {
    let gradients = LARGE.values(2);
    let norm = gradients.iter().flatten().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    for (max_norm, factor) in [(20.0, 20.0 / norm), (2.0 * norm, 1.0)] {
        let config = OptimizerConfig { max_gradient_norm: Some(max_norm), ..PLAIN };
        let change = |noise_std, config| {
            let control = StepControl { learning_rate: 1.0, multiplier: 1.0, noise_std, step: 0 };
            let model = LARGE.model(LARGE.lengths().map(|length| vec![0.0; length]), &Device::flex().autodiff());
            let mut optimizer = Optimizer::new(config, 3, &model);
            let loss = LARGE.loss(&model, &gradients);
            let (model, norms) = optimizer.step(model, loss.backward(), &control).unwrap();
            let squared = norms.gradient.map(read);
            assert!(squared.is_none_or(|squared| (squared.sqrt() / norm - 1.0).abs() < 1e-9), "{squared:?}");
            values(&model)
        };
        let (quiet, loud, noise) = (change(0.0, config), change(0.5, config), change(0.5, PLAIN));
        let expected = gradients.clone().map(|tensor| tensor.iter().map(|value| -*value * factor as f32).collect());
        assert_close(&quiet, &expected, 1e-6, 1.0, "clipped");
        let noise = [0, 1, 2].map(|at| {
            let elements = noise[at].iter().zip(&gradients[at]).zip(&quiet[at]);
            elements.map(|((noised, gradient), quiet)| noised + gradient + quiet).collect()
        });
        assert_close(&loud, &noise, 1e-5, 1.0, "noise on top");
    }
}

/// The gradients of micro-batches are those of their sum, whichever of them has which, and are gone after the step.
#[test]
fn gradients_that_were_kept_are_added_to_the_steps_own() {
    for config in [ADAMW, CLIPPED] {
        let (first, second) = (LARGE.values(5), LARGE.values(6));
        let sum = [0, 1, 2].map(|at| first[at].iter().zip(&second[at]).map(|(one, other)| one + other).collect());
        let (whole, _) = LARGE.step(&mut optimizer(config), fresh(), &sum, &noisy(0));
        let (mut parts, model) = (optimizer(config), fresh());
        parts.accumulate(&model, LARGE.loss(&model, &first).backward()).unwrap();
        let (model, _) = LARGE.step(&mut parts, model, &second, &noisy(0));
        assert_eq!(values(&model), values(&whole));
        assert_eq!(parts.step_count(), 1);
        // Only the vector has a gradient in the part, and the others in the step.
        let mut parts = optimizer(config);
        let model = fresh();
        let alone = (model.vector.val()
            * Tensor::<1>::from_data(TensorData::new(first[1].clone(), [300]), &model.vector.device()))
        .sum();
        parts.accumulate(&model, alone.backward()).unwrap();
        let rest = [second[0].clone(), second[1].clone(), second[2].clone()];
        let (stepped, _) = LARGE.step(&mut parts, model, &rest, &noisy(0));
        let mixed = [second[0].clone(), sum[1].clone(), second[2].clone()];
        assert_eq!(values(&stepped), values(&LARGE.step(&mut optimizer(config), fresh(), &mixed, &noisy(0)).0));
    }
}

#[test]
fn a_restored_optimizer_continues_to_the_bit() {
    for config in [ADAMW, MOMENTUM, PLAIN] {
        let straight = run(&mut optimizer(config), fresh(), 0..6);

        let mut first = optimizer(config);
        let (model, mut norms) = run(&mut first, fresh(), 0..3);
        let slots = first.slots().unwrap();
        assert_eq!(first.step_count(), 3);
        assert_eq!(slots.len(), 3 * SlotKind::of(&config.kind).len());

        let model = LARGE.model(values(&model), &Device::flex().autodiff());
        let mut second = optimizer(config);
        second.restore(3, slots.clone()).unwrap();
        assert_eq!((second.step_count(), second.slots().unwrap()), (3, slots));
        let (model, rest) = run(&mut second, model, 3..6);
        norms.extend(rest);
        assert_eq!((values(&model), norms), (values(&straight.0), straight.1));
    }
}

/// With m = 1 and s = 0 nothing of AEES is left: other seeds and steps change no bit.
#[test]
fn without_noise_seed_and_step_do_not_matter() {
    let result = |seed: u64, first_step: u64| {
        let mut model = fresh();
        let mut optimizer = Optimizer::new(ADAMW, seed, &model);
        for step in 0..2_u64 {
            let control = StepControl::plain(0.01, first_step + step);
            (model, _) = LARGE.step(&mut optimizer, model, &LARGE.values(50 + step as u32), &control);
        }
        values(&model)
    };
    assert_eq!(result(0, 0), result(9, 1000));
}

/// The multiplier is the same as a scheduled learning rate of that height.
#[test]
fn the_multiplier_scales_the_learning_rate() {
    let result = |learning_rate, multiplier| {
        let control = StepControl { learning_rate, multiplier, noise_std: 0.0, step: 0 };
        let (model, norm) = LARGE.step(&mut optimizer(MOMENTUM), fresh(), &LARGE.values(2), &control);
        (values(&model), read(norm))
    };
    assert_eq!(result(0.25, 2.0), result(0.5, 1.0));
}

#[test]
fn the_norm_is_that_of_the_change() {
    for config in [ADAMW, MOMENTUM, PLAIN] {
        let (model, norms) = run(&mut optimizer(config), fresh(), 0..1);
        let pairs = values(&model).into_iter().flatten().zip(LARGE.values(1).into_iter().flatten());
        let expected: f64 = pairs.map(|(new, old)| f64::from(new - old).powi(2)).sum();
        assert!((norms[0] / expected - 1.0).abs() < 1e-6, "{} for {expected}", norms[0]);
    }
}

/// Parameter, step and seed each change the noise; the same three repeat it.
#[test]
fn noise_is_a_function_of_seed_parameter_and_step() {
    let zero = LARGE.lengths().map(|length| vec![0.0; length]);
    let draw = |seed, step| {
        let control = StepControl { learning_rate: -1.0, multiplier: 1.0, noise_std: 1.0, step };
        let model = LARGE.model(zero.clone(), &Device::flex().autodiff());
        let mut optimizer = Optimizer::new(PLAIN, seed, &model);
        let (model, _) = LARGE.step(&mut optimizer, model, &zero, &control);
        values(&model)
    };
    let noise = draw(1, 5);
    assert_eq!(noise, draw(1, 5));
    assert_ne!(noise, draw(2, 5));
    assert_ne!(noise, draw(1, 6));
    assert_ne!(noise, draw(1, 5 + (1 << 32)));
    assert_ne!(noise[0][..300], noise[1][..300]);
    assert!(noise.iter().flatten().all(|value| value.is_finite() && value.abs() < 7.0));
}

/// A pass that uses few rows of a large table keeps the gradients of those alone; the steps are those with all of them.
#[test]
fn the_gradients_of_few_rows_are_as_good_as_all() {
    const ROWS: usize = 2_100;
    const WIDTH: usize = 500;
    let device = Device::flex().autodiff();
    let steps = |config: OptimizerConfig, noise_std: f64, few: bool| {
        let weight = (0..ROWS * WIDTH).map(|index| (index % 97) as f32 * 0.01).collect();
        let weight = Param::<Tensor<2>>::from_data(TensorData::new(weight, [ROWS, WIDTH]), &device);
        let mut table = Embedding { weight };
        let mut optimizer = Optimizer::new(config, 3, &table);
        let mut norms = Vec::new();
        for step in 0..3 {
            // A step of one batch, and steps of several.
            for batch in 0..=step {
                let entries = [3, ROWS - 1, 3, 700 + batch, 0, 40 * step, 41].map(|entry| entry as i64);
                let entries = Tensor::<1, Int>::from_data(entries, &device);
                let used = if few { table.forward(entries) } else { table.weight.val().select(0, entries) };
                let gradients = used.powf_scalar(3.0).sum().backward();
                let rows = table.weight.val().grad(&gradients).unwrap().dims()[0];
                assert!(if few { rows <= 6 } else { rows == ROWS }, "{rows}");
                optimizer.accumulate(&table, gradients).unwrap();
            }
            let control = StepControl { noise_std, ..noisy(step as u64) };
            let (stepped, norm) = optimizer.apply(table, &control).unwrap();
            table = stepped;
            norms.extend(SquaredNorm::read_all(norm.gradient.into_iter().chain([norm.update]).collect()).unwrap());
        }
        let weight = table.weight.val().into_data();
        (weight.as_slice::<f32>().unwrap().iter().map(|value| value.to_bits()).collect::<Vec<_>>(), norms)
    };
    for config in [ADAMW, MOMENTUM, PLAIN, CLIPPED] {
        for noise_std in [0.0, 0.1] {
            assert!(steps(config, noise_std, true) == steps(config, noise_std, false), "{config:?}, {noise_std}");
        }
    }
}

#[test]
fn a_state_of_another_module_or_rule_is_refused() {
    let small = SMALL.model(SMALL.values(1), &Device::flex().autodiff());
    let mut made = Optimizer::new(ADAMW, 0, &small);
    let (small, _) = SMALL.step(&mut made, small, &SMALL.values(2), &noisy(0));
    let slots = made.slots().unwrap();

    let refused = |mut optimizer: Optimizer, slots| {
        let error = optimizer.restore(1, slots).unwrap_err();
        assert!(matches!(error, OptimizerError::State { .. }), "{error}");
        assert_eq!(optimizer.step_count(), 0);
        error.to_string()
    };
    let message = refused(optimizer(ADAMW), slots.clone());
    assert!(message.contains("matrix.exp_avg does not fit: expected shape [123, 457], found [3, 5]"), "{message}");
    let message = refused(Optimizer::new(MOMENTUM, 0, &small), slots.clone());
    assert!(message.contains("kernel.exp_avg does not fit") && message.contains("[Momentum]"), "{message}");
    let mut missing = slots.clone();
    missing.remove("vector.exp_avg_sq");
    let message = refused(Optimizer::new(ADAMW, 0, &small), missing);
    assert!(message.contains("vector.exp_avg_sq does not fit: it is missing"), "{message}");
}

#[test]
fn another_module_than_the_optimizers_is_refused() {
    for (name, device) in devices() {
        println!("{name}");
        let device = device.autodiff();
        let large = || LARGE.model(LARGE.values(1), &device);
        let mut optimizer = Optimizer::new(MOMENTUM, 0, &large());
        run(&mut optimizer, large(), 0..1);
        let small = SMALL.model(SMALL.values(1), &device);
        let loss = small.matrix.val().sum();
        let error = optimizer.step(small, loss.backward(), &noisy(1)).unwrap_err();
        assert!(matches!(&error, OptimizerError::OtherModule { parameter, .. } if parameter == "matrix"), "{error}");
    }
}
