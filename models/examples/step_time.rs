//! Where a training step of ResNet-18 spends its time on the CPU: `cargo run --release -p aees-models --example
//! step_time -- 16 128` (base width, batch). Prints the median of whole passes, then of each block.

#![allow(clippy::unwrap_used, reason = "a tool for developers")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aees_models::burn::{ResNet18, cross_entropy};
use aees_models::{ModelSpec, ResNet18Config};
use aees_run::settings::Precision;
use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let width = arguments.next().unwrap_or(16);
    let batch = arguments.next().unwrap_or(128);
    println!("base width {width}, batch {batch}, Flex; milliseconds, medians of three");
    whole_step(width, batch);
    blocks(width, batch);
}

fn whole_step(width: usize, batch: usize) {
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    let config = ResNet18Config { base_width: width, classes: 100 };
    let values = ModelSpec::ResNet18(config).draw(|parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64));
    let model = ResNet18::new(&config, values, Precision::F32, &device).unwrap();
    let images = Tensor::random([batch, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device);
    let labels = Tensor::<1, Int>::zeros([batch], &device);
    let loss = || cross_entropy(model.forward(images.clone()), labels.clone());
    let forward = median(&mut || drop(black_box(loss().into_data())));
    let both = median(&mut || drop(black_box(loss().backward())));
    let evaluation = model.valid();
    let inner = images.clone().without_autodiff();
    let eval = median(&mut || drop(black_box(evaluation.forward(inner.clone()).into_data())));
    println!("whole: train forward {forward:.1}, forward and backward {both:.1}, eval forward {eval:.1}");
    let flops = 6.0 * config.multiply_adds(32) as f64 * batch as f64;
    println!("       {:.1} GFLOP/s at 3 x 2 x multiply-adds", flops / both / 1e6);
}

/// Each block, forward and backward.
fn blocks(width: usize, batch: usize) {
    let device = Device::flex().autodiff();
    let config = ResNet18Config { base_width: width, classes: 100 };
    let values = ModelSpec::ResNet18(config).draw(|parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64));
    let model = ResNet18::new(&config, values, Precision::F32, &device).unwrap();
    let stages = [&model.layer1, &model.layer2, &model.layer3, &model.layer4];
    let (mut channels, mut side) = (width, 32);
    for (stage, blocks) in stages.into_iter().enumerate() {
        for (number, block) in blocks.iter().enumerate() {
            let shape = [batch, channels, side, side];
            let x = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device).require_grad();
            let forward = median(&mut || drop(black_box(block.forward(x.clone()))));
            let both = median(&mut || drop(black_box(block.forward(x.clone()).sum().backward())));
            let [_, outputs, size, _] = block.forward(x).dims();
            println!(
                "layer{}.{number}: {channels:3} at {side:2} to {outputs:3} at {size:2}: forward {forward:6.1}, both {both:6.1}",
                stage + 1
            );
            (channels, side) = (outputs, size);
        }
    }
}

/// Median of three, after one to warm up, in milliseconds.
fn median(work: &mut dyn FnMut()) -> f64 {
    work();
    let mut times: Vec<Duration> = (0..3)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[1].as_secs_f64() * 1e3
}
