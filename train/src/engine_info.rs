//! The engine of a run, and the program that holds it, as its result names them.

use aees_run::circumstances::{Build, MachineWatch};
use aees_run::hardware::{Gpu, Gpus, Hardware};
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

    /// Fills in what is known of its GPU: what its driver tells, or else what the engine does. A run on the CPU uses none.
    pub fn describe_gpu(&self, hardware: &mut Hardware, watch: &MachineWatch) {
        if self.device_kind == "cpu" {
            return;
        }
        let name = self.device_name.clone().unwrap_or_else(|| self.device.clone());
        let told = watch.gpu().and_then(|(gpu, seen)| gpu.describe(seen));
        hardware.gpus = Some(Gpus {
            interface: self.device_kind.clone(),
            driver: watch.gpu().and_then(|(gpu, _)| gpu.driver()),
            runtime: watch.gpu().and_then(|(gpu, _)| gpu.runtime()),
            devices: vec![told.unwrap_or_else(|| Gpu { name, ..Gpu::default() })],
            current: Some(0),
        });
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

    #[test]
    fn a_build_knows_its_compiler() {
        let build = this_build();
        assert!(build.rustc.is_some_and(|rustc| rustc.starts_with("rustc ")));
        assert!(build.target.is_some_and(|target| target.contains(std::env::consts::ARCH)));
        assert_eq!(build.git_commit.is_some(), build.git_dirty.is_some());
        assert_eq!(build.features.contains(&"cuda".to_owned()), cfg!(feature = "cuda"));
    }
}
