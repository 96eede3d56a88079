//! Reads what `tests/fixtures/make_text_fixtures.py` wrote, and compares with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aees_models::burn::{TextClassifier, TokenBatch, tensor_data, tensor_infos};
use aees_models::weights::{FileTensor, Weights, read_safetensors};
use aees_models::{ModelSpec, NamedTensors, TextClassifierConfig, pretrained};
use aees_run::settings::Precision;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

/// Largest difference allowed, relative to the largest absolute value of the tensor in the peer.
const TOLERANCE: f64 = 1e-4;

pub(crate) const FAMILIES: [&str; 2] = ["distilbert", "bert"];

pub(crate) fn path(file: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)
}

/// One padded batch and what transformers made of it.
pub(crate) struct Fixture {
    pub(crate) config: TextClassifierConfig,
    pub(crate) tensors: Weights,
}

impl Fixture {
    pub(crate) fn open(family: &str) -> Self {
        Self {
            config: TextClassifierConfig::read(&path(format!("text_{family}/config.json"))).unwrap(),
            tensors: read_safetensors(&path(format!("text_{family}_pass.safetensors"))).unwrap(),
        }
    }

    pub(crate) fn data(&self, name: &str) -> TensorData {
        data(self.tensors[name].clone())
    }

    pub(crate) fn numbers(&self, name: &str) -> Vec<usize> {
        self.data(name).iter::<i64>().map(|number| number as usize).collect()
    }

    /// The batch without its padding.
    pub(crate) fn batch(&self, device: &Device) -> TokenBatch {
        let (ids, lengths) = (self.numbers("ids"), self.numbers("lengths"));
        let longest = self.tensors["ids"].shape()[1];
        let rows = ids.chunks(longest).zip(&lengths);
        let real: Vec<i32> = rows.flat_map(|(row, &length)| row[..length].iter().map(|&id| id as i32)).collect();
        TokenBatch::new(&self.config, &real, &lengths, device).unwrap()
    }

    pub(crate) fn labels(&self, device: &Device) -> Tensor<1, Int> {
        Tensor::from_data(self.data("labels"), device)
    }

    pub(crate) fn gradients(&self) -> BTreeMap<String, TensorData> {
        let gradient = |(name, tensor): (&String, &FileTensor)| {
            Some((name.strip_prefix("gradient.")?.to_string(), data(tensor.clone())))
        };
        self.tensors.iter().filter_map(gradient).collect()
    }

    /// The network of the fixture from one of its weight files.
    pub(crate) fn network(&self, weights: Weights, device: &Device) -> TextClassifier {
        let loaded = pretrained(&self.config, weights, stream(0)).unwrap();
        assert_eq!(loaded.notices, []);
        TextClassifier::new(&self.config, loaded.tensors, Precision::F32, device).unwrap()
    }
}

/// A stream for each parameter, keyed by its number.
pub(crate) fn stream(seed: u64) -> impl FnMut(usize) -> Xoshiro256PlusPlus {
    move |parameter| Xoshiro256PlusPlus::seed_from_u64(seed ^ ((parameter as u64) << 32))
}

pub(crate) fn data(tensor: FileTensor) -> TensorData {
    match tensor {
        FileTensor::Float(tensor) => tensor_data(tensor),
        FileTensor::Integer { shape, values } => TensorData::new(values, shape),
    }
}

/// The floating-point tensors of a weight file.
pub(crate) fn floats(weights: Weights) -> NamedTensors {
    let float = |(name, tensor)| match tensor {
        FileTensor::Float(tensor) => Some((name, tensor)),
        FileTensor::Integer { .. } => None,
    };
    weights.into_iter().filter_map(float).collect()
}

/// A new network's values.
pub(crate) fn values(config: &TextClassifierConfig, seed: u64) -> NamedTensors {
    ModelSpec::TextClassifier(config.clone()).draw(stream(seed))
}

/// A new network.
pub(crate) fn network(config: &TextClassifierConfig, seed: u64, device: &Device) -> TextClassifier {
    TextClassifier::new(config, values(config, seed), Precision::F32, device).unwrap()
}

/// Every gradient by the name of its parameter.
pub(crate) fn gradients(model: &TextClassifier, gradients: &Gradients) -> BTreeMap<String, TensorData> {
    let mut visitor = GradientVisitor { gradients, found: Vec::new() };
    model.visit(&mut visitor);
    tensor_infos(model).into_iter().map(|info| info.name).zip(visitor.found).collect()
}

struct GradientVisitor<'a> {
    gradients: &'a Gradients,
    found: Vec<TensorData>,
}

impl ModuleVisitor for GradientVisitor<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(param.val().grad(self.gradients).unwrap().into_data());
    }
}

fn largest(data: &TensorData) -> f64 {
    data.iter::<f64>().fold(0.0, |max, value| f64::max(max, value.abs()))
}

/// Fails when `ours` is farther from `theirs` than the tolerance, in units of `scale`; gives the error in these units.
pub(crate) fn compare(name: &str, ours: &TensorData, theirs: &TensorData, scale: f64) -> f64 {
    assert_eq!(ours.shape(), theirs.shape(), "shape of {name}");
    let difference = ours.iter::<f64>().zip(theirs.iter::<f64>()).map(|(a, b)| (a - b).abs());
    let error = difference.fold(0.0, |max: f64, d| if d.is_nan() { f64::NAN } else { max.max(d) }) / scale;
    assert!(error <= TOLERANCE, "{name} is off by {error:.1e} of {scale:.3e}");
    error
}

/// [`compare`] relative to the largest value of `theirs`.
pub(crate) fn compare_to_largest(name: &str, ours: &TensorData, theirs: &TensorData) -> f64 {
    compare(name, ours, theirs, largest(theirs))
}

/// Compares every gradient with the one of the same name; gives the largest error.
///
/// That of a key's bias is zero but for rounding, because it shifts all scores of a query alike: it is measured by the
/// gradient of the key's weight.
pub(crate) fn compare_gradients(ours: &BTreeMap<String, TensorData>, theirs: &BTreeMap<String, TensorData>) -> f64 {
    assert!(ours.keys().eq(theirs.keys()));
    let errors = ours.iter().map(|(name, data)| {
        let of_key = name.ends_with("k_lin.bias") || name.ends_with("key.bias");
        let scale = if of_key { &theirs[&name.replace(".bias", ".weight")] } else { &theirs[name] };
        compare(&format!("gradient of {name}"), data, &theirs[name], largest(scale))
    });
    errors.fold(0.0, f64::max)
}
