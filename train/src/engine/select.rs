//! Which engine trains on which device, and in which precision: what the user asks for against what there is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::device::UnknownDevice;
#[cfg(feature = "libtorch")]
use super::libtorch;
use super::{DeviceChoice, Engine, EngineDevice, EngineError, EngineFactory, EngineJob, burn};
use aees_run::settings::Precision;

/// The kinds of engines, best first. One line for each.
const ENGINES: &[&dyn EngineFactory] = &[
    &burn::BurnFactory,
    #[cfg(feature = "libtorch")]
    &libtorch::LibtorchFactory,
];

/// Engines that a build may lack, with the Cargo feature that brings them.
const OPTIONAL: &[&str] = &["libtorch"];

/// The kinds of engines that are compiled in, best first.
pub fn engines() -> &'static [&'static dyn EngineFactory] {
    ENGINES
}

/// An engine, a device and a precision that fit each other and this machine.
#[derive(Clone)]
pub struct Target {
    /// The kind of engine.
    pub engine: &'static dyn EngineFactory,
    /// The device.
    pub device: EngineDevice,
    /// The precision.
    pub precision: Precision,
}

impl Target {
    /// What the user should know of its arithmetic.
    pub fn caveat(&self) -> Option<&'static str> {
        self.engine.caveat(&self.device, self.precision)
    }
}

/// An engine, device or precision that cannot be had.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// Not a device's name.
    #[error(transparent)]
    Device(#[from] UnknownDevice),
    /// No engine of this name is compiled in.
    #[error("there is no engine {wanted:?} here: expected {available}")]
    Engine { wanted: String, available: String },
    /// A device that this build or this machine does not have.
    #[error("there is no device {wanted} here: {reason}; there is {available}")]
    Missing { wanted: DeviceChoice, reason: String, available: String },
    /// A precision that the engine does not compute in.
    #[error("the engine {engine} cannot compute in {wanted} on {device}; it can in {available}")]
    Precision { engine: &'static str, device: String, wanted: &'static str, available: String },
}

impl SelectError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Device(_) => None,
            Self::Engine { wanted, .. } => OPTIONAL.contains(&wanted.as_str()).then(|| {
                format!("build with `cargo build --release --features {wanted}`, or use --engine auto; docs/libtorch.md says what it needs")
            }),
            Self::Missing { reason, .. } if reason.starts_with("the engine") => Some("use --engine auto, or --device auto".into()),
            Self::Missing { reason, wanted, .. } if reason.contains("built without") => {
                let feature = wanted.feature().unwrap_or("cuda");
                Some(format!("build with `cargo build --release --features {feature}`, or use --device cpu"))
            }
            Self::Missing { .. } => Some("use --device auto to take the best one there is".into()),
            Self::Precision { .. } if cfg!(feature = "libtorch") => {
                Some("use --precision f32, which every engine can".into())
            }
            Self::Precision { wanted, .. } => Some(format!(
                "use --precision f32, which every engine can; for {wanted} build with `cargo build --release --features \
                 libtorch` (docs/libtorch.md)"
            )),
        }
    }
}

/// All pairs of engine and device that there are, GPUs before the CPU, and the engines in the order of their list.
pub fn available() -> Vec<Target> {
    targets(ENGINES, None)
}

/// The target that was asked for. `engine` is a name or `auto`.
///
/// # Errors
/// When this build or this machine does not have it; the message lists what there is.
pub fn select(engine: &str, device: &str, precision: Precision) -> Result<Target, SelectError> {
    let choice: DeviceChoice = device.parse()?;
    let known: Vec<_> = ENGINES.iter().copied().filter(|known| engine == "auto" || known.name() == engine).collect();
    if known.is_empty() {
        let (last, others) = ENGINES.split_last().map_or(("", ENGINES), |(last, others)| (last.name(), others));
        let available: String = others.iter().map(|known| format!(", {}", known.name())).collect();
        return Err(SelectError::Engine { wanted: engine.to_owned(), available: format!("auto{available} or {last}") });
    }
    let all = targets(&known, Some(choice));
    let wanted = |target: &&Target| match choice {
        DeviceChoice::Auto => !target.device.software,
        named => target.device.choice == named,
    };
    let matching: Vec<&Target> = all.iter().filter(wanted).collect();
    let Some(first) = matching.first() else { return Err(missing(choice, &known, &all)) };
    let able = matching.iter().find(|target| target.engine.precisions(&target.device).contains(&precision));
    able.map(|target| Target { precision, ..(*target).clone() }).ok_or_else(|| SelectError::Precision {
        engine: first.engine.name(),
        device: first.device.describe(),
        wanted: precision.name(),
        available: first
            .engine
            .precisions(&first.device)
            .iter()
            .map(|known| known.name())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The engine for a job.
///
/// # Errors
/// When the job is not for this kind of engine, its tensors do not fit the model, or the device refuses the work.
pub fn build(job: EngineJob, target: &Target) -> Result<Box<dyn Engine>, EngineError> {
    // The first touch of a GPU can panic inside its driver.
    let built = catch_unwind(AssertUnwindSafe(|| target.engine.build(job, &target.device, target.precision)));
    built.unwrap_or_else(|_| {
        Err(EngineError::Device {
            activity: "made the model",
            reason: format!("device {} does not work", target.device.describe()),
        })
    })
}

/// GPUs first. No driver is woken up where the CPU is the choice.
fn targets(engines: &[&'static dyn EngineFactory], choice: Option<DeviceChoice>) -> Vec<Target> {
    let asked = if choice == Some(DeviceChoice::Cpu) { Vec::new() } else { engines.to_vec() };
    let gpus = asked.into_iter().flat_map(|engine| engine.gpus().into_iter().map(move |device| (engine, device)));
    let cpus = engines.iter().filter_map(|engine| Some((*engine, engine.cpu()?)));
    gpus.chain(cpus).map(|(engine, device)| Target { engine, device, precision: Precision::F32 }).collect()
}

fn missing(wanted: DeviceChoice, engines: &[&'static dyn EngineFactory], all: &[Target]) -> SelectError {
    let lacking: Vec<String> = engines.iter().filter_map(|engine| engine.lacks(wanted)).collect();
    let reason = if lacking.len() < engines.len() {
        format!("no such {} device answers on this machine", wanted.feature().unwrap_or_default())
    } else {
        lacking.join("; ")
    };
    let mut available: Vec<String> = all.iter().map(|target| target.device.describe()).collect();
    available.dedup();
    SelectError::Missing { wanted, reason, available: available.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_an_error_that_lists_those_there_are() {
        let error = select("auto", "cuda:99", Precision::F32).err().unwrap();
        let message = error.to_string();
        assert!(message.contains("cuda:99") && message.contains("cpu"), "{message}");
        assert!(error.help().is_some());
    }

    #[test]
    fn an_unknown_engine_is_an_error_that_lists_those_there_are() {
        let error = select("abacus", "cpu", Precision::F32).err().unwrap();
        let available = if cfg!(feature = "libtorch") { "auto, burn or libtorch" } else { "auto or burn" };
        assert_eq!(error.to_string(), format!("there is no engine \"abacus\" here: expected {available}"));
        assert!(error.help().is_none());
    }

    #[cfg(not(feature = "libtorch"))]
    #[test]
    fn an_engine_that_was_not_built_is_an_error_that_says_how_to_build_it() {
        let error = select("libtorch", "cpu", Precision::F32).err().unwrap();
        assert!(error.help().unwrap().contains("--features libtorch"));
    }

    #[cfg(feature = "libtorch")]
    #[test]
    fn an_engine_says_which_devices_are_never_its_own() {
        let error = select("libtorch", "vulkan:0", Precision::F32).err().unwrap();
        assert!(error.to_string().contains("the engine libtorch computes on the CPU and on CUDA alone"), "{error}");
        let error = select("libtorch", "cpu", Precision::Tf32).err().unwrap();
        assert_eq!(error.to_string(), "the engine libtorch cannot compute in tf32 on cpu; it can in f32, bf16");
    }

    #[test]
    fn a_precision_that_the_engine_cannot_is_an_error_that_names_what_it_can() {
        let error = select("burn", "cpu", Precision::Bf16).err().unwrap();
        assert_eq!(error.to_string(), "the engine burn cannot compute in bf16 on cpu; it can in f32");
        assert!(error.help().unwrap().contains("--precision f32"));
    }

    #[test]
    fn auto_always_finds_one_and_takes_no_gpu_of_software() {
        let target = select("auto", "auto", Precision::F32).unwrap();
        assert!(!target.device.software);
    }
}
