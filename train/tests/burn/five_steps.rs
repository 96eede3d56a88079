//! Five optimizer steps of ResNet-18, from loss to update, are PyTorch's on every device.

use aees_models::burn::{ResNet18, cross_entropy, tensors};
use aees_models::{HostTensor, NamedTensors, ResNet18Config};
use aees_run::settings::Precision;
use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::SafeTensors;

use super::devices;

/// The fixture of five PyTorch steps: see `models/tests/fixtures`.
struct FiveSteps {
    bytes: Vec<u8>,
}

impl FiveSteps {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/fixtures/resnet18_five_steps.safetensors");
        Self { bytes: std::fs::read(path).unwrap() }
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let view = self.tensors().tensor(name).unwrap();
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn labels(&self) -> Vec<i32> {
        let view = self.tensors().tensor("labels").unwrap();
        view.data().chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as i32).collect()
    }

    /// Tensors under a prefix, by their name without it.
    fn under(&self, prefix: &str) -> NamedTensors {
        let all = self.tensors();
        let named = all.iter().filter_map(|(name, view)| {
            let short = name.strip_prefix(prefix)?;
            Some((short.to_owned(), HostTensor { shape: view.shape().to_vec(), values: self.floats(name) }))
        });
        named.collect()
    }
}

/// |a - b| over the largest |b|.
fn relative(a: &[f32], b: &[f32]) -> f64 {
    let scale = b.iter().fold(f64::MIN_POSITIVE, |scale, value| scale.max(f64::from(value.abs())));
    a.iter().zip(b).fold(0.0_f64, |worst, (a, b)| worst.max(f64::from((a - b).abs()))) / scale
}

#[test]
fn five_optimizer_steps_are_pytorchs() {
    for (name, device) in devices() {
        println!("{name}");
        follows_pytorch(&device.autodiff());
    }
}

fn follows_pytorch(device: &Device) {
    let fixture = FiveSteps::read();
    let (images, labels) = (fixture.floats("images"), fixture.labels());
    let adamw = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 1e-4, max_gradient_norm: None };
    let sgd =
        OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 1e-4, max_gradient_norm: None };
    for (name, config, rate) in [("adamw", adamw, 1e-3), ("sgd", sgd, 0.05)] {
        let network = ResNet18Config { base_width: 4, classes: 10 };
        let mut model = ResNet18::new(&network, fixture.under("initial."), Precision::F32, device).unwrap();
        let mut optimizer = Optimizer::new(config, 0, &model);
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        for step in 0..5 {
            let pixels = images[step * 4 * 3072..(step + 1) * 4 * 3072].to_vec();
            let input = Tensor::<4>::from_data(TensorData::new(pixels, [4, 3, 32, 32]), device);
            let target = labels[step * 4..(step + 1) * 4].to_vec();
            let target = Tensor::<1, Int>::from_data(TensorData::new(target, [4]), device);
            let loss = cross_entropy(model.forward(input), target);
            losses.push(loss.clone().into_scalar::<f32>());
            let (stepped, norm) =
                optimizer.step(model, loss.backward(), &StepControl::plain(rate, step as u64)).unwrap();
            model = stepped;
            norms.push(norm.update);
        }
        let norms: Vec<f32> = SquaredNorm::read_all(norms).unwrap().iter().map(|norm| norm.sqrt() as f32).collect();
        assert!(relative(&losses, &fixture.floats(&format!("{name}.losses"))) < 1e-4, "{name} losses");
        assert!(relative(&norms, &fixture.floats(&format!("{name}.update_norms"))) < 1e-4, "{name} update norms");
        let expected = fixture.under(&format!("{name}.after."));
        for (tensor, found) in tensors(&model).unwrap() {
            let error = relative(&found.values, &expected[&tensor].values);
            assert!(error < 1e-4, "{name}: {tensor} differs by {error:e}");
        }
    }
}
