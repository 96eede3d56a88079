//! Against the definition in double precision, and gradients against finite differences of it.

use super::*;

fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

const EPSILON: f32 = 1e-5;

fn mean_and_variance(x: &[f64], channels: usize, channel: usize) -> (f64, f64) {
    let column: Vec<f64> = x.iter().skip(channel).step_by(channels).copied().collect();
    let count = column.len() as f64;
    let mean = column.iter().sum::<f64>() / count;
    (mean, column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}

/// Normalisation, sum and ReLU, by the definition.
fn defined(x: &[f64], weight: &[f64], bias: &[f64], shortcut: Option<&[f64]>, relu: bool) -> Vec<f64> {
    let channels = weight.len();
    let statistics: Vec<_> = (0..channels).map(|channel| mean_and_variance(x, channels, channel)).collect();
    let value = |(place, x): (usize, &f64)| {
        let (mean, variance) = statistics[place % channels];
        let normal = (x - mean) / (variance + f64::from(EPSILON)).sqrt();
        let sum = weight[place % channels] * normal + bias[place % channels] + shortcut.map_or(0.0, |s| s[place]);
        if relu { sum.max(0.0) } else { sum }
    };
    x.iter().enumerate().map(value).collect()
}

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

#[test]
fn statistics_are_exact_far_from_zero() {
    // Two blocks and a half; a mean of 1000 with a deviation of 0.6 costs one-pass sums of squares all their digits.
    let channels = 3;
    let x: Vec<f32> =
        values(block_length(channels) * 5 / 2 / channels * channels, 1).iter().map(|x| 1000.0 + x).collect();
    let found = statistics(&x, channels);
    for channel in 0..channels {
        let (mean, variance) = mean_and_variance(&double(&x), channels, channel);
        assert!((f64::from(found.mean[channel]) / mean - 1.0).abs() < 1e-6);
        assert!(
            (f64::from(found.variance[channel]) / variance - 1.0).abs() < 1e-4,
            "{} {variance}",
            found.variance[channel]
        );
    }
}

#[test]
fn outputs_and_gradients_follow_the_definition() {
    for (pixels, channels, with_shortcut, relu) in
        [(7, 1, false, false), (11, 5, false, true), (13, 16, true, true), (9, 33, true, false)]
    {
        let [x, shortcut, gradient] = [1, 2, 3].map(|seed| values(pixels * channels, seed));
        let [weight, bias] = [4, 5].map(|seed| values(channels, seed));
        let statistics = statistics(&x, channels);
        let affine = Affine { statistics: &statistics, weight: &weight, bias: &bias, epsilon: EPSILON };
        let added = with_shortcut.then_some(&shortcut[..]);
        let mut output = vec![0.0; x.len()];
        affine.apply(&x, added, relu, &mut output);
        let [x64, weight64, bias64, shortcut64] = [&x, &weight, &bias, &shortcut].map(|values| double(values));
        let value = |x: &[f64], weight: &[f64], bias: &[f64], shortcut: &[f64]| {
            defined(x, weight, bias, with_shortcut.then_some(shortcut), relu)
        };
        for (found, expected) in output.iter().zip(value(&x64, &weight64, &bias64, &shortcut64)) {
            assert!((f64::from(*found) - expected).abs() < 2e-6);
        }
        let (mut x_gradient, mut sum_gradient) = (x.clone(), gradient.clone());
        let behind = match (with_shortcut, relu) {
            (_, false) => Behind::Nothing,
            (false, true) => Behind::Relu,
            (true, true) => Behind::SumAndRelu(&output),
        };
        let found = affine.gradients(&mut x_gradient, behind, &mut sum_gradient);
        let shortcut_gradient = if with_shortcut { sum_gradient } else { Vec::new() };
        let loss = |inputs: &[Vec<f64>; 4]| -> f64 {
            let output = value(&inputs[0], &inputs[1], &inputs[2], &inputs[3]);
            output.iter().zip(&gradient).map(|(output, gradient)| output * f64::from(*gradient)).sum()
        };
        let inputs = [x64, weight64, bias64, shortcut64];
        for (input, found) in [&x_gradient, &found.weight, &found.bias, &shortcut_gradient].into_iter().enumerate() {
            for (place, found) in found.iter().enumerate() {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    inputs[input][place] += by;
                    loss(&inputs)
                };
                let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-4 * expected.abs().max(1.0),
                    "{input} {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let channels = 24;
    let [x, gradient] = [1, 2].map(|seed| values(3000 * channels, seed));
    let (weight, bias) = (values(channels, 3), values(channels, 4));
    let compute = || {
        let statistics = statistics(&x, channels);
        let affine = Affine { statistics: &statistics, weight: &weight, bias: &bias, epsilon: EPSILON };
        let (mut x, mut gradient) = (x.clone(), gradient.clone());
        let found = affine.gradients(&mut x, Behind::Relu, &mut gradient);
        (statistics, found, x)
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    assert_eq!(pool(1).install(compute), pool(5).install(compute));
}

#[test]
fn what_is_no_number_stays_none_behind_relu() {
    let statistics = Statistics { mean: vec![0.0], variance: vec![1.0] };
    let affine = Affine { statistics: &statistics, weight: &[1.0], bias: &[0.0], epsilon: 0.0 };
    let mut output = [0.0; 3];
    affine.apply(&[f32::NAN, -1.0, 2.0], None, true, &mut output);
    assert!(output[0].is_nan());
    assert_eq!(output[1..], [0.0, 2.0]);
    let mut gradient = [3.0; 3];
    affine.gradients(&mut [0.0; 3], Behind::SumAndRelu(&output), &mut gradient);
    assert_eq!(gradient, [3.0, 0.0, 3.0]);
}
