//! Where a training step of DistilBERT spends its time on the CPU: `cargo run --release --example text_step_time --
//! [--layers 6] [--dim 768] [--batch 16] [--steps 10]`. Prints medians over batches with the lengths of SST-2's training
//! sentences, as BERT's tokenizer cuts them, and then of each kind of operation.

#![allow(clippy::unwrap_used, reason = "a tool for developers")]

use std::hint::black_box;
use std::time::Instant;

use aees_models::burn::{
    DropoutMask, DropoutMasks, Embedding, LayerNorm, Linear, TextClassifier, TokenBatch, cross_entropy,
};
use aees_models::{ModelSpec, TextClassifierConfig};
use aees_run::settings::Precision;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::module::linear;
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// The distribution of the lengths of SST-2's 67,349 training sentences in tokens: of 256 equally frequent parts, how
/// many have 3, 4, 5, ... tokens. Mean 13.3.
const PARTS_FROM_3_TOKENS: [u8; 51] = [
    8, 20, 23, 20, 18, 16, 14, 12, 12, 10, 9, 8, 7, 7, 7, 5, 6, 4, 5, 4, 4, 3, 3, 4, 2, 3, 2, 2, 2, 2, 2, 1, 1, 2, 1,
    1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1,
];

fn sst2_length(rng: &mut impl Rng) -> usize {
    let mut part = rng.random_range(0..256);
    let within = PARTS_FROM_3_TOKENS.iter().position(|&parts| {
        let here = part < i32::from(parts);
        part -= i32::from(parts);
        here
    });
    3 + within.unwrap()
}

/// Masks as good as random, made with little work: that of a run's generator is not measured here.
struct Masks(u64);

impl DropoutMasks for Masks {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask {
        let mut mask = vec![0.0; elements];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.0 << 32 | u64::from(site));
        let (threshold, kept) = ((drop_probability * 65536.0) as u16, (1.0 / (1.0 - drop_probability)) as f32);
        for values in mask.chunks_mut(4) {
            let mut bits = rng.next_u64();
            for value in values {
                *value = if bits as u16 >= threshold { kept } else { 0.0 };
                bits >>= 16;
            }
        }
        DropoutMask::Host(mask)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (layers, dim) = (argument("--layers", 6), argument("--dim", 768));
    let (batch, steps) = (argument("--batch", 16), argument("--steps", 10));
    let config = TextClassifierConfig::distilbert_base().with_layers(layers).with_dim(dim);
    println!("{layers} layers, width {dim}, batches of {batch}, {steps} steps, Flex; milliseconds, medians");
    let device = Device::flex().autodiff();
    let spec = ModelSpec::TextClassifier(config.clone());
    let values = spec.draw(|parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64));
    let model = TextClassifier::new(&config, values, Precision::F32, &device).unwrap();
    whole_steps(&config, &model, &device, batch, steps);
    drop(model);
    operations(&config, batch * 133 / 10, &device);
}

fn whole_steps(config: &TextClassifierConfig, model: &TextClassifier, device: &Device, size: usize, steps: usize) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(18);
    let mut times: [Vec<f64>; 5] = Default::default();
    let (mut tokens, mut places, mut multiply_adds) = (0, 0, 0);
    for step in 0..steps + 2 {
        let lengths: Vec<usize> = (0..size).map(|_| sst2_length(&mut rng)).collect();
        let ids: Vec<i32> = lengths.iter().flat_map(|&n| 0..n).map(|_| rng.random_range(0..30_000)).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(vec![1i32; size], [size]), device);
        let mut laps = vec![Instant::now()];
        let batch = TokenBatch::new(config, &ids, &lengths, device).unwrap();
        let logits = model.forward(&batch, Some(&Masks(step as u64)));
        let loss = cross_entropy(logits, labels);
        black_box(loss.clone().into_data());
        laps.push(Instant::now());
        let gradients = loss.backward();
        laps.push(Instant::now());
        let mut sum = Read { gradients, values: 0 };
        model.visit(&mut sum);
        black_box(sum.values);
        laps.push(Instant::now());
        let inner = TokenBatch::new(config, &ids, &lengths, &Device::flex()).unwrap();
        let evaluation = model.valid();
        let start = Instant::now();
        black_box(evaluation.forward(&inner, None).into_data());
        if step < 2 {
            continue; // to warm up
        }
        times[4].push(start.elapsed().as_secs_f64() * 1e3);
        for (times, lap) in times.iter_mut().zip(laps.windows(2)) {
            times.push((lap[1] - lap[0]).as_secs_f64() * 1e3);
        }
        times[3].push((laps[2] - laps[0]).as_secs_f64() * 1e3);
        tokens += batch.tokens();
        places += batch.longest() * size;
        multiply_adds += config.multiply_adds(&lengths);
    }
    let [forward, backward, read, both, eval] = times.map(median);
    println!("forward {forward:.0}, backward {backward:.0}, both {both:.0}; gradients read {read:.0}; eval {eval:.0}");
    let mean = |total: usize| total as f64 / (steps * size) as f64;
    println!("{:.1} tokens a sentence, {:.1} padded", mean(tokens), mean(places));
    println!("{:.0} GFLOP/s", 6e-6 * multiply_adds as f64 / steps as f64 / both);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Takes every gradient out, as an optimizer does.
struct Read {
    gradients: Gradients,
    values: usize,
}

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(&mut self.gradients) {
            self.values += gradient.into_data().as_slice::<f32>().unwrap().len();
        }
    }
}

/// Each kind of operation of a layer at `rows` tokens, ours and burn's: once forward, once backward.
fn operations(config: &TextClassifierConfig, rows: usize, device: &Device) {
    let (dim, hidden) = (config.dim, config.hidden_dim);
    println!("at {rows} tokens, once:");
    for (inputs, outputs, count) in [(dim, dim, 4), (dim, hidden, 1), (hidden, dim, 1)] {
        let layer = Linear {
            weight: parameter([outputs, inputs], device),
            bias: parameter([outputs], device),
            precision: Precision::F32,
        };
        let x = input(rows, inputs, device);
        let times = forward_and_backward(&x, &|x| layer.forward(x), &[&layer.weight]);
        let gflop = 2e-9 * (rows * inputs * outputs) as f64;
        report(&format!("linear {inputs}->{outputs} ({count} a layer)"), times, Some(gflop));
        let burns = |x| linear(x, layer.weight.val().transpose(), Some(layer.bias.val()));
        report("  burn's", forward_and_backward(&x, &burns, &[&layer.weight]), Some(gflop));
    }
    let norm = LayerNorm { weight: parameter([dim], device), bias: parameter([dim], device), epsilon: 1e-12 };
    let x = input(rows, dim, device);
    report("layer norm (2 a layer)", forward_and_backward(&x, &|x| norm.forward(x), &[]), None);
    let x = input(rows, hidden, device);
    report("burn's GELU, not used (1 a layer)", forward_and_backward(&x, &gelu, &[]), None);

    // Sixteen sentences of 35 places.
    let soft = |x: Tensor<2>| softmax(x.reshape([16, config.heads, 35, 35]), 3).reshape([16 * config.heads, 35 * 35]);
    let x = input(16 * config.heads, 35 * 35, device);
    report("softmax of 16 x 35 places (1 a layer)", forward_and_backward(&x, &soft, &[]), None);
    let words = Embedding { weight: parameter([config.vocabulary_size, dim], device) };
    let ids = Tensor::<1, Int>::from_data(TensorData::new((0..rows as i32).collect(), [rows]), device);
    let x = input(rows, dim, device);
    let times = forward_and_backward(&x, &|x| words.forward(ids.clone()) + x, &[&words.weight]);
    report("word embeddings (once)", times, None);
}

fn input(rows: usize, width: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 1.0), device).require_grad()
}

fn parameter<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::random(shape, Distribution::Normal(0.0, 0.02), device))
}

fn report(what: &str, [forward, backward]: [f64; 2], gflop: Option<f64>) {
    let rate = gflop.map_or(String::new(), |gflop| {
        format!("  ({:.0} and {:.0} GFLOP/s)", gflop / forward * 1e3, 2.0 * gflop / backward * 1e3)
    });
    println!("{what:40} forward {forward:6.2}, backward {backward:6.2}{rate}");
}

/// Medians of fifteen; the backward pass starts from given gradients and ends with reading those of `read`.
fn forward_and_backward(
    x: &Tensor<2>,
    operation: &dyn Fn(Tensor<2>) -> Tensor<2>,
    read: &[&Param<Tensor<2>>],
) -> [f64; 2] {
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..15 {
        let start = Instant::now();
        let output = operation(x.clone());
        let middle = Instant::now();
        // A gradient that is not constant costs one product more than an optimal one would.
        let gradient = Tensor::random(output.shape(), Distribution::Normal(0.0, 1.0), &x.device());
        let loss = (output * gradient).sum();
        let seeded = Instant::now();
        let mut gradients = loss.backward();
        for parameter in read {
            black_box(parameter.val().grad_remove(&mut gradients).unwrap().into_data());
        }
        black_box(x.grad(&gradients));
        times[0].push((middle - start).as_secs_f64() * 1e3);
        times[1].push(seeded.elapsed().as_secs_f64() * 1e3);
    }
    times.map(median)
}
