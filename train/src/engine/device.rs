//! Devices: what a user may ask for, what this build and this machine have, and what to say when they differ.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
#[cfg(feature = "gpu")]
use burn::tensor::DeviceType;

/// What `--device` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device, else the first Vulkan or wgpu device, else the CPU.
    Auto,
    /// The CPU, with burn's Flex back end.
    Cpu,
    /// A CUDA device by index.
    Cuda(usize),
    /// A Vulkan device by index.
    Vulkan(usize),
    /// Whatever wgpu finds best.
    Wgpu,
}

/// A device that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device's name.
    #[error("invalid device {0:?}: expected auto, cpu, cuda:N, vulkan:N or wgpu")]
    Unknown(String),
    /// A device that this build or this machine does not have.
    #[error("there is no device {wanted} here: {reason}; there is {available}")]
    Missing {
        /// What was asked for.
        wanted: DeviceChoice,
        /// Whether the build or the machine lacks it.
        reason: String,
        /// All devices there are, separated by commas.
        available: String,
    },
}

impl DeviceError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(_) => None,
            Self::Missing { reason, wanted, .. } if reason.contains("built without") => {
                let feature = wanted.feature().unwrap_or("cuda");
                Some(format!("build with `cargo build --release --features {feature}`, or use --device cpu"))
            }
            Self::Missing { .. } => Some("use --device auto to take the best one there is".into()),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
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
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(index) => write!(formatter, "cuda:{index}"),
            Self::Vulkan(index) => write!(formatter, "vulkan:{index}"),
            Self::Wgpu => formatter.write_str("wgpu"),
        }
    }
}

impl DeviceChoice {
    /// The Cargo feature behind it.
    fn feature(self) -> Option<&'static str> {
        match self {
            Self::Cuda(_) => Some("cuda"),
            Self::Vulkan(_) => Some("vulkan"),
            Self::Wgpu => Some("wgpu"),
            Self::Auto | Self::Cpu => None,
        }
    }
}

/// A device that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name as `--device` takes it.
    pub choice: DeviceChoice,
    /// The part's name, where the driver tells it.
    pub name: Option<String>,
    /// Whether it only plays a GPU: Mesa's lavapipe and the like. It can be asked for, and `auto` never takes it.
    pub software: bool,
    /// burn's handle, without gradients.
    pub device: Device,
}

impl Found {
    fn cpu() -> Self {
        Self { choice: DeviceChoice::Cpu, name: None, software: false, device: Device::flex() }
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

/// All devices that this build can use on this machine, best first, the CPU last.
///
/// Asking opens drivers, so ask once.
pub fn available() -> Vec<Found> {
    gpus().into_iter().chain([Found::cpu()]).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpus() -> Vec<Found> {
    Vec::new()
}

#[cfg(feature = "gpu")]
fn gpus() -> Vec<Found> {
    let mut found = Vec::new();
    #[cfg(feature = "cuda")]
    found.extend(enumerate(DeviceType::Cuda, DeviceChoice::Cuda));
    #[cfg(feature = "vulkan")]
    found.extend(enumerate(DeviceType::Vulkan, DeviceChoice::Vulkan));
    #[cfg(feature = "wgpu")]
    found.extend(enumerate(DeviceType::Wgpu, |_| DeviceChoice::Wgpu).into_iter().take(1));
    found
}

#[cfg(feature = "gpu")]
fn enumerate(kind: DeviceType, choice: impl Fn(usize) -> DeviceChoice) -> Vec<Found> {
    // A driver that is installed but broken panics in some back ends; to the user that is a machine without a GPU.
    let devices = std::panic::catch_unwind(move || Device::enumerate(kind).into_iter().collect::<Vec<_>>());
    let devices = devices.unwrap_or_default().into_iter().enumerate();
    devices
        .map(|(index, device)| {
            let identity = device.identity();
            let software = identity.as_ref().is_some_and(|identity| identity.physical.is_none());
            Found { choice: choice(index), name: identity.map(|identity| identity.name), software, device }
        })
        .collect()
}

/// The device that was asked for.
///
/// # Errors
/// When this build or this machine does not have it; the message lists what there is.
pub fn find(choice: DeviceChoice) -> Result<Found, DeviceError> {
    // The CPU needs no driver: do not wake one up for it.
    if choice == DeviceChoice::Cpu {
        return Ok(Found::cpu());
    }
    let all = available();
    let names: Vec<String> = all.iter().map(Found::describe).collect();
    let wanted = |found: &Found| match choice {
        DeviceChoice::Auto => !found.software,
        named => found.choice == named,
    };
    all.into_iter().find(wanted).ok_or_else(|| {
        let compiled = match choice {
            DeviceChoice::Cuda(_) => cfg!(feature = "cuda"),
            DeviceChoice::Vulkan(_) => cfg!(feature = "vulkan"),
            _ => cfg!(feature = "wgpu"),
        };
        let feature = choice.feature().unwrap_or_default();
        let reason = if compiled {
            format!("no such {feature} device answers on this machine")
        } else {
            format!("this program was built without {feature}")
        };
        DeviceError::Missing { wanted: choice, reason, available: names.join(", ") }
    })
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

    #[test]
    fn a_missing_device_is_an_error_that_lists_those_there_are() {
        let error = find(DeviceChoice::Cuda(99)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("cuda:99") && message.contains("cpu"), "{message}");
        assert!(error.help().is_some());
    }

    #[test]
    fn auto_always_finds_one() {
        assert!(find(DeviceChoice::Auto).is_ok());
    }
}
