//! One operation against burn's own, on random shapes.

use burn::tensor::{Device, TensorData};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// Numbers of variance one that are the same in every run of the test.
fn drawn<const D: usize>(shape: [usize; D], state: &mut u64, device: &Device) -> Tensor<D> {
    let mut next = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 12_f32.sqrt()
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_: usize| next()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// From `first` in steps.
fn line(channels: usize, first: f32, step: f32, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = (0..channels).map(|channel| first + step * channel as f32).collect();
    Tensor::from_data(TensorData::new(values, [channels]), device)
}

fn norm(conv: &Conv2d, device: &Device) -> BatchNorm {
    let channels = conv.weight.val().dims()[0];
    let mut norm = BatchNorm::new(channels, device);
    norm.weight = Param::from_tensor(line(channels, 0.5, 0.01, device));
    norm.bias = Param::from_tensor(line(channels, -0.2, 0.02, device));
    norm
}

/// In one operation, or in burn's own.
fn output(fused: bool, norm: &BatchNorm, conv: &Conv2d, x: Tensor<4>, shortcut: Tensor<4>, then: u8) -> Tensor<4> {
    let next = match then {
        0 => Then::Nothing,
        1 => Then::Relu,
        _ => Then::SumAndRelu(Box::new(shortcut.into())),
    };
    if fused {
        return norm.after(conv, x, next);
    }
    let normal = norm.forward(conv.forward(x));
    match next {
        Then::Nothing => normal,
        Then::Relu => relu(normal),
        Then::SumAndRelu(shortcut) => relu(normal + shortcut.images),
    }
}

/// Output, running statistics, and the gradients of input, kernel, weight, bias and shortcut.
fn results(fused: bool, conv: &Conv2d, x: &Tensor<4>, shortcut: &Tensor<4>, then: u8) -> Vec<TensorData> {
    let norm = norm(conv, &x.device());
    let (x, shortcut) = (x.clone().require_grad(), shortcut.clone().require_grad());
    let output = output(fused, &norm, conv, x.clone(), shortcut.clone(), then);
    // A loss whose gradient differs from place to place.
    let gradients = (output.clone() * output.clone().mul_scalar(0.3).sin()).sum().backward();
    let mut results =
        vec![output.into_data(), norm.running_mean.value().into_data(), norm.running_var.value().into_data()];
    let images = [Some(&x), Some(&conv.weight.val()), (then == 2).then_some(&shortcut)];
    results.extend(images.into_iter().flatten().map(|tensor| tensor.grad(&gradients).unwrap().into_data()));
    let vectors = [&norm.weight, &norm.bias];
    results.extend(vectors.map(|parameter| parameter.val().grad(&gradients).unwrap().into_data()));
    results
}

/// The largest difference, as a share of the largest value, or of 1e-3 if all are smaller. Not a number is infinitely far.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let largest = expected.iter().fold(1e-3_f32, |largest, value| largest.max(value.abs()));
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs() / largest);
    differences.map(|share| if share.is_nan() { f32::INFINITY } else { share }).fold(0.0, f32::max)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(18), ..ProptestConfig::default() })]

    #[test]
    fn one_operation_gives_what_burns_own_give(
        batch in 1_usize..4,
        height in 2_usize..11,
        width in 2_usize..11,
        inputs in prop_oneof![Just(1_usize), Just(3), Just(16), Just(32)],
        outputs in prop_oneof![Just(1_usize), Just(8), Just(16), Just(48)],
        kernel in prop_oneof![Just(1_usize), Just(3)],
        stride in 1_usize..3,
        then in 0_u8..3,
        seed: u64,
    ) {
        // A single weight before a normalisation changes nothing behind it: its gradient is rounding alone.
        prop_assume!(inputs * kernel > 1);
        let device = Device::flex().autodiff();
        let mut state = seed;
        let x = drawn([batch, inputs, height, width], &mut state, &device);
        let weight = drawn([outputs, inputs, kernel, kernel], &mut state, &device);
        let conv = Conv2d { weight: Param::from_tensor(weight), stride, precision: Precision::F32 };
        let size = [batch, outputs, height.div_ceil(stride), width.div_ceil(stride)];
        // Few values have statistics that magnify every rounding.
        prop_assume!(size[0] * size[2] * size[3] >= 8);
        let shortcut = drawn(size, &mut state, &device);
        let [fused, composed] = [true, false].map(|fused| results(fused, &conv, &x, &shortcut, then));
        prop_assert_eq!(fused.len(), composed.len());
        for (number, (fused, composed)) in fused.iter().zip(&composed).enumerate() {
            let [fused, composed] = [fused, composed].map(|data| data.try_to_vec::<f32>().unwrap());
            let distance = distance(&fused, &composed);
            prop_assert!(distance <= 2e-4, "result {}: {}", number, distance);
        }
    }

    #[test]
    fn evaluation_with_the_normalisation_folded_into_the_kernel_gives_what_burns_own_gives(
        batch in 1_usize..4,
        side in 1_usize..11,
        inputs in prop_oneof![Just(1_usize), Just(3), Just(16), Just(32)],
        outputs in prop_oneof![Just(1_usize), Just(8), Just(16), Just(48)],
        kernel in prop_oneof![Just(1_usize), Just(3)],
        stride in 1_usize..3,
        then in 0_u8..3,
        seed: u64,
    ) {
        let device = Device::flex();
        let mut state = seed;
        let x = drawn([batch, inputs, side, side], &mut state, &device);
        let weight = drawn([outputs, inputs, kernel, kernel], &mut state, &device);
        let conv = Conv2d { weight: Param::from_tensor(weight), stride, precision: Precision::F32 };
        let shortcut = drawn([batch, outputs, side.div_ceil(stride), side.div_ceil(stride)], &mut state, &device);
        let norm = norm(&conv, &device);
        norm.running_mean.update(line(outputs, -0.3, 0.05, &device));
        norm.running_var.update(line(outputs, 0.2, 0.1, &device));
        let [folded, plain] = [true, false].map(|fused| {
            output(fused, &norm, &conv, x.clone(), shortcut.clone(), then).into_data().try_to_vec::<f32>().unwrap()
        });
        prop_assert!(distance(&folded, &plain) <= 1e-5, "{}", distance(&folded, &plain));
    }
}
