//! Engines on burn: Flex, its pure Rust back end, on the CPU, and every GPU that it drives.
//!
//! Nothing outside this folder knows burn. What differs between tasks is a workload: `images.rs` on the CPU,
//! `resident_images.rs` on GPUs, and `sentences.rs`.

pub mod device;
mod dropout;
mod engine;
mod images;
#[cfg(feature = "gpu")]
mod kernel_cache;
#[cfg(feature = "gpu")]
mod kernels;
pub mod optimizer;
mod product;
#[cfg(feature = "gpu")]
mod resident_images;
#[cfg(feature = "gpu")]
mod resident_plan;
#[cfg(feature = "gpu")]
mod resident_sentences;
mod sentences;
#[cfg(feature = "gpu")]
mod work;

use aees_models::ModelSpec;
use aees_models::burn::{ResNet18, TextClassifier};

use super::{DeviceChoice, Engine, EngineData, EngineDevice, EngineError, EngineFactory, EngineJob};
use aees_run::settings::Precision;
use engine::{BurnEngine, StepsOfJob};
use images::ImageWorkload;
use optimizer::Optimizer;
#[cfg(feature = "gpu")]
use resident_images::ResidentImages;
#[cfg(feature = "gpu")]
use resident_sentences::ResidentSentences;
use sentences::SentenceWorkload;

/// Makes engines on burn.
pub struct BurnFactory;

impl EngineFactory for BurnFactory {
    fn name(&self) -> &'static str {
        "burn"
    }

    fn version(&self) -> &'static str {
        "burn 0.22.1"
    }

    fn precisions(&self, device: &EngineDevice) -> &'static [Precision] {
        match (device::has_bf16(device), device::may_take_tf32(device)) {
            (true, true) => &[Precision::F32, Precision::Tf32, Precision::Bf16],
            (true, false) => &[Precision::F32, Precision::Bf16],
            (false, true) => &[Precision::F32, Precision::Tf32],
            (false, false) => &[Precision::F32],
        }
    }

    fn caveat(&self, device: &EngineDevice, precision: Precision) -> Option<&'static str> {
        (precision == Precision::F32 && device::may_take_tf32(device)).then_some(
            "burn multiplies f32 numbers in TF32 on this card where that is faster, and has no switch for it: --precision tf32 \
             says so by name, --engine libtorch computes in f32",
        )
    }

    fn cpu(&self) -> Option<EngineDevice> {
        Some(EngineDevice::of(DeviceChoice::Cpu, "flex"))
    }

    fn gpus(&self) -> Vec<EngineDevice> {
        device::gpus()
    }

    #[cfg(feature = "gpu")]
    fn caches(&self) -> Vec<std::path::PathBuf> {
        vec![kernel_cache::folder()]
    }

    fn product_seconds(&self, device: &EngineDevice, precision: Precision, side: usize) -> Result<f64, EngineError> {
        product::seconds(&device::handle(device)?, precision, side)
    }

    fn lacks(&self, wanted: DeviceChoice) -> Option<String> {
        let compiled = match wanted {
            DeviceChoice::Auto | DeviceChoice::Cpu => true,
            DeviceChoice::Cuda(_) => cfg!(feature = "cuda"),
            DeviceChoice::Vulkan(_) => cfg!(feature = "vulkan"),
            DeviceChoice::Wgpu => cfg!(feature = "wgpu"),
        };
        let feature = wanted.feature().filter(|_| !compiled)?;
        Some(format!("this program was built without {feature}"))
    }

    fn build(
        &self,
        job: EngineJob,
        device: &EngineDevice,
        precision: Precision,
    ) -> Result<Box<dyn Engine>, EngineError> {
        let on_host = device.is_host();
        let device = device::handle(device)?;
        let training = device.clone().autodiff();
        let EngineJob { model, tensors, data, optimizer, noise_seed, dropout_seed, evaluation_batch, .. } = job;
        let steps = StepsOfJob { data: data.clone(), micro_batch: job.batch_size, evaluation_batch };
        let unfit = |error: aees_models::WeightError| EngineError::Weights(error.to_string());
        match (model, data) {
            (ModelSpec::ResNet18(config), EngineData::Images(data)) => {
                let network = ResNet18::new(&config, tensors, precision, &training).map_err(unfit)?;
                let optimizer = Optimizer::new(optimizer, noise_seed, &network);
                #[cfg(feature = "gpu")]
                if !on_host {
                    let images = ResidentImages::new(&data, &device)?;
                    return Ok(Box::new(BurnEngine::new(images, network, optimizer, steps, on_host)));
                }
                let images = ImageWorkload::new(data, &device);
                Ok(Box::new(BurnEngine::new(images, network, optimizer, steps, on_host)))
            }
            (ModelSpec::TextClassifier(config), EngineData::Sentences(data)) => {
                let network = TextClassifier::new(&config, tensors, precision, &training).map_err(unfit)?;
                let optimizer = Optimizer::new(optimizer, noise_seed, &network);
                #[cfg(feature = "gpu")]
                if !on_host {
                    let sentences = ResidentSentences::new(data, config, dropout_seed, &device)?;
                    return Ok(Box::new(BurnEngine::new(sentences, network, optimizer, steps, on_host)));
                }
                let sentences = SentenceWorkload::new(data, config, dropout_seed, &device);
                Ok(Box::new(BurnEngine::new(sentences, network, optimizer, steps, on_host)))
            }
            _ => Err(EngineError::Job { engine: self.name() }),
        }
    }
}
