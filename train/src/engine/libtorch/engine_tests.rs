//! A device without memory, as a network that has none for more than so many examples; and steps that are staged.

use std::collections::BTreeMap;

use aees_models::{HostTensor, TensorInfo};
use aees_run::settings::Precision;
use aees_tasks::EpochPlan;

use super::*;
use crate::engine::{DeviceChoice, EngineDevice};
use crate::optimizer::{OptimizerConfig, OptimizerKind, TILE};

const EXAMPLES: usize = 40;
const SGD: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 0.0, max_gradient_norm: None };

/// Two logits that are parameters, and a running statistic.
struct ScarceNetwork {
    logits: Tensor,
    statistic: Tensor,
    /// Examples that there is memory for.
    most: usize,
    /// Labels of the batch that was staged.
    staged: Option<Tensor>,
}

impl ScarceNetwork {
    fn of(&self, examples: usize) -> Tensor {
        if examples > self.most {
            panic!("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.72 GiB.");
        }
        self.logits.unsqueeze(0).expand([examples as i64, 2], false).contiguous()
    }
}

impl Workload for ScarceNetwork {
    fn training(&mut self, batch: Batch<'_>, _key: u64) -> Result<(Tensor, Tensor), EngineError> {
        let _ = no_grad(|| self.statistic.g_add_scalar_(1.0));
        Ok((self.of(batch.indices.len()), labels(batch)))
    }

    fn stage(&mut self, batch: Batch<'_>) -> bool {
        match &mut self.staged {
            Some(staged) => staged.copy_(&labels(batch)),
            none => *none = Some(labels(batch)),
        }
        true
    }

    fn staged(&mut self) -> Result<Option<(Tensor, Tensor)>, EngineError> {
        let _ = no_grad(|| self.statistic.g_add_scalar_(1.0));
        let logits = self.of(self.staged.as_ref().map_or(0, |labels| labels.size()[0] as usize));
        Ok(self.staged.as_ref().map(|labels| (logits, labels.shallow_clone())))
    }

    fn evaluation(&mut self, _: Split, examples: Range<usize>) -> Result<Tensor, EngineError> {
        Ok(self.of(examples.len()))
    }

    fn examples(&self, _: Split) -> usize {
        EXAMPLES
    }
}

/// Whether the number of an example is odd.
fn labels(batch: Batch<'_>) -> Tensor {
    Tensor::from_slice(&batch.indices.iter().map(|index| i64::from(index % 2)).collect::<Vec<_>>())
}

/// An engine with memory for so many examples, and batches of this size.
fn engine(most: usize, batch_size: usize) -> LibtorchEngine {
    let infos = vec![TensorInfo::parameter("logits", [2]), TensorInfo::buffer("statistic", [1])];
    let values = infos.iter().map(|info| {
        let values = vec![0.5; info.elements()];
        (info.name.clone(), HostTensor { shape: info.shape.clone(), values })
    });
    let values: BTreeMap<_, _> = values.collect();
    let tensors = NetworkTensors::new(infos, &values, TILE, Device::Cpu).unwrap();
    let [logits, statistic] = ["logits", "statistic"].map(|name| tensors.get(name).unwrap());
    let place = Computing::new(&EngineDevice::of(DeviceChoice::Cpu, "libtorch"), Precision::F32).unwrap();
    let optimizer = Optimizer::new(SGD, 0, &tensors);
    let workload = Box::new(ScarceNetwork { logits, statistic, most, staged: None });
    LibtorchEngine::new(place, workload, tensors, optimizer, batch_size, 16)
}

fn step(engine: &mut LibtorchEngine, step: u64) -> Result<(), EngineError> {
    let plan = EpochPlan::new(0, 0, EXAMPLES as u32);
    engine.step(plan.batch(0, EXAMPLES).unwrap(), &StepControl::plain(0.1, step))
}

#[test]
fn a_step_without_memory_leaves_nothing_behind_and_says_which_batch_fits() {
    for (most, fits) in [
        (12, Some(SmallerBatch { batch_size: 10, parts: 4 })),
        (1, Some(SmallerBatch { batch_size: 1, parts: 40 })),
        (0, None),
    ] {
        let mut engine = engine(most, EXAMPLES);
        let before = engine.save().unwrap();
        let error = step(&mut engine, 0).unwrap_err();
        assert!(error.to_string().contains("CUDA out of memory"), "{error}");
        assert!(
            matches!(error, EngineError::OutOfMemory { whole: true, fits: found, .. } if found == fits),
            "{error:?}"
        );
        assert_eq!(engine.save().unwrap(), before);
    }
}

#[test]
fn a_step_fits_as_it_is_said_to_and_is_that_of_the_whole_batch() {
    let (mut small, mut whole) = (engine(12, 10), engine(EXAMPLES, EXAMPLES));
    step(&mut small, 0).unwrap();
    step(&mut whole, 0).unwrap();
    let [small, whole] = [small, whole].map(|mut engine| engine.save().unwrap().tensors["model.logits"].values.clone());
    assert!(small.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-6), "{small:?} for {whole:?}");
}

#[test]
fn an_evaluation_takes_as_many_examples_at_a_time_as_there_is_memory_for() {
    for most in [1, 5, 16] {
        let mut engine = engine(most, EXAMPLES);
        assert_eq!(engine.predict(Split::Test).unwrap().len(), EXAMPLES);
        assert_eq!(engine.logits(Split::Train, 3..30).unwrap(), [0.5; 54]);
    }
    let error = engine(0, EXAMPLES).predict(Split::Test).unwrap_err();
    assert!(matches!(error, EngineError::OutOfMemory { whole: true, .. }), "{error:?}");
}

/// What a recorded step reads is what was staged, and nothing else: it is told no batch and no numbers.
#[test]
fn a_step_that_was_staged_is_the_step() {
    let on_device = |mut engine: LibtorchEngine| {
        engine.optimizer = Optimizer::with_placement(SGD, 3, &engine.tensors, false);
        engine
    };
    let (mut plain, mut staged) = (on_device(engine(EXAMPLES, 10)), on_device(engine(EXAMPLES, 10)));
    let plan = EpochPlan::new(0, 0, EXAMPLES as u32);
    for step in 0..8_u64 {
        let batch = plan.batch(step as usize % 4, 10).unwrap();
        let noise_std = [0.0, 0.1, 0.2][step as usize % 3];
        let control = StepControl { learning_rate: 0.1, multiplier: 1.0 + step as f64, noise_std, step: step << 31 };
        plain.step(batch, &control).unwrap();
        assert!(staged.workload.stage(batch));
        staged.optimizer.stage(&control);
        let outputs = staged.staged_step(noise_std > 0.0).unwrap();
        staged.optimizer.count_step();
        let expected = &plain.pending.last().unwrap().outputs;
        for (found, expected) in [(outputs.loss, &expected.loss), (outputs.norms.update, &expected.norms.update)] {
            assert_eq!(found.double_value(&[]), expected.double_value(&[]), "step {step}");
        }
    }
    assert_eq!(staged.save().unwrap(), plain.save().unwrap());
}
