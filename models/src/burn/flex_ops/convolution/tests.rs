//! Against sums in double precision, on random shapes.

use proptest::prelude::*;

use super::*;

/// Numbers between -1 and 1.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Case {
    convolution: Convolution,
    input: Vec<f32>,
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

impl Case {
    fn new(convolution: Convolution) -> Self {
        let Convolution { batch, height, width, inputs, outputs, kernel, .. } = convolution;
        let [rows, columns] = convolution.output_size();
        Self {
            convolution,
            input: values(batch * height * width * inputs, 1),
            weights: values(outputs * inputs * kernel * kernel, 2),
            gradient: values(batch * rows * columns * outputs, 3),
        }
    }

    /// Output, gradient of the input and gradient of the weights, from the definition.
    fn expected(&self) -> [Vec<f64>; 3] {
        let Convolution { batch, height, width, inputs, outputs, kernel, stride } = self.convolution;
        let [rows, columns] = self.convolution.output_size();
        let padding = kernel / 2;
        let [mut output, mut input_gradient, mut weight_gradient] =
            [self.gradient.len(), self.input.len(), self.weights.len()].map(|length| vec![0.0; length]);
        let places = (0..batch * rows * columns).flat_map(|pixel| (0..kernel * kernel).map(move |tap| (pixel, tap)));
        for (pixel, tap) in places {
            let (image, row, column) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
            let (y, x) = (row * stride + tap / kernel, column * stride + tap % kernel);
            if y < padding || x < padding || y - padding >= height || x - padding >= width {
                continue;
            }
            let source = ((image * height + y - padding) * width + x - padding) * inputs;
            for o in 0..outputs {
                for i in 0..inputs {
                    let weight = (o * inputs + i) * kernel * kernel + tap;
                    let (x, w, g) = (self.input[source + i], self.weights[weight], self.gradient[pixel * outputs + o]);
                    output[pixel * outputs + o] += f64::from(x) * f64::from(w);
                    input_gradient[source + i] += f64::from(g) * f64::from(w);
                    weight_gradient[weight] += f64::from(g) * f64::from(x);
                }
            }
        }
        [output, input_gradient, weight_gradient]
    }

    fn computed(&self, by: ConvolutionMethod) -> [Vec<f32>; 3] {
        let Self { convolution, input, weights, gradient } = self;
        [
            convolution.forward_by(by, input, weights, &Epilogue::default()),
            convolution.input_gradient_by(by, gradient, weights, None),
            convolution.weight_gradient_by(by, input, gradient),
        ]
    }

    /// Every way to compute it.
    fn methods(&self) -> &'static [ConvolutionMethod] {
        if self.convolution.is_tiled() {
            &[ConvolutionMethod::Direct, ConvolutionMethod::TwoByTwo, ConvolutionMethod::FourByFour]
        } else {
            &[ConvolutionMethod::Direct]
        }
    }
}

/// The largest difference, as a share of the largest value.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-30_f64, |largest, value| largest.max(value.abs()));
    let distance = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs();
    found.iter().zip(expected).map(distance).fold(0.0, f64::max) / largest
}

fn check(convolution: Convolution) {
    let case = Case::new(convolution);
    let expected = case.expected();
    for &by in case.methods() {
        for (found, expected) in case.computed(by).into_iter().zip(&expected) {
            let error = error(&found, expected);
            // A sum of n products is off by up to about sqrt(n) roundings of 6e-8; n is up to 9 * 200 here. Larger tiles cost two
            // or three times that.
            assert!(error < 3e-6, "{convolution:?} {by:?}: {error:e}");
            // What the next one takes is full of what no sum hides.
            let rubbish = vec![f32::NAN; found.len()];
            memory::give(found);
            memory::give(rubbish);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_gives_what_the_definition_says(
        batch in 1_usize..4,
        height in 1_usize..12,
        width in prop_oneof![1_usize..12, 12_usize..40],
        inputs in prop_oneof![1_usize..20, Just(16), Just(32), Just(48), Just(64)],
        outputs in prop_oneof![1_usize..20, Just(16), Just(32), Just(48), Just(64), Just(80), Just(128)],
        kernel in prop_oneof![Just(1_usize), Just(3)],
        stride in 1_usize..3,
    ) {
        check(Convolution { batch, height, width, inputs, outputs, kernel, stride });
    }
}

#[test]
fn depths_that_are_gathered_in_parts_are_summed_up() {
    // 9 * 128 / 16 = 72 chunks, in parts of 40; 2 * 49 pixels are two blocks.
    check(Convolution { batch: 2, height: 7, width: 7, inputs: 128, outputs: 16, kernel: 3, stride: 1 });
    check(Convolution { batch: 2, height: 7, width: 7, inputs: 16, outputs: 128, kernel: 3, stride: 2 });
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let shape = Convolution { batch: 6, height: 9, width: 9, inputs: 32, outputs: 48, kernel: 3, stride: 1 };
    let strided = Convolution { stride: 2, ..shape };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let together = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    for case in [shape, strided].map(Case::new) {
        let bits =
            |values: [Vec<f32>; 3]| values.map(|values| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        for &by in case.methods() {
            let [alone, together] = [&alone, &together].map(|threads| bits(threads.install(|| case.computed(by))));
            assert_eq!(alone, together, "{by:?}");
        }
    }
}

#[test]
fn offsets_shortcut_and_relu_come_after_the_sum() {
    for inputs in [5, 16] {
        let case =
            Case::new(Convolution { batch: 2, height: 10, width: 10, inputs, outputs: 32, kernel: 3, stride: 1 });
        for &by in case.methods() {
            let plain = &case.computed(by)[0];
            let (offsets, shortcut) = (values(32, 4), values(plain.len(), 5));
            let epilogue = Epilogue { offsets: Some(&offsets), shortcut: Some(&shortcut), relu: true };
            let found = case.convolution.forward_by(by, &case.input, &case.weights, &epilogue);
            for (place, found) in found.iter().enumerate() {
                assert_eq!(*found, (plain[place] + offsets[place % 32] + shortcut[place]).max(0.0));
            }
        }
    }
}

#[test]
fn the_gradient_of_the_input_is_added_to_another_one() {
    for (inputs, kernel, stride) in [(5, 3, 1), (16, 3, 1), (16, 3, 2), (16, 1, 2), (4, 1, 1)] {
        let shape = Convolution { batch: 2, height: 13, width: 14, inputs, outputs: 32, kernel, stride };
        let case = Case::new(shape);
        for &by in case.methods() {
            let plain = &case.computed(by)[1];
            let other = values(plain.len(), 6);
            let sum = case.convolution.input_gradient_by(by, &case.gradient, &case.weights, Some(other.clone()));
            for ((sum, plain), other) in sum.iter().zip(plain).zip(&other) {
                assert_eq!(*sum, plain + other, "{shape:?} {by:?}");
            }
        }
    }
}

#[test]
fn large_tiles_are_for_large_images_and_small_ones_for_many_channels() {
    let shape = Convolution { batch: 128, height: 32, width: 32, inputs: 64, outputs: 64, kernel: 3, stride: 1 };
    assert_eq!(shape.method(), ConvolutionMethod::FourByFour);
    assert_eq!(
        Convolution { height: 4, width: 4, inputs: 512, outputs: 512, ..shape }.method(),
        ConvolutionMethod::TwoByTwo
    );
    for other in [
        Convolution { kernel: 1, ..shape },
        Convolution { stride: 2, ..shape },
        Convolution { inputs: 3, ..shape },
        Convolution { outputs: 72, ..shape },
    ] {
        assert_eq!(other.method(), ConvolutionMethod::Direct, "{other:?}");
    }
}

/// The worst error of each kind at each depth of ResNet-18; `--nocapture` prints the table.
#[test]
fn gradients_at_every_depth_of_resnet18_are_off_by_less_than_a_hundred_thousandth() {
    let full_width = [(32, 64), (16, 128), (8, 256), (4, 512)].map(|(side, channels)| (2, side, channels));
    // Narrow, and with a sum over many pixels.
    let quarter_width = [(32, 16), (16, 32), (8, 64), (4, 128)].map(|(side, channels)| (32, side, channels));
    for (batch, side, channels) in full_width.into_iter().chain(quarter_width) {
        let shape =
            Convolution { batch, height: side, width: side, inputs: channels, outputs: channels, kernel: 3, stride: 1 };
        let case = Case::new(shape);
        let expected = case.expected();
        for &by in case.methods() {
            for ((found, expected), what) in case.computed(by).iter().zip(&expected).zip(["output", "input", "weights"])
            {
                let error = error(found, expected);
                println!("{by:?}, batch {batch}, {side}x{side}, {channels} channels, {what}: {error:.1e}");
                assert!(error < 1e-5, "{shape:?} {by:?} {what}: {error:.1e}");
            }
        }
    }
}
