//! The keys of `hardware`: the machine's, and a few copied from the configuration.

use serde_json::Value;

use super::field::{self, Object};
use crate::hardware::Hardware;

/// What the reference records of a machine. `None` becomes null.
///
/// `HardwareFields::default()` is all null: for computing metrics of a file whose machine is not at hand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HardwareFields {
    /// The host's name.
    pub hostname: Option<String>,
    /// Operating system, version and processor family.
    pub platform: Option<String>,
    /// Null for us: no Python takes part.
    pub python_version: Option<String>,
    /// Null, except in an engine that uses libtorch.
    pub torch_version: Option<String>,
    /// Whether there is a GPU that CUDA can use.
    pub cuda_available: Option<bool>,
    /// The CUDA version that libtorch was built with.
    pub torch_cuda_version: Option<String>,
    /// cuDNN's version as one integer, such as 91002.
    pub cudnn_version: Option<i64>,
    /// One name for each GPU.
    pub gpu_names: Option<Vec<String>>,
    /// The memory of each GPU in whole mebibytes; 0 where it is not known, as in the reference.
    pub gpu_total_memory_mb: Option<Vec<u64>>,
    /// Which GPU the run uses.
    pub current_device_index: Option<usize>,
    /// That GPU's name.
    pub current_device_name: Option<String>,
}

impl From<&Hardware> for HardwareFields {
    /// A machine without probed GPUs counts as one that has none, as the reference has it for a run on the CPU.
    fn from(machine: &Hardware) -> Self {
        let gpus = machine.gpus.as_ref();
        let devices = gpus.map_or(&[][..], |gpus| &gpus.devices);
        let current = gpus.and_then(|gpus| gpus.current).filter(|index| *index < devices.len());
        let mebibytes = |bytes: Option<u64>| bytes.unwrap_or(0) / (1 << 20);
        Self {
            hostname: machine.hostname.clone(),
            platform: Some(machine.platform.clone()),
            cuda_available: Some(!devices.is_empty() && gpus.is_some_and(|gpus| gpus.interface == "cuda")),
            gpu_names: Some(devices.iter().map(|gpu| gpu.name.clone()).collect()),
            gpu_total_memory_mb: Some(devices.iter().map(|gpu| mebibytes(gpu.total_memory_bytes)).collect()),
            current_device_index: current,
            current_device_name: current.map(|index| devices[index].name.clone()),
            ..Self::default()
        }
    }
}

/// The object `hardware`.
pub(super) fn hardware_metadata(machine: &HardwareFields, config: &Object) -> Object {
    let count = machine.gpu_names.as_ref().map(Vec::len);
    let entries = [
        ("hostname", Value::from(machine.hostname.clone())),
        ("platform", Value::from(machine.platform.clone())),
        ("python_version", Value::from(machine.python_version.clone())),
        ("torch_version", Value::from(machine.torch_version.clone())),
        ("cuda_available", Value::from(machine.cuda_available)),
        ("torch_cuda_version", Value::from(machine.torch_cuda_version.clone())),
        ("cudnn_version", Value::from(machine.cudnn_version)),
        ("gpu_count", Value::from(count)),
        ("gpu_names", Value::from(machine.gpu_names.clone())),
        ("gpu_total_memory_mb", Value::from(machine.gpu_total_memory_mb.clone())),
        ("current_device_index", Value::from(machine.current_device_index)),
        ("current_device_name", Value::from(machine.current_device_name.clone())),
        ("device_from_config", field::anything(config, "device")),
        ("num_workers_from_config", Value::from(field::integer(config, "num_workers"))),
        ("pin_memory_from_config", field::boolean_or_null(config, "pin_memory")),
        ("mixed_precision_from_config", field::boolean_or_null(config, "mixed_precision")),
        ("bf16_from_config", field::boolean_or_null(config, "bf16")),
        ("fp16_from_config", field::boolean_or_null(config, "fp16")),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
