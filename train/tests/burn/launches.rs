//! What a step enqueues on a GPU: few launches for the optimizer, no upload and no read.

use aees_models::ModelSpec;
use aees_models::burn::{ResNet18, cross_entropy};
use aees_run::settings::{Precision, TaskName};
use aees_tasks::EpochPlan;
use aees_train::engine::build;
use aees_train::engine::burn::device::handle;
use aees_train::engine::burn::optimizer::Optimizer;
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
use burn::tensor::{Device, Int, Tensor};

use super::devices;
use super::enqueued::{Enqueued, alone, enqueued};
use super::model::read;
use crate::engine::{ADAMW, job, targets};

/// A loss of ResNet-18 whose batch is made on the device.
fn loss(model: &ResNet18, device: &Device) -> Tensor<1> {
    let images = Tensor::<4>::ones([4, 3, 32, 32], device) * 0.5;
    cross_entropy(model.forward(images), Tensor::<1, Int>::zeros([4], device))
}

fn optimizer_step(device: &Device, config: OptimizerConfig, noise_std: f64) -> Enqueued {
    let device = device.clone().autodiff();
    let job = job(TaskName::Cifar100, config, 0);
    let ModelSpec::ResNet18(network) = job.model else { panic!("ResNet-18") };
    let mut model = ResNet18::new(&network, job.tensors, Precision::F32, &device).unwrap();
    let mut optimizer = Optimizer::new(config, 0, &model);
    let mut last = Enqueued::default();
    for step in 0..3 {
        let gradients = loss(&model, &device).backward();
        let control = StepControl { learning_rate: 1e-3, multiplier: 1.0, noise_std, step };
        let (stepped, counted) = enqueued(&device, || optimizer.step(model, gradients, &control).unwrap());
        model = stepped.0;
        last = counted;
        // A kernel that fails does not stop the run: what it did not write cannot be read.
        assert!(read(stepped.1.update) > 0.0);
    }
    last
}

#[test]
fn an_optimizer_step_is_few_launches_for_all_62_parameters() {
    let _alone = alone();
    for (name, device) in devices().filter(|(_, device)| *device != Device::flex()) {
        for kind in [OptimizerKind::ADAMW, OptimizerKind::Sgd { momentum: 0.9 }, OptimizerKind::Sgd { momentum: 0.0 }] {
            for (noise_std, max_gradient_norm) in [(0.0, None), (0.01, None), (0.01, Some(1.0))] {
                let config = OptimizerConfig { kind, weight_decay: 1e-4, max_gradient_norm };
                let counted = optimizer_step(&device, config, noise_std);
                println!("{name}, {kind:?}, noise {noise_std}, {max_gradient_norm:?}: {counted:?}");
                assert!(counted.kernels.keys().all(|kernel| kernel.contains("aees_train")), "{counted:?}");
                // The control block, the sum of the norm, and the updates: one on a device that binds as many buffers as a
                // launch takes, and never more than parameters. A norm of the gradients is as many again, but for the block
                // that its factor is written to.
                let expected = if max_gradient_norm.is_some() { 6..=128 } else { 3..=64 };
                assert!(expected.contains(&counted.launches()), "{counted:?}");
                assert_eq!((counted.uploads, counted.reads), (0, 0), "{counted:?}");
            }
        }
    }
}

#[test]
fn a_step_of_an_engine_uploads_nothing_and_reads_nothing() {
    let _alone = alone();
    for target in targets().into_iter().filter(|target| target.engine.name() == "burn" && !target.device.is_host()) {
        let device = handle(&target.device).unwrap();
        for task in [TaskName::Cifar100, TaskName::AgNews] {
            let mut engine = build(job(task, ADAMW, 0), &target).unwrap();
            let plan = EpochPlan::new(0, 0, 200);
            for step in 0..4_u64 {
                let batch = plan.batch(step as usize, 50).unwrap();
                let control = StepControl { learning_rate: 0.01, multiplier: 1.0, noise_std: 0.01, step };
                let ((), counted) = enqueued(&device, || engine.step(batch, &control).unwrap());
                let launches = counted.launches();
                println!("{}, {task:?}, step {step}: {launches} launches, {counted:?}", target.device.describe());
                // The plan of an epoch comes with its first step.
                assert!(step == 0 || counted.uploads == 0, "{counted:?}");
                assert_eq!(counted.reads, 0, "{counted:?}");
            }
            let before = engine.work_counts();
            engine.step(plan.batch(0, 50).unwrap(), &StepControl::plain(0.01, 4)).unwrap();
            device.sync().unwrap();
            let after = engine.work_counts();
            assert!(after.launches > before.launches && after.uploads == before.uploads, "{before:?}, {after:?}");
            assert!(after.peak_memory_bytes > Some(0), "{after:?}");
            let mut records = Vec::new();
            let ((), counted) = enqueued(&device, || engine.drain(&mut records).unwrap());
            println!("drain: {counted:?}");
            assert!(counted.reads > 0 && records.len() == 5, "{counted:?}");
        }
    }
}
