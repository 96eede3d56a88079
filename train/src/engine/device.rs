//! Devices: what a user may ask for, and what an engine finds on this machine.

use std::fmt;
use std::str::FromStr;

/// What `--device` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device, else the first Vulkan or wgpu device, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by index.
    Cuda(usize),
    /// A Vulkan device by index.
    Vulkan(usize),
    /// Whatever wgpu finds best.
    Wgpu,
}

/// Not a device's name.
#[derive(Debug, thiserror::Error)]
#[error("invalid device {0:?}: expected auto, cpu, cuda:N, vulkan:N or wgpu")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(text.to_owned());
        let (kind, index) = match text.split_once(':') {
            Some((kind, index)) => (kind, Some(index.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (kind, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("vulkan", index) => Ok(Self::Vulkan(index.unwrap_or(0))),
            ("wgpu", None) => Ok(Self::Wgpu),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(formatter, "{}:{index}", self.kind()),
            None => formatter.write_str(self.kind()),
        }
    }
}

impl DeviceChoice {
    /// What stands before the colon.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
            Self::Vulkan(_) => "vulkan",
            Self::Wgpu => "wgpu",
        }
    }

    /// Its number among its kind, where there can be several.
    pub fn index(self) -> Option<usize> {
        match self {
            Self::Cuda(index) | Self::Vulkan(index) => Some(index),
            Self::Auto | Self::Cpu | Self::Wgpu => None,
        }
    }

    /// The Cargo feature behind it, if it is not always there: features are called as kinds are.
    pub fn feature(self) -> Option<&'static str> {
        (!matches!(self, Self::Auto | Self::Cpu)).then(|| self.kind())
    }
}

/// A device that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineDevice {
    /// Its name as `--device` takes it.
    pub choice: DeviceChoice,
    /// The part's name, where the driver tells it.
    pub name: Option<String>,
    /// Whether it only plays a GPU: Mesa's lavapipe and the like. It can be asked for, and `auto` never takes it.
    pub software: bool,
    /// The engine's word for the way that it computes there: `flex`, `cuda`, ...
    pub backend: &'static str,
    /// Its memory in bytes, where the engine's runtime tells it.
    pub memory_bytes: Option<u64>,
    /// Its driver and the version of it, where the engine's runtime tells them.
    pub driver: Option<String>,
}

/// What an engine has done on its device since it was made. What it does not count is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkCounts {
    /// The most memory of the device that it held at once, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Kernels that were launched; a graph that is replayed is one.
    pub launches: Option<u64>,
    /// Copies from the host to the device.
    pub uploads: Option<u64>,
    /// Copies from the device to the host.
    pub read_backs: Option<u64>,
}

impl EngineDevice {
    /// A device of which nothing more is known.
    pub fn of(choice: DeviceChoice, backend: &'static str) -> Self {
        Self { choice, name: None, software: false, backend, memory_bytes: None, driver: None }
    }

    /// Whether it computes in host memory.
    pub fn is_host(&self) -> bool {
        self.choice == DeviceChoice::Cpu
    }

    /// `cpu`, or `cuda:0 (NVIDIA H200)`.
    pub fn describe(&self) -> String {
        match &self.name {
            Some(name) if self.software => format!("{} ({name}, software)", self.choice),
            Some(name) => format!("{} ({name})", self.choice),
            None => self.choice.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_are_read_and_written() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "vulkan:1", "wgpu"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["gpu", "cuda:x", "cpu:0", "", "wgpu:1", "vulkan:-1"] {
            assert!(text.parse::<DeviceChoice>().unwrap_err().to_string().contains("cuda:N"), "{text}");
        }
    }
}
