//! Times the optimizer step over the 62 trained tensors of ResNet-18 for CIFAR-100 (11.2 M parameters).
//!
//! `cargo run --release -p aees-train --example optimizer_step`

use std::time::{Duration, Instant};

use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients};

/// The trained tensors of ResNet-18, flat: what matters here is only their lengths.
#[derive(Module, Debug)]
struct Parameters {
    tensors: Vec<Param<Tensor<1>>>,
}

fn lengths() -> Vec<usize> {
    let norm = |channels: usize| [channels, channels];
    let mut lengths = vec![3 * 64 * 9];
    lengths.extend(norm(64));
    let mut inputs = 64;
    for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            lengths.push(inputs * channels * 9);
            lengths.extend(norm(channels));
            lengths.push(channels * channels * 9);
            lengths.extend(norm(channels));
            if block == 0 && stage > 0 {
                lengths.push(inputs * channels);
                lengths.extend(norm(channels));
            }
            inputs = channels;
        }
    }
    lengths.extend([512 * 100, 100]);
    lengths
}

fn module(device: &Device) -> Parameters {
    let tensor = |length: usize| Param::from_tensor(Tensor::ones([length], device) * 0.01);
    Parameters { tensors: lengths().into_iter().map(tensor).collect() }
}

fn gradients(module: &Parameters) -> Gradients {
    let sum = |tensor: &Param<Tensor<1>>| (tensor.val() * tensor.val()).sum();
    let sums: Vec<Tensor<1>> = module.tensors.iter().map(sum).collect();
    Tensor::cat(sums, 0).sum().backward()
}

fn measure(name: &str, config: OptimizerConfig, noise_std: f64) {
    let device = Device::flex().autodiff();
    let mut module = module(&device);
    let count = module.num_params();
    let mut optimizer = Optimizer::new(config, 1, &module);
    let mut times = Vec::new();
    for step in 0..42 {
        let gradients = gradients(&module);
        let control = StepControl { learning_rate: 1e-3, multiplier: 1.5, noise_std, step };
        let start = Instant::now();
        let (stepped, norm) = match optimizer.step(module, gradients, &control) {
            Ok(stepped) => stepped,
            Err(error) => return eprintln!("{name}: {error}"),
        };
        times.push(start.elapsed());
        module = stepped;
        let SquaredNorm::Host(_) = norm.update else { return eprintln!("{name}: not on the host") };
    }
    // The first two steps allocate the slots and warm up the threads.
    let mut times: Vec<Duration> = times.split_off(2);
    times.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let median = milliseconds(times[times.len() / 2]);
    println!(
        "{name:28} median {median:7.2} ms  fastest {:7.2}  slowest {:7.2}  {:5.2} ns/parameter (n = {})",
        milliseconds(times[0]),
        milliseconds(times[times.len() - 1]),
        median * 1e6 / count as f64,
        times.len(),
    );
}

fn main() {
    let lengths = lengths();
    println!(
        "{} tensors, {} parameters, {} threads, {}",
        lengths.len(),
        lengths.iter().sum::<usize>(),
        rayon::current_num_threads(),
        match pulp::Arch::new() {
            pulp::Arch::Scalar => "no wide vectors",
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V4(_) => "AVX-512",
            _ => "other vectors",
        },
    );
    let adamw = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01, max_gradient_norm: None };
    let momentum =
        OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4, max_gradient_norm: None };
    let plain =
        OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };
    for (name, config) in [("AdamW", adamw), ("SGD, momentum", momentum), ("SGD", plain)] {
        measure(name, config, 0.0);
        measure(&format!("{name}, noise"), config, 1e-3);
    }
}
