//! Reads what `tests/fixtures/make_resnet18_fixtures.py` wrote, and compares with it.

use std::collections::BTreeMap;
use std::path::Path;

use aees_models::burn::{ResNet18, host_tensor, tensor_infos};
use aees_models::{ModelSpec, NamedTensors, ResNet18Config, TensorKind};
use aees_run::settings::Precision;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use safetensors::{Dtype, SafeTensors};

/// Largest difference allowed, relative to the largest absolute value of the tensor in PyTorch.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// One file of tensors and numbers.
pub(crate) struct Fixture {
    tensors: BTreeMap<String, TensorData>,
    metadata: BTreeMap<String, String>,
}

impl Fixture {
    pub(crate) fn open(file: &str) -> Self {
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        Self {
            tensors: tensors.iter().map(|(name, view)| (name.to_string(), data(&view))).collect(),
            metadata: header.metadata().clone().unwrap().into_iter().collect(),
        }
    }

    pub(crate) fn tensor(&self, name: &str) -> &TensorData {
        self.tensors.get(name).unwrap_or_else(|| panic!("the fixture lacks {name}"))
    }

    /// The tensors whose names start with `prefix.`, by the rest of their names.
    pub(crate) fn under(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        let prefix = format!("{prefix}.");
        let inside =
            |(name, data): (&String, &TensorData)| Some((name.strip_prefix(&prefix)?.to_string(), data.clone()));
        self.tensors.iter().filter_map(inside).collect()
    }

    pub(crate) fn number<N: std::str::FromStr<Err: std::fmt::Debug>>(&self, key: &str) -> N {
        self.metadata[key].parse().unwrap()
    }

    /// The network of the fixture, as it was before the first pass.
    pub(crate) fn model(&self, device: &Device) -> ResNet18 {
        let config = ResNet18Config { base_width: self.number("base_width"), classes: self.number("classes") };
        let initial = self.under("initial").into_iter().map(|(name, data)| (name, host_tensor(data).unwrap()));
        ResNet18::new(&config, initial.collect(), Precision::F32, device).unwrap()
    }
}

fn data(view: &safetensors::tensor::TensorView<'_>) -> TensorData {
    let shape = view.shape().to_vec();
    match view.dtype() {
        Dtype::F32 => TensorData::new(numbers(view.data(), f32::from_le_bytes), shape),
        Dtype::I64 => TensorData::new(numbers(view.data(), i64::from_le_bytes), shape),
        other => panic!("no fixture holds {other:?}"),
    }
}

fn numbers<N, const SIZE: usize>(bytes: &[u8], number: fn([u8; SIZE]) -> N) -> Vec<N> {
    bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
}

/// A stream for each parameter, keyed by its number.
pub(crate) fn stream(seed: u64) -> impl FnMut(usize) -> Xoshiro256PlusPlus {
    move |parameter| Xoshiro256PlusPlus::seed_from_u64(seed ^ ((parameter as u64) << 32))
}

/// A new network's values.
pub(crate) fn values(config: ResNet18Config, seed: u64) -> NamedTensors {
    ModelSpec::ResNet18(config).draw(stream(seed))
}

/// A new network.
pub(crate) fn network(config: ResNet18Config, seed: u64, device: &Device) -> ResNet18 {
    ResNet18::new(&config, values(config, seed), Precision::F32, device).unwrap()
}

/// Every gradient by the name of its parameter, in the order of the parameters.
pub(crate) fn gradients(model: &ResNet18, gradients: &Gradients) -> Vec<(String, TensorData)> {
    let mut visitor = GradientVisitor { gradients, found: Vec::new() };
    model.visit(&mut visitor);
    let pairs = tensor_infos(model).into_iter().zip(visitor.found);
    let of_parameters = pairs.filter(|(info, gradient)| {
        assert_eq!(info.kind == TensorKind::Parameter, gradient.is_some(), "gradient of {}", info.name);
        gradient.is_some()
    });
    of_parameters.map(|(info, gradient)| (info.name, gradient.unwrap())).collect()
}

struct GradientVisitor<'a> {
    gradients: &'a Gradients,
    found: Vec<Option<TensorData>>,
}

impl ModuleVisitor for GradientVisitor<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(param.val().grad(self.gradients).map(|gradient| gradient.into_data()));
    }
}

/// Fails when `ours` is farther from PyTorch's tensor than the tolerance; gives the relative error.
pub(crate) fn compare(name: &str, ours: &TensorData, theirs: &TensorData) -> f64 {
    assert_eq!(ours.shape(), theirs.shape(), "shape of {name}");
    let (ours, theirs) = (ours.try_to_vec::<f32>().unwrap(), theirs.try_to_vec::<f32>().unwrap());
    let largest = theirs.iter().fold(0.0, |max, b| f64::max(max, f64::from(b.abs())));
    let difference = ours.iter().zip(&theirs).map(|(a, b)| f64::from((a - b).abs()));
    let error = difference.fold(0.0, |max: f64, d| if d.is_nan() { f64::NAN } else { max.max(d) }) / largest;
    assert!(error <= TOLERANCE, "{name} is off by {error:.1e} of its largest value {largest:.3e}");
    error
}

/// Compares every tensor of a list with the one of the same name, and both must have the same names.
pub(crate) fn compare_all(
    what: &str,
    ours: impl IntoIterator<Item = (String, TensorData)>,
    theirs: &BTreeMap<String, TensorData>,
) -> f64 {
    let errors: Vec<f64> =
        ours.into_iter().map(|(name, data)| compare(&format!("{what} {name}"), &data, &theirs[&name])).collect();
    assert_eq!(errors.len(), theirs.len(), "{what}: number of tensors");
    let worst = errors.into_iter().fold(0.0, f64::max);
    println!("{what}: largest relative error {worst:.1e}");
    worst
}
