//! What machine a run ran on: names, cores, memory, and what an engine knows about its GPUs.
//!
//! Numbers of a run mean something only beside their machine, so this is written into every RunResult. CPU, memory and
//! host come from the crate `sysinfo` (its `system` part alone), because it also answers on macOS and Windows; the peak
//! memory of this process, which it does not know, is read from `/proc` on Linux. GPUs are not probed here: the engine
//! that drives them fills the fields.

use std::thread;

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// A machine, as far as it could be asked. What is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// The host's name on its network.
    pub hostname: Option<String>,
    /// Operating system, its version and the processor family, such as `Linux-5.15.0-91-generic-x86_64`.
    pub platform: String,
    /// The processor's name as it calls itself.
    pub cpu_model: Option<String>,
    /// Cores of the machine.
    pub physical_cores: Option<usize>,
    /// Hardware threads of the machine.
    pub logical_cores: Option<usize>,
    /// Hardware threads that this process may use: fewer than `logical_cores` under an affinity mask or a quota.
    pub available_cores: Option<usize>,
    /// Memory of the machine, in bytes.
    pub total_memory_bytes: Option<u64>,
    /// The most memory this process has held at once, in bytes. Linux only.
    pub peak_resident_memory_bytes: Option<u64>,
    /// The GPUs, filled by an engine that uses them.
    pub gpus: Option<Gpus>,
    /// The device that the run computed on, filled by every engine.
    pub device: Option<ComputeDevice>,
}

/// The one device that a run computed on: the processor, or a GPU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComputeDevice {
    /// As the part names itself.
    pub name: Option<String>,
    /// Its number in the machine; a processor has none.
    pub index: Option<u32>,
    /// Its memory, in bytes; the machine's for a processor.
    pub total_memory_bytes: Option<u64>,
    /// The most of it that this process held, in bytes, as far as driver or engine tell.
    pub peak_memory_bytes: Option<u64>,
    /// The driver's version; a processor has none.
    pub driver: Option<String>,
    /// What computed on it: tensor library or back end, with the version of the runtime where it is known.
    pub runtime: String,
    /// The arithmetic of matrix products and convolutions: `f32`, `tf32` or `bf16`.
    pub precision: String,
}

/// GPUs as an engine sees them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpus {
    /// The programming interface: `cuda`, `vulkan`, `metal`, ...
    pub interface: String,
    /// The driver's version.
    pub driver: Option<String>,
    /// The newest runtime that the driver serves.
    pub runtime: Option<String>,
    /// The GPUs, in the engine's order.
    pub devices: Vec<Gpu>,
    /// Which of `devices` the run uses.
    pub current: Option<usize>,
}

/// One GPU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Its name, such as `NVIDIA GeForce RTX 5090`.
    pub name: String,
    /// Its number in the machine.
    pub index: Option<u32>,
    /// Its memory, in bytes.
    pub total_memory_bytes: Option<u64>,
    /// The most of it that this process was seen to hold, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// The most other processes that were seen to compute on it.
    pub other_processes: Option<usize>,
    /// The highest clocks that were seen.
    pub clocks: Option<Clocks>,
    /// The clocks that it can reach.
    pub highest_clocks: Option<Clocks>,
}

/// Clocks of a GPU, in MHz.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// Of the graphics engine.
    pub graphics_mhz: Option<u32>,
    /// Of the multiprocessors.
    pub sm_mhz: Option<u32>,
    /// Of the memory.
    pub memory_mhz: Option<u32>,
}

impl Clocks {
    /// The higher of each.
    pub fn most(&self, other: &Self) -> Self {
        Self {
            graphics_mhz: self.graphics_mhz.max(other.graphics_mhz),
            sm_mhz: self.sm_mhz.max(other.sm_mhz),
            memory_mhz: self.memory_mhz.max(other.memory_mhz),
        }
    }
}

impl Hardware {
    /// Asks the operating system. Takes a few milliseconds and never fails; call it when a run ends, so that the peak of
    /// memory is the run's.
    pub fn probe() -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).ok();
        let cpus = system.as_ref().map_or(&[][..], System::cpus);
        let model = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
        Self {
            hostname: host_name(),
            platform: platform(),
            cpu_model: model.filter(|model| !model.is_empty()),
            physical_cores: System::physical_core_count().ok(),
            logical_cores: Some(cpus.len()).filter(|count| *count > 0),
            available_cores: thread::available_parallelism().ok().map(usize::from),
            total_memory_bytes: system.as_ref().map(System::total_memory).filter(|bytes| *bytes > 0),
            peak_resident_memory_bytes: peak_resident_memory_bytes(),
            gpus: None,
            device: None,
        }
    }
}

/// The most bytes that this process can have: the machine's memory and swap, or what its control group is given of it.
/// `None` where the system does not tell.
pub fn memory_limit() -> Option<u64> {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything())).ok()?;
    let machine = system.total_memory().saturating_add(system.total_swap());
    let group = system.cgroup_limits().map(|limits| limits.total_memory).filter(|bytes| *bytes > 0);
    Some(group.map_or(machine, |group| group.min(machine))).filter(|bytes| *bytes > 0)
}

/// The host's name on its network.
pub fn host_name() -> Option<String> {
    System::host_name().ok().filter(|name| !name.is_empty())
}

/// The most memory this process has held at once, in bytes. `None` elsewhere than on Linux.
pub fn peak_resident_memory_bytes() -> Option<u64> {
    if cfg!(target_os = "linux") { peak_in_status(&std::fs::read_to_string("/proc/self/status").ok()?) } else { None }
}

/// Finds `VmHWM:    12345 kB`.
fn peak_in_status(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// As Python's `platform.platform()`, without its note about the C library.
fn platform() -> String {
    let (name, version) = match std::env::consts::OS {
        "linux" => ("Linux", System::kernel_version().ok()),
        "macos" => ("macOS", System::os_version().ok()),
        "windows" => ("Windows", System::kernel_version().ok()),
        other => (other, System::kernel_version().ok()),
    };
    let version = version.map(|version| format!("{version}-")).unwrap_or_default();
    format!("{name}-{version}{}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers() {
        let hardware = Hardware::probe();
        assert!(hardware.platform.contains(std::env::consts::ARCH), "{hardware:?}");
        assert!(hardware.logical_cores >= Some(1), "{hardware:?}");
        assert!(hardware.available_cores >= Some(1), "{hardware:?}");
        assert!(hardware.total_memory_bytes > Some(1 << 20), "{hardware:?}");
        if cfg!(target_os = "linux") {
            assert!(hardware.hostname.is_some(), "{hardware:?}");
            assert!(hardware.platform.starts_with("Linux-"), "{hardware:?}");
            let total = hardware.total_memory_bytes.unwrap();
            let peak = hardware.peak_resident_memory_bytes.unwrap();
            assert!((100_000..=total).contains(&peak), "{hardware:?}");
        }
    }

    #[test]
    fn the_peak_is_found_in_a_status_file() {
        let status = "Name:\taees\nVmPeak:\t  999999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!(peak_in_status(status), Some(12_345 * 1024));
        for odd in ["", "VmRSS:\t 1 kB\n", "VmHWM:\t x kB\n", "VmHWM:\t 12\n", "VmHWM:\t 18446744073709551615 kB\n"] {
            assert_eq!(peak_in_status(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn it_survives_json() {
        let mut hardware = Hardware::probe();
        let gpu = Gpu { name: "Some GPU".to_owned(), total_memory_bytes: Some(32 << 30), ..Gpu::default() };
        let driver = Some("580.1".to_owned());
        hardware.gpus =
            Some(Gpus { interface: "cuda".to_owned(), driver, runtime: None, devices: vec![gpu], current: Some(0) });
        let runtime = "cuda 12.8".to_owned();
        hardware.device = Some(ComputeDevice { index: Some(0), runtime, ..ComputeDevice::default() });
        let text = serde_json::to_string(&hardware).unwrap();
        assert_eq!(serde_json::from_str::<Hardware>(&text).unwrap(), hardware);
    }
}
