//! Where a training step of ResNet-18 spends its time on the CPU: `cargo run --release -p aees-models --example
//! step_time -- 16 128` (base width, batch). Prints the median of whole passes, then of each kind of operation at each
//! shape times its number in the network.

#![allow(clippy::unwrap_used, reason = "a tool for developers")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aees_models::burn::{BatchNorm, ResNet18, cross_entropy};
use aees_models::{ModelSpec, ResNet18Config};
use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Distribution, Int, Tensor};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let width = arguments.next().unwrap_or(16);
    let batch = arguments.next().unwrap_or(128);
    println!("base width {width}, batch {batch}, Flex; milliseconds, medians of three");
    whole_step(width, batch);
    convolutions(width, batch);
    rest(width, batch);
}

fn whole_step(width: usize, batch: usize) {
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    let config = ResNet18Config { base_width: width, classes: 100 };
    let values = ModelSpec::ResNet18(config).draw(|parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64));
    let model = ResNet18::new(&config, values, &device).unwrap();
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

fn convolutions(width: usize, batch: usize) {
    // Count in the network, inputs, outputs, kernel, stride, input size.
    let w = width;
    let shapes = [
        (1, 3, w, 3, 1, 32),
        (4, w, w, 3, 1, 32),
        (1, w, 2 * w, 3, 2, 32),
        (3, 2 * w, 2 * w, 3, 1, 16),
        (1, w, 2 * w, 1, 2, 32),
        (1, 2 * w, 4 * w, 3, 2, 16),
        (3, 4 * w, 4 * w, 3, 1, 8),
        (1, 2 * w, 4 * w, 1, 2, 16),
        (1, 4 * w, 8 * w, 3, 2, 8),
        (3, 8 * w, 8 * w, 3, 1, 4),
        (1, 4 * w, 8 * w, 1, 2, 8),
    ];
    let device = Device::flex();
    let normal = Distribution::Normal(0.0, 1.0);
    let mut totals = [0.0; 3];
    for (count, inputs, outputs, kernel, stride, size) in shapes {
        let x = Tensor::<4>::random([batch, inputs, size, size], normal, &device);
        let weight = Tensor::<4>::random([outputs, inputs, kernel, kernel], normal, &device);
        let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1; 2], 1);
        let gradient = conv2d(x.clone(), weight.clone(), None, options.clone());
        let forward = median(&mut || drop(black_box(conv2d(x.clone(), weight.clone(), None, options.clone()))));
        // What burn's backward pass calls for the gradient of the input.
        let back = ConvTransposeOptions::new([stride; 2], [kernel / 2; 2], [stride - 1; 2], [1; 2], 1);
        let by_x = median(&mut || {
            drop(black_box(conv_transpose2d(gradient.clone(), weight.clone(), None, back.clone())));
        });
        let by_weight = median(&mut || {
            drop(black_box(conv2d_weight_backward(x.clone(), weight.clone(), gradient.clone(), options.clone())));
        });
        let gflop = 2e-9 * gradient.dims().iter().product::<usize>() as f64 * (inputs * kernel * kernel) as f64;
        let rate = |time: f64| gflop / time * 1e3;
        println!(
            "{count} x conv {kernel}x{kernel}/{stride} {inputs:3}->{outputs:3} at {size:2}: \
             forward {forward:7.2} ({:4.0} GFLOP/s), \
             to input {by_x:7.2} ({:4.0}), to weight {by_weight:7.2} ({:4.0})",
            rate(forward),
            rate(by_x),
            rate(by_weight)
        );
        // The first layer's input has no gradient.
        let by_x = if inputs == 3 { 0.0 } else { by_x };
        for (total, time) in totals.iter_mut().zip([forward, by_x, by_weight]) {
            *total += f64::from(count) * time;
        }
    }
    println!("all convolutions: forward {:.1}, to input {:.1}, to weight {:.1}", totals[0], totals[1], totals[2]);
}

fn rest(width: usize, batch: usize) {
    let device = Device::flex().autodiff();
    // Channels, size, batch norms and ReLUs in the network.
    let shapes = [(width, 32, 5, 5), (2 * width, 16, 5, 4), (4 * width, 8, 5, 4), (8 * width, 4, 5, 4)];
    let (mut norm, mut activation) = ([0.0; 2], [0.0; 2]);
    for (channels, size, norms, relus) in shapes {
        let x =
            Tensor::<4>::random([batch, channels, size, size], Distribution::Normal(0.0, 1.0), &device).require_grad();
        let layer = BatchNorm::new(channels, &device);
        let sum_only = forward_and_backward(&x, &|x| x.mul_scalar(1.0));
        for (totals, count, times) in [
            (&mut norm, norms, forward_and_backward(&x, &|x| layer.forward(x))),
            (&mut activation, relus, forward_and_backward(&x, &relu)),
        ] {
            totals[0] += f64::from(count) * times[0];
            // Without the sum that the backward pass starts from.
            totals[1] += f64::from(count) * (times[1] - times[0] - (sum_only[1] - sum_only[0])).max(0.0);
        }
    }
    println!("all batch norms: forward {:.1}, backward {:.1}", norm[0], norm[1]);
    println!("all ReLUs: forward {:.1}, backward {:.1}", activation[0], activation[1]);
}

fn forward_and_backward(x: &Tensor<4>, operation: &dyn Fn(Tensor<4>) -> Tensor<4>) -> [f64; 2] {
    let forward = median(&mut || drop(black_box(operation(x.clone()))));
    let both = median(&mut || drop(black_box(operation(x.clone()).sum().backward())));
    [forward, both]
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
