//! The engine of a run, and the program that holds it, as its result names them.

use aees_run::circumstances::{Build, MachineWatch};
use aees_run::hardware::{ComputeDevice, Gpu, Gpus, Hardware};
use aees_run::nvidia::NvidiaGpu;
use aees_run::settings::Precision;

use crate::engine::{DeviceChoice, Target};

/// The engine of a run, in words.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    /// The tensor library and its version.
    pub engine: String,
    /// Its back end.
    pub backend: String,
    /// The device as `--device` names it.
    pub device: String,
    /// The device's own name, where it has one.
    pub device_name: Option<String>,
    /// The reference's word for the kind of device: `cpu`, `cuda`, ...
    pub device_kind: String,
    /// In which it computes.
    pub precision: Precision,
}

impl EngineInfo {
    /// What is known of an engine on a device.
    pub fn of(target: &Target) -> Self {
        let device = target.device.choice.to_string();
        let kind = device.split(':').next().unwrap_or(&device).to_owned();
        Self {
            engine: target.engine.version().to_owned(),
            backend: target.device.backend.to_owned(),
            device,
            device_name: target.device.name.clone(),
            device_kind: kind,
            precision: target.precision,
        }
    }

    /// Fills in the device that computed, and its GPU if it is one, as far as its driver tells.
    /// `peak_memory_bytes` is what the engine counted.
    pub fn describe_device(&self, hardware: &mut Hardware, watch: &MachineWatch, peak_memory_bytes: Option<u64>) {
        let mut device = ComputeDevice {
            name: self.device_name.clone(),
            peak_memory_bytes,
            runtime: format!("{} {}", self.engine, self.backend),
            precision: self.precision.name().to_owned(),
            ..ComputeDevice::default()
        };
        if self.device_kind == "cpu" {
            device.name = hardware.cpu_model.clone();
            device.total_memory_bytes = hardware.total_memory_bytes;
            device.peak_memory_bytes = hardware.peak_resident_memory_bytes;
        } else {
            let gpus = self.gpus(watch, peak_memory_bytes);
            device.driver = gpus.driver.clone();
            if let Some(gpu) = gpus.devices.first() {
                device.name = Some(gpu.name.clone());
                device.index = gpu.index;
                device.total_memory_bytes = gpu.total_memory_bytes;
                device.peak_memory_bytes = gpu.peak_memory_bytes;
            }
            hardware.gpus = Some(gpus);
        }
        hardware.device = Some(device);
    }

    /// The GPU of the run as its driver tells, with what the engine counted.
    fn gpus(&self, watch: &MachineWatch, peak_memory_bytes: Option<u64>) -> Gpus {
        let card = watch.gpu();
        let told = card.and_then(|(gpu, seen)| gpu.describe(seen));
        let mut gpu = told.unwrap_or_else(|| Gpu {
            name: self.device_name.clone().unwrap_or_else(|| self.device.clone()),
            index: self.device.split_once(':').and_then(|(_, index)| index.parse().ok()),
            ..Gpu::default()
        });
        gpu.peak_memory_bytes = gpu.peak_memory_bytes.max(peak_memory_bytes);
        Gpus {
            interface: self.device_kind.clone(),
            driver: card.and_then(|(gpu, _)| gpu.driver()),
            runtime: card.and_then(|(gpu, _)| gpu.runtime()),
            devices: vec![gpu],
            current: Some(0),
        }
    }
}

/// Watches the machine, and the card if the run is on one that CUDA drives.
pub fn watch(target: &Target) -> MachineWatch {
    MachineWatch::start(match target.device.choice {
        DeviceChoice::Cuda(number) => NvidiaGpu::of_cuda(number),
        _ => None,
    })
}

/// How this program was built, as `build.rs` saw it.
pub fn this_build() -> Build {
    let words = |list: Option<&str>| {
        let words = list.unwrap_or_default().split(',').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    Build {
        git_commit: option_env!("AEES_GIT_COMMIT").map(str::to_owned),
        git_dirty: option_env!("AEES_GIT_DIRTY").map(|dirty| dirty == "true"),
        rustc: option_env!("AEES_RUSTC_VERSION").map(str::to_owned),
        target: option_env!("AEES_TARGET").map(str::to_owned),
        profile: option_env!("AEES_PROFILE").map(str::to_owned),
        features: words(option_env!("AEES_FEATURES")),
        target_features: words(option_env!("AEES_TARGET_FEATURES")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(device: &str) -> EngineInfo {
        EngineInfo {
            engine: "abacus 1".into(),
            backend: "beads".into(),
            device: device.into(),
            device_name: None,
            device_kind: device.split(':').next().unwrap().into(),
            precision: Precision::F32,
        }
    }

    #[test]
    fn a_processor_is_described_as_the_machine_tells() {
        let mut hardware = Hardware { cpu_model: Some("Z80".into()), ..Hardware::default() };
        (hardware.total_memory_bytes, hardware.peak_resident_memory_bytes) = (Some(65_536), Some(1_024));
        info("cpu").describe_device(&mut hardware, &MachineWatch::start(None), None);
        let device = hardware.device.unwrap();
        assert_eq!((device.name.as_deref(), device.index), (Some("Z80"), None));
        assert_eq!((device.total_memory_bytes, device.peak_memory_bytes), (Some(65_536), Some(1_024)));
        assert_eq!((device.runtime.as_str(), device.precision.as_str()), ("abacus 1 beads", "f32"));
        assert_eq!(hardware.gpus, None);
    }

    #[test]
    fn what_no_driver_tells_of_a_gpu_is_absent_but_what_the_engine_counts() {
        let mut hardware = Hardware::default();
        info("vulkan:1").describe_device(&mut hardware, &MachineWatch::start(None), Some(1 << 30));
        let (device, gpus) = (hardware.device.unwrap(), hardware.gpus.unwrap());
        assert_eq!((device.name.as_deref(), device.index), (Some("vulkan:1"), Some(1)));
        assert_eq!((device.total_memory_bytes, device.peak_memory_bytes), (None, Some(1 << 30)));
        assert_eq!((device.driver, device.runtime.as_str()), (None, "abacus 1 beads"));
        assert_eq!((gpus.interface.as_str(), gpus.driver, gpus.current), ("vulkan", None, Some(0)));
        assert_eq!(gpus.devices[0].peak_memory_bytes, device.peak_memory_bytes);
    }

    #[test]
    fn a_build_knows_its_compiler() {
        let build = this_build();
        assert!(build.rustc.is_some_and(|rustc| rustc.starts_with("rustc ")));
        assert!(build.target.is_some_and(|target| target.contains(std::env::consts::ARCH)));
        assert_eq!(build.git_commit.is_some(), build.git_dirty.is_some());
        assert_eq!(build.features.contains(&"cuda".to_owned()), cfg!(feature = "cuda"));
    }
}
