//! The engine of a run, and the program that holds it, as its result names them.

use aees_run::circumstances::{Build, MachineWatch};
use aees_run::hardware::{ComputeDevice, Gpu, Gpus, Hardware};
use aees_run::nvidia::NvidiaGpu;
use aees_run::settings::Precision;

use crate::engine::{DeviceChoice, EngineDevice, Target};

/// The engine of a run, and where it computes.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    /// The tensor library and its version.
    pub engine: &'static str,
    /// The device.
    pub device: EngineDevice,
    /// In which it computes.
    pub precision: Precision,
}

impl EngineInfo {
    /// What is known of an engine on a device.
    pub fn of(target: &Target) -> Self {
        let Target { engine, device, precision } = target;
        Self { engine: engine.version(), device: device.clone(), precision: *precision }
    }

    /// Fills in the device that computed, and its GPU if it is one, as far as its driver tells.
    /// `peak_memory_bytes` is what the engine counted.
    pub fn describe_device(&self, hardware: &mut Hardware, watch: &MachineWatch, peak_memory_bytes: Option<u64>) {
        let runtime = format!("{} {}", self.engine, self.device.backend);
        let mut device =
            ComputeDevice { runtime, precision: self.precision.name().to_owned(), ..ComputeDevice::default() };
        if self.device.is_host() {
            device.name = hardware.cpu_model.clone();
            device.total_memory_bytes = hardware.total_memory_bytes;
            device.peak_memory_bytes = hardware.peak_resident_memory_bytes;
        } else {
            let gpu = self.gpu(watch, peak_memory_bytes);
            let card = watch.gpu().map(|(card, _)| card);
            device.name = Some(gpu.name.clone());
            device.index = gpu.index;
            device.total_memory_bytes = gpu.total_memory_bytes;
            device.peak_memory_bytes = gpu.peak_memory_bytes;
            device.driver = card.and_then(NvidiaGpu::driver).or_else(|| self.device.driver.clone());
            hardware.gpus = Some(Gpus {
                interface: self.device.choice.kind().to_owned(),
                driver: device.driver.clone(),
                runtime: card.and_then(NvidiaGpu::runtime),
                devices: vec![gpu],
                current: Some(0),
            });
        }
        hardware.device = Some(device);
    }

    /// The GPU of the run as its driver tells, else as the engine does, with what the engine counted.
    fn gpu(&self, watch: &MachineWatch, peak_memory_bytes: Option<u64>) -> Gpu {
        let told = watch.gpu().and_then(|(card, seen)| card.describe(seen));
        let mut gpu = told.unwrap_or_else(|| Gpu {
            name: self.device.name.clone().unwrap_or_else(|| self.device.choice.to_string()),
            index: self.device.choice.index().and_then(|index| index.try_into().ok()),
            total_memory_bytes: self.device.memory_bytes,
            ..Gpu::default()
        });
        gpu.peak_memory_bytes = gpu.peak_memory_bytes.max(peak_memory_bytes);
        gpu
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
        let device = EngineDevice::of(device.parse().unwrap(), "beads");
        EngineInfo { engine: "abacus 1", device, precision: Precision::F32 }
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
    fn what_an_engine_knows_of_a_gpu_stands_where_no_driver_tells_it() {
        let mut info = info("vulkan:0");
        let driver = Some("llvmpipe Mesa 25".to_owned());
        (info.device.memory_bytes, info.device.driver) = (Some(1 << 34), driver.clone());
        let mut hardware = Hardware::default();
        info.describe_device(&mut hardware, &MachineWatch::start(None), None);
        let (device, gpus) = (hardware.device.unwrap(), hardware.gpus.unwrap());
        assert_eq!((device.total_memory_bytes, &device.driver), (Some(1 << 34), &driver));
        assert_eq!((gpus.devices[0].total_memory_bytes, gpus.driver), (Some(1 << 34), driver));
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
