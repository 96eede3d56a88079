//! What `--device` can name here, and the cards that are in the machine and cannot be named: no driver, or a build without
//! the feature for them.

use std::fs;
use std::path::Path;

use aees_run::hardware::{Gpu, Gpus};
use aees_run::nvidia::{NvidiaGpu, installed};
use aees_train::engine::{DeviceChoice, Target, available};
use indicatif::HumanBytes;
use serde_json::json;

use super::diagnosis::Diagnosis;

/// Where Linux lists what is on the bus.
const BUS: &str = "/sys/bus/pci/devices";

/// Makers of cards by their number on the bus, with the feature that reaches their cards.
const MAKERS: [(&str, &str, &str); 3] =
    [("0x10de", "NVIDIA", "cuda"), ("0x1002", "AMD", "vulkan"), ("0x8086", "Intel", "vulkan")];

pub(super) fn diagnoses() -> Vec<Diagnosis> {
    let targets = available();
    let (nvidia, on_bus) = (installed(), cards(Path::new(BUS)));
    let mut found: Vec<Diagnosis> = targets.iter().map(device).collect();
    found.extend(nvidia_driver(nvidia.as_ref(), on_bus.contains(&"NVIDIA"), &targets));
    found.extend(others(&on_bus, &targets));
    found
}

/// A device that can be named, with what is known of it.
fn device(target: &Target) -> Diagnosis {
    let Target { engine, device, .. } = target;
    let card = match device.choice {
        DeviceChoice::Cuda(number) => NvidiaGpu::of_cuda(number),
        _ => None,
    };
    let card = card.as_ref();
    let driver = card.and_then(NvidiaGpu::driver).or_else(|| device.driver.clone());
    let memory = card.and_then(|card| card.describe(&Default::default())?.total_memory_bytes).or(device.memory_bytes);
    let precisions: Vec<&str> = engine.precisions(device).iter().map(|precision| precision.name()).collect();
    let mut text = format!("engine {} on {}; precision {}", engine.name(), device.backend, precisions.join(", "));
    text.extend(device.name.iter().map(|name| format!("; {name}")));
    text.extend(memory.map(|bytes| format!(", {}", HumanBytes(bytes))));
    text.extend(driver.iter().map(|driver| format!(", driver {driver}")));
    text.extend(target.caveat().map(|caveat| format!("; {caveat}")));
    let subject = device.choice.to_string();
    let diagnosis = match device.software {
        true => {
            let help = "a processor plays this GPU: `auto` never takes it, and it is good for tests only";
            Diagnosis::note(&subject, text, help)
        }
        false => Diagnosis::fine(&subject, text),
    };
    diagnosis.with(json!({
        "device": subject, "name": device.name, "engine": engine.name(), "backend": device.backend, "driver": driver,
        "runtime": card.and_then(NvidiaGpu::runtime), "software": device.software, "total_memory_bytes": memory, "precisions": precisions,
    }))
}

/// The driver of NVIDIA cards, and what keeps its cards from being used.
fn nvidia_driver(installed: Option<&Gpus>, on_bus: bool, targets: &[Target]) -> Vec<Diagnosis> {
    let Some(gpus) = installed else {
        let help =
            "install NVIDIA's driver (`nvidia-smi` must list the card); in a container, pass the GPU on (--gpus all)";
        let without = || Diagnosis::note("NVIDIA", "a card, and no driver that answers", help);
        return on_bus.then(without).into_iter().collect();
    };
    let driver = gpus.driver.as_deref().unwrap_or("of unknown version");
    let runtime = gpus.runtime.as_deref().unwrap_or("unknown");
    let named: Vec<String> = gpus.devices.iter().map(card).collect();
    let text = format!("driver {driver}, CUDA up to {runtime}: {}", named.join("; "));
    let facts = json!({"driver": gpus.driver, "runtime": gpus.runtime, "cards": gpus.devices});
    let usable = targets.iter().any(|target| matches!(target.device.choice, DeviceChoice::Cuda(_)));
    let compiled = aees_train::engine_info::this_build().features.iter().any(|on| on == "cuda" || on == "libtorch");
    let hidden = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let diagnosis = match (usable, compiled, hidden) {
        (true, ..) => Diagnosis::fine("NVIDIA", text),
        (false, false, _) => {
            Diagnosis::note("NVIDIA", text, "this program cannot use it: `cargo build --release --features cuda`")
        }
        (false, true, Some(hidden)) => {
            let help = format!("CUDA sees no card: CUDA_VISIBLE_DEVICES is {hidden:?}; unset it, or name a card in it");
            Diagnosis::note("NVIDIA", text, help)
        }
        (false, true, None) => {
            let help = "CUDA sees no card: its driver may be older than the CUDA that this program was built for; update \
                        the driver, or build with CUDARC_CUDA_VERSION=12000 for CUDA 12.0";
            Diagnosis::note("NVIDIA", text, help)
        }
    };
    vec![diagnosis.with(facts)]
}

fn card(gpu: &Gpu) -> String {
    let memory = gpu.total_memory_bytes.map_or_else(String::new, |bytes| format!(" ({})", HumanBytes(bytes)));
    format!("{}{memory}", gpu.name)
}

/// Cards of other makers that cannot be named.
fn others(on_bus: &[&'static str], targets: &[Target]) -> Vec<Diagnosis> {
    let usable = targets.iter().any(|target| !target.device.is_host() && !target.device.software);
    let makers = MAKERS.iter().filter(|(_, maker, _)| *maker != "NVIDIA" && on_bus.contains(maker));
    let found = makers.filter(|_| !usable).map(|(_, maker, feature)| {
        let help =
            format!("if it is worth it: `cargo build --release --features {feature}`, with the maker's Vulkan driver");
        Diagnosis::note(*maker, "a display card that this program cannot use", help)
    });
    found.collect()
}

/// The makers of the display cards on the bus, known ones only.
fn cards(bus: &Path) -> Vec<&'static str> {
    let entries = fs::read_dir(bus).into_iter().flatten().flatten();
    let mut makers: Vec<&'static str> = entries
        .filter_map(|entry| {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).ok();
            // The class of displays: VGA, 3D, and others.
            read("class")?.starts_with("0x03").then_some(())?;
            let vendor = read("vendor")?;
            MAKERS.iter().find(|(number, ..)| vendor.trim() == *number).map(|(_, maker, _)| *maker)
        })
        .collect();
    makers.sort_unstable();
    makers.dedup();
    makers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::diagnosis::Health;

    #[test]
    fn cards_are_found_on_the_bus_by_their_class() {
        let bus = tempfile::tempdir().unwrap();
        for (slot, class, vendor) in [
            ("0", "0x030000", "0x10de"),
            ("1", "0x020000", "0x1002"),
            ("2", "0x030200", "0x10de"),
            ("3", "0x03", "0x1"),
        ] {
            let slot = bus.path().join(slot);
            fs::create_dir(&slot).unwrap();
            fs::write(slot.join("class"), format!("{class}\n")).unwrap();
            fs::write(slot.join("vendor"), format!("{vendor}\n")).unwrap();
        }
        assert_eq!(cards(bus.path()), ["NVIDIA"]);
        assert!(cards(&bus.path().join("none")).is_empty());
    }

    #[test]
    fn a_card_that_cannot_be_used_is_told_with_the_way_to_use_it() {
        let without_driver = nvidia_driver(None, true, &[]);
        assert_eq!((without_driver.len(), without_driver[0].health), (1, Health::Note));
        assert!(nvidia_driver(None, false, &[]).is_empty());
        let gpu = Gpu { name: "NVIDIA H200".into(), total_memory_bytes: Some(141 << 30), ..Gpu::default() };
        let gpus = Gpus { driver: Some("570.1".into()), devices: vec![gpu], ..Gpus::default() };
        let lines = nvidia_driver(Some(&gpus), true, &[])[0].lines(6).join("\n");
        assert!(lines.contains("driver 570.1") && lines.contains("NVIDIA H200 (141.00 GiB)"), "{lines}");
        assert!(lines.contains("help: "), "{lines}");
        assert_eq!(others(&["AMD"], &[]).len(), 1);
    }
}
