//! The engine of a run as its result names it.

use aees_run::hardware::{Gpu, Gpus, Hardware};
use aees_run::settings::Precision;

use crate::engine::Target;

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

    /// Fills in what the engine knows of its GPU; a run on the CPU uses none.
    pub fn describe_gpu(&self, hardware: &mut Hardware) {
        if self.device_kind == "cpu" {
            return;
        }
        let name = self.device_name.clone().unwrap_or_else(|| self.device.clone());
        let devices = vec![Gpu { name, total_memory_bytes: None }];
        hardware.gpus = Some(Gpus { interface: self.device_kind.clone(), driver: None, devices, current: Some(0) });
    }
}
