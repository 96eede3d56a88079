//! An NVIDIA GPU as its driver sees it: name, index, memory, clocks, and what this process uses of it.
//!
//! NVML is loaded when it is asked for, so that the program runs on machines without it; there everything here is absent. What a
//! driver does not tell is absent too, never an error: no run fails because its card is silent.

use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};

use crate::hardware::{Clocks, Gpu, Gpus};

/// All cards of this machine and their driver, as NVML sees them; none without a driver. Which of them CUDA may see is
/// another question.
pub fn installed() -> Option<Gpus> {
    let count = Nvml::init().ok()?.device_count().ok()?;
    let cards: Vec<NvidiaGpu> =
        (0..count).filter_map(|index| Some(NvidiaGpu { nvml: Nvml::init().ok()?, index })).collect();
    Some(Gpus {
        interface: "cuda".to_owned(),
        driver: cards.first().and_then(NvidiaGpu::driver),
        runtime: cards.first().and_then(NvidiaGpu::runtime),
        devices: cards.iter().filter_map(|card| card.describe(&GpuUse::default())).collect(),
        current: None,
    })
}

/// A card, and the library that answers for it.
#[derive(Debug)]
pub struct NvidiaGpu {
    nvml: Nvml,
    index: u32,
}

/// What a card was seen to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuUse {
    /// Memory that this process held, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes other than this one that computed on it.
    pub other_processes: Option<usize>,
    /// How fast it went.
    pub clocks: Option<Clocks>,
}

impl NvidiaGpu {
    /// The card that CUDA calls by this number; none without a driver, or without such a card.
    pub fn of_cuda(number: usize) -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let index = match visible_card(visible.as_deref(), number)? {
            Card::Index(index) => nvml.device_by_index(index).ok()?.index().ok()?,
            Card::Uuid(uuid) => nvml.device_by_uuid(uuid).ok()?.index().ok()?,
        };
        Some(Self { nvml, index })
    }

    fn device(&self) -> Option<Device<'_>> {
        self.nvml.device_by_index(self.index).ok()
    }

    /// The driver's version.
    pub fn driver(&self) -> Option<String> {
        self.nvml.sys_driver_version().ok()
    }

    /// The newest CUDA runtime that the driver serves, as in `12.8`.
    pub fn runtime(&self) -> Option<String> {
        let version = self.nvml.sys_cuda_driver_version().ok()?;
        Some(format!("{}.{}", cuda_driver_version_major(version), cuda_driver_version_minor(version)))
    }

    /// Its generation, as CUDA counts them: 8.0 is the first one that multiplies in TF32 and bf16.
    pub fn compute_capability(&self) -> Option<(i32, i32)> {
        let version = self.device()?.cuda_compute_capability().ok()?;
        Some((version.major, version.minor))
    }

    /// The card, with what it was seen to do.
    pub fn describe(&self, seen: &GpuUse) -> Option<Gpu> {
        let device = self.device()?;
        Some(Gpu {
            name: device.name().ok()?,
            index: Some(self.index),
            total_memory_bytes: device.memory_info().ok().map(|memory| memory.total),
            peak_memory_bytes: seen.memory_bytes,
            other_processes: seen.other_processes,
            clocks: seen.clocks.clone(),
            highest_clocks: clocks(|clock| device.max_clock_info(clock).ok()),
        })
    }

    /// What it does now.
    pub fn usage(&self) -> GpuUse {
        let Some(device) = self.device() else { return GpuUse::default() };
        let processes = device.running_compute_processes().ok();
        let own = std::process::id();
        let memory = processes.iter().flatten().find(|process| process.pid == own);
        let memory_bytes = memory.and_then(|process| match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        });
        GpuUse {
            memory_bytes,
            other_processes: processes.map(|all| all.iter().filter(|process| process.pid != own).count()),
            clocks: clocks(|clock| device.clock_info(clock).ok()),
        }
    }
}

impl GpuUse {
    /// The most of two looks.
    pub fn most(self, other: &Self) -> Self {
        let clocks = match (self.clocks, &other.clocks) {
            (Some(before), Some(now)) => Some(before.most(now)),
            (before, now) => before.or_else(|| now.clone()),
        };
        Self {
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            other_processes: self.other_processes.max(other.other_processes),
            clocks,
        }
    }
}

fn clocks(of: impl Fn(Clock) -> Option<u32>) -> Option<Clocks> {
    let found = Clocks { graphics_mhz: of(Clock::Graphics), sm_mhz: of(Clock::SM), memory_mhz: of(Clock::Memory) };
    (found != Clocks::default()).then_some(found)
}

/// A card as `CUDA_VISIBLE_DEVICES` names it.
#[derive(Debug, PartialEq)]
enum Card<'a> {
    Index(u32),
    Uuid(&'a str),
}

/// CUDA counts the cards that it may see, and stops at the first word that names none.
fn visible_card(visible: Option<&str>, number: usize) -> Option<Card<'_>> {
    let Some(visible) = visible else { return Some(Card::Index(u32::try_from(number).ok()?)) };
    let words = visible.split(',').map(str::trim);
    let cards = words.map_while(|word| match word.parse() {
        Ok(index) => Some(Card::Index(index)),
        Err(_) => word.starts_with("GPU-").then_some(Card::Uuid(word)),
    });
    cards.into_iter().nth(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_counted_as_cuda_counts_them() {
        assert_eq!(visible_card(None, 2), Some(Card::Index(2)));
        assert_eq!(visible_card(Some("3,1"), 0), Some(Card::Index(3)));
        assert_eq!(visible_card(Some("3, GPU-abc"), 1), Some(Card::Uuid("GPU-abc")));
        assert_eq!(visible_card(Some("3,-1,2"), 2), None);
        assert_eq!(visible_card(Some(""), 0), None);
    }

    /// On a machine without a driver that is no error, and no card.
    #[test]
    fn what_is_not_there_is_absent() {
        if Nvml::init().is_err() {
            assert!(NvidiaGpu::of_cuda(0).is_none());
        }
        assert!(NvidiaGpu::of_cuda(4_000).is_none());
        assert!(installed().is_none_or(|gpus| gpus.driver.is_some() || gpus.devices.is_empty()));
    }

    #[test]
    fn the_most_of_two_looks_is_kept() {
        let clocks = |mhz| Some(Clocks { graphics_mhz: Some(mhz), sm_mhz: None, memory_mhz: Some(3_000 - mhz) });
        let one = GpuUse { memory_bytes: Some(5), other_processes: None, clocks: clocks(1_000) };
        let two = GpuUse { memory_bytes: Some(3), other_processes: Some(1), clocks: clocks(2_000) };
        let most = Clocks { graphics_mhz: Some(2_000), sm_mhz: None, memory_mhz: Some(2_000) };
        let expected = GpuUse { memory_bytes: Some(5), other_processes: Some(1), clocks: Some(most) };
        assert_eq!(one.most(&two), expected);
    }
}
