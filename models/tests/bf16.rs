//! Networks that multiply in bf16: what is rounded, and that all else is f32.

use aees_models::burn::{Conv2d, Linear, ResNet18, TextClassifier, TokenBatch, cross_entropy, tensor_infos};
use aees_models::{ModelSpec, ResNet18Config, TextClassifierConfig};
use aees_run::settings::Precision;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Distribution, FloatDType, Gradients, Int, Tensor, TensorData};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

fn stream(parameter: usize) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(parameter as u64)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn rounded<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.cast(FloatDType::BF16).cast(FloatDType::F32)
}

/// The norm of the difference, as a share of the expected values' norm.
fn error<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f32 {
    let norm = |x: Tensor<D>| x.powi_scalar(2).sum().into_scalar::<f32>().sqrt();
    norm(found - expected.clone()) / norm(expected)
}

#[test]
fn a_layer_rounds_its_factors_and_its_products_to_bf16() {
    let device = Device::flex();
    let (x, weight, bias) = (random([33, 70], &device), random([20, 70], &device), random([20], &device));
    let linear = |precision| {
        let (weight, bias) = (Param::from_tensor(weight.clone()), Param::from_tensor(bias.clone()));
        Linear { weight, bias, precision }.forward(x.clone())
    };
    let expected = rounded(rounded(x.clone()).matmul(rounded(weight.clone()).transpose())) + bias.clone().unsqueeze();
    // Sums of another order may round to the next number.
    assert!(error(linear(Precision::Bf16), expected) < 1e-4);
    let apart = error(linear(Precision::Bf16), linear(Precision::F32));
    assert!((1e-4..1e-2).contains(&apart), "{apart}");

    let (images, kernel) = (random([2, 5, 8, 8], &device), random([7, 5, 3, 3], &device));
    let conv =
        |precision| Conv2d { weight: Param::from_tensor(kernel.clone()), stride: 2, precision }.forward(images.clone());
    let options = ConvOptions::new([2; 2], [1; 2], [1; 2], 1);
    let expected = rounded(conv2d(rounded(images.clone()), rounded(kernel.clone()), None, options));
    assert!(error(conv(Precision::Bf16), expected) < 1e-4);
    let apart = error(conv(Precision::Bf16), conv(Precision::F32));
    assert!((1e-4..1e-2).contains(&apart), "{apart}");
}

/// Every gradient, one after the other.
struct AllGradients<'a> {
    gradients: &'a Gradients,
    found: Vec<f32>,
}

impl ModuleVisitor for AllGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = param.val().grad(self.gradients) else { return };
        assert_eq!((param.val().dtype(), gradient.dtype()), (DType::F32, DType::F32));
        self.found.extend(gradient.into_data().iter::<f32>());
    }
}

fn loss_and_gradients(model: &impl Module, loss: Tensor<1>) -> (f32, Tensor<1>) {
    assert_eq!(loss.dtype(), DType::F32);
    let mut visitor = AllGradients { gradients: &loss.backward(), found: Vec::new() };
    model.visit(&mut visitor);
    let parameters: usize = tensor_infos(model).iter().map(|info| info.shape.iter().product::<usize>()).sum();
    assert!(visitor.found.len() * 10 > parameters * 9, "all have gradients but running statistics");
    (loss.into_scalar(), Tensor::from_floats(visitor.found.as_slice(), &Device::flex()))
}

/// `most` is how far gradients may be apart.
fn assert_near(what: &str, most: f32, of: impl Fn(Precision) -> (f32, Tensor<1>)) {
    let ((loss, gradients), (rounded, rounded_gradients)) = (of(Precision::F32), of(Precision::Bf16));
    let apart = error(rounded_gradients, gradients);
    assert!((rounded / loss - 1.0).abs() < 0.01 && rounded != loss, "{what}: {rounded} for {loss}");
    assert!((1e-4..most).contains(&apart), "{what}: gradients are {apart} apart");
}

#[test]
fn losses_and_gradients_of_networks_are_those_of_f32_but_for_rounding() {
    let device = Device::flex().autodiff();
    let classes = |count: i64, of: i64| {
        let numbers = (0..count).map(|number| number % of).collect::<Vec<_>>();
        Tensor::<1, Int>::from_data(TensorData::new(numbers, [count as usize]), &device)
    };

    let config = ResNet18Config { base_width: 8, classes: 10 };
    let images: Tensor<4> = random([16, 3, 32, 32], &device);
    // Random images, near-zero activations: PyTorch under autocast is 0.28 to 0.33 apart here (five seeds).
    assert_near("ResNet-18", 0.4, |precision| {
        let values = ModelSpec::ResNet18(config).draw(stream);
        let model = ResNet18::new(&config, values, precision, &device).unwrap();
        loss_and_gradients(&model, cross_entropy(model.forward(images.clone()), classes(16, 10)))
    });

    let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(64).with_vocabulary(100);
    assert_near("DistilBERT", 0.05, |precision| {
        let values = ModelSpec::TextClassifier(config.clone()).draw(stream);
        let model = TextClassifier::new(&config, values, precision, &device).unwrap();
        let ids: Vec<i32> = (0..60).map(|number| 2 + number * 7 % 98).collect();
        let batch = TokenBatch::new(&config, &ids, &[10, 20, 30], &device).unwrap();
        loss_and_gradients(&model, cross_entropy(model.forward(&batch, None), classes(3, 2)))
    });
}
