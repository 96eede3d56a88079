//! Engines on libtorch, through tch: oneDNN on the CPU, cuDNN and cuBLAS on CUDA.
//!
//! Nothing outside this folder and `models/src/libtorch` knows tch. What differs between tasks is a workload: `images.rs` and
//! `sentences.rs`. What libtorch promises less than burn: on the CPU the same number of threads gives the same bits, another one may
//! not.

mod device;
mod dropout;
mod engine;
mod images;
mod optimizer;
mod philox;
mod recorded;
mod sentences;

use aees_models::ModelSpec;
use aees_models::libtorch::{NetworkTensors, TorchError, shim};
use aees_run::nvidia::NvidiaGpu;
use aees_run::settings::Precision;

use super::guarded::device_error;
use super::{DeviceChoice, Engine, EngineData, EngineDevice, EngineError, EngineFactory, EngineJob};
use crate::optimizer::TILE;
use device::Computing;
use engine::{LibtorchEngine, Workload};
use images::ImageWorkload;
use optimizer::Optimizer;
use sentences::SentenceWorkload;

/// Makes engines on libtorch.
pub struct LibtorchFactory;

impl EngineFactory for LibtorchFactory {
    fn name(&self) -> &'static str {
        "libtorch"
    }

    fn version(&self) -> &'static str {
        "libtorch 2.13.0 (tch 0.26.0)"
    }

    fn precisions(&self, device: &EngineDevice) -> &'static [Precision] {
        match device.choice {
            DeviceChoice::Cuda(index) => {
                device::precisions(NvidiaGpu::of_cuda(index).as_ref().and_then(NvidiaGpu::compute_capability))
            }
            _ => &[Precision::F32, Precision::Bf16],
        }
    }

    fn cpu(&self) -> Option<EngineDevice> {
        Some(EngineDevice::of(DeviceChoice::Cpu, "libtorch"))
    }

    fn gpus(&self) -> Vec<EngineDevice> {
        device::gpus()
    }

    fn lacks(&self, wanted: DeviceChoice) -> Option<String> {
        match wanted {
            DeviceChoice::Auto | DeviceChoice::Cpu => None,
            DeviceChoice::Cuda(_) => {
                let error = shim::load_cuda().err()?;
                Some(format!("libtorch's part for CUDA cannot be loaded ({error})"))
            }
            DeviceChoice::Vulkan(_) | DeviceChoice::Wgpu => {
                Some("the engine libtorch computes on the CPU and on CUDA alone".into())
            }
        }
    }

    fn product_seconds(&self, device: &EngineDevice, precision: Precision, side: usize) -> Result<f64, EngineError> {
        Computing::new(device, precision)?.product_seconds(side)
    }

    fn build(
        &self,
        job: EngineJob,
        device: &EngineDevice,
        precision: Precision,
    ) -> Result<Box<dyn Engine>, EngineError> {
        check_version(shim::version_built_for(), &shim::version_loaded().map_err(failed("looked at libtorch"))?)?;
        let place = Computing::new(device, precision)?;
        let EngineJob { model, tensors, data, optimizer, noise_seed, dropout_seed, .. } = job;
        let (micro_batch, evaluation_batch) = (job.batch_size, job.evaluation_batch);
        let unfit = |error: aees_models::WeightError| EngineError::Weights(error.to_string());
        // Each parameter begins a tile of the gradient noise.
        let tensors = NetworkTensors::new(model.tensors(), &tensors, TILE, place.device).map_err(unfit)?;
        let workload: Box<dyn Workload> = match (model, data) {
            (ModelSpec::ResNet18(config), EngineData::Images(data)) => {
                Box::new(ImageWorkload::new(&config, &tensors, data, place.device).map_err(unfit)?)
            }
            (ModelSpec::TextClassifier(config), EngineData::Sentences(data)) => {
                Box::new(SentenceWorkload::new(config, &tensors, data, dropout_seed, place.device).map_err(unfit)?)
            }
            _ => return Err(EngineError::Job { engine: self.name() }),
        };
        let optimizer = Optimizer::new(optimizer, noise_seed, &tensors);
        Ok(Box::new(LibtorchEngine::new(place, workload, tensors, optimizer, micro_batch, evaluation_batch)))
    }
}

/// Whether the library that was loaded is the one that this program was compiled for.
fn check_version(wanted: &str, found: &str) -> Result<(), EngineError> {
    if found == wanted {
        return Ok(());
    }
    let reason = format!(
        "this program was built for libtorch {wanted}, and {found} was loaded: install torch=={wanted} where it was, or build \
         again (docs/libtorch.md)"
    );
    Err(EngineError::Device { activity: "looked at libtorch", reason })
}

fn failed(activity: &'static str) -> impl Fn(TorchError) -> EngineError {
    move |error| device_error(activity, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_libtorch_of_another_version_is_refused_with_both_versions_and_what_to_do() {
        let [wanted, found] = [shim::version_built_for(), &shim::version_loaded().unwrap()];
        check_version(wanted, found).unwrap();
        let error = check_version(wanted, "2.9.1").unwrap_err().to_string();
        for part in [wanted, "2.9.1 was loaded", "install torch==", "build again", "docs/libtorch.md"] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}
