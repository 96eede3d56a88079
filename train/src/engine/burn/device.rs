//! burn's devices as the seam names them.

use std::collections::HashMap;

use aees_run::nvidia::NvidiaGpu;
use burn::tensor::{Device, FloatDType};
#[cfg(feature = "gpu")]
use burn::{backend::DispatchDevice, tensor::DeviceType};

use crate::engine::{DeviceChoice, EngineDevice, EngineError};

/// The GPUs of this machine, best first.
pub(super) fn gpus() -> Vec<EngineDevice> {
    let drivers = drivers();
    let driver = |device: &EngineDevice| drivers.get(device.name.as_ref()?).cloned();
    found().into_iter().map(|(device, _)| EngineDevice { driver: driver(&device), ..device }).collect()
}

/// burn's own handle of a device, without gradients.
///
/// # Errors
/// When the device is not there any more.
pub fn handle(device: &EngineDevice) -> Result<Device, EngineError> {
    if device.choice == DeviceChoice::Cpu {
        return Ok(Device::flex());
    }
    let handle = found().into_iter().find(|(found, _)| found.choice == device.choice);
    handle.map(|(_, handle)| handle).ok_or_else(|| EngineError::Device {
        activity: "looked for its device",
        reason: format!("{} is gone", device.choice),
    })
}

/// Whether it multiplies in bf16. The processor would round to it without a gain.
pub(super) fn has_bf16(device: &EngineDevice) -> bool {
    !device.is_host() && handle(device).is_ok_and(|handle| handle.supports_dtype(FloatDType::BF16))
}

/// Whether CubeCL's tensor cores take f32 as TF32 there: its tuner chooses kernels by their speed alone. A card that does not tell
/// its generation is taken for a new one.
pub(super) fn may_take_tf32(device: &EngineDevice) -> bool {
    let DeviceChoice::Cuda(index) = device.choice else { return false };
    let capability = NvidiaGpu::of_cuda(index).as_ref().and_then(NvidiaGpu::compute_capability);
    capability.is_none_or(|(major, _)| major >= 8)
}

#[cfg(not(feature = "gpu"))]
fn found() -> Vec<(EngineDevice, Device)> {
    Vec::new()
}

#[cfg(feature = "gpu")]
fn found() -> Vec<(EngineDevice, Device)> {
    super::kernel_cache::keep();
    let mut found = Vec::new();
    #[cfg(feature = "cuda")]
    found.extend(enumerate(DeviceType::Cuda, "cuda", DeviceChoice::Cuda));
    #[cfg(feature = "vulkan")]
    found.extend(enumerate(DeviceType::Vulkan, "vulkan", DeviceChoice::Vulkan));
    #[cfg(feature = "wgpu")]
    found.extend(enumerate(DeviceType::Wgpu, "wgpu", |_| DeviceChoice::Wgpu).into_iter().take(1));
    found
}

#[cfg(feature = "gpu")]
fn enumerate(
    kind: DeviceType,
    backend: &'static str,
    choice: impl Fn(usize) -> DeviceChoice,
) -> Vec<(EngineDevice, Device)> {
    // A driver that is installed but broken panics in some back ends; to the user that is a machine without a GPU.
    let devices = std::panic::catch_unwind(move || Device::enumerate(kind).into_iter().collect::<Vec<_>>());
    let devices = devices.unwrap_or_default().into_iter().enumerate();
    let described = |(index, device): (usize, Device)| {
        let identity = device.identity();
        let software = identity.as_ref().is_some_and(|identity| identity.physical.is_none());
        let name = identity.map(|identity| identity.name);
        let memory_bytes = match device.as_dispatch() {
            DispatchDevice::Cube(card) => card.client().properties().memory.max_memory(),
            _ => None,
        };
        (EngineDevice { name, software, memory_bytes, ..EngineDevice::of(choice(index), backend) }, device)
    };
    devices.map(described).collect()
}

/// The drivers of parts that wgpu finds, with their versions, by the name of the part. Those that CUDA alone finds are NVML's to tell.
#[cfg(feature = "adapters")]
fn drivers() -> HashMap<String, String> {
    use burn::backend::wgpu::wgpu::{Backends, Instance, InstanceDescriptor};
    let backends = Backends::PRIMARY;
    let instance = Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() });
    let adapters = cubecl::future::block_on(instance.enumerate_adapters(backends));
    let told = adapters.iter().map(|adapter| adapter.get_info());
    let told = told.map(|info| (info.name, format!("{} {}", info.driver, info.driver_info).trim().to_owned()));
    told.filter(|(_, driver)| !driver.is_empty()).collect()
}

#[cfg(not(feature = "adapters"))]
fn drivers() -> HashMap<String, String> {
    HashMap::new()
}
