//! The engine of a run as its result names it.

use crate::engine::device::Found;
use aees_run::hardware::{Gpu, Gpus, Hardware};

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
}

impl EngineInfo {
    /// What is known of the burn engine on a device.
    pub fn of(device: &Found) -> Self {
        let name = device.choice.to_string();
        let kind = name.split(':').next().unwrap_or(&name).to_owned();
        let backend = if device.is_host() { "flex".to_owned() } else { kind.clone() };
        Self {
            engine: "burn 0.22.1".into(),
            backend,
            device: name,
            device_name: device.name.clone(),
            device_kind: kind,
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
