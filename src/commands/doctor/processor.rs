//! The processor, its threads and the memory, and whether the machine is busy: what the CPU engine computes with.

use aees_run::circumstances::{instruction_sets, load_average, other_runs};
use aees_run::hardware::{Hardware, memory_limit};
use indicatif::HumanBytes;
use serde_json::json;

use super::diagnosis::Diagnosis;

/// The variable by which the CPU engine's pool of threads is set.
const THREADS: &str = "RAYON_NUM_THREADS";

pub(super) fn diagnoses() -> Vec<Diagnosis> {
    let hardware = Hardware::probe();
    vec![model(&hardware), vectors(), threads(&hardware), memory(&hardware), load(&hardware)]
}

fn model(hardware: &Hardware) -> Diagnosis {
    let name = hardware.cpu_model.clone().unwrap_or_else(|| "unknown".into());
    let facts = json!({"model": hardware.cpu_model, "platform": hardware.platform, "host": hardware.hostname});
    Diagnosis::fine("model", format!("{name}, {}", hardware.platform)).with(facts)
}

fn vectors() -> Diagnosis {
    let sets = instruction_sets();
    let has = |name: &str| sets.contains(&name);
    let text = if sets.is_empty() { "none that is known of here".to_owned() } else { sets.join(", ") };
    let diagnosis = if has("avx2") && has("fma") || has("neon") {
        Diagnosis::fine("instructions", text)
    } else {
        let help = "the CPU engine is written for AVX2 or NEON and is several times slower without: use another machine, \
                    or a virtual machine that passes the host's processor on";
        Diagnosis::note("instructions", text, help)
    };
    diagnosis.with(json!({"instruction_sets": sets}))
}

fn threads(hardware: &Hardware) -> Diagnosis {
    let available = hardware.available_cores.unwrap_or(1);
    let logical = hardware.logical_cores.unwrap_or(available);
    let set = std::env::var(THREADS).ok().filter(|value| !value.trim().is_empty());
    let number = set.as_deref().map(|value| value.trim().parse::<usize>().ok().filter(|count| *count > 0));
    let used = number.flatten().unwrap_or(available);
    let facts =
        json!({"cores": hardware.physical_cores, "hardware_threads": logical, "available": available, "used": used});
    let text = format!("{used} used, {available} may be used, the machine has {logical}");
    let diagnosis = match (set, number) {
        (Some(value), Some(None)) => {
            let help = format!("{THREADS} is {value:?}, which is no number of threads and is passed over: unset it");
            Diagnosis::note("threads", text, help)
        }
        (Some(_), _) if used != available => {
            let help = format!("{THREADS} says so; --threads says it for one run");
            Diagnosis::note("threads", text, help)
        }
        _ if available < logical => {
            let help = "this process is given fewer than the machine has, by its affinity or its control group";
            Diagnosis::note("threads", text, help)
        }
        _ => Diagnosis::fine("threads", text),
    };
    diagnosis.with(facts)
}

fn memory(hardware: &Hardware) -> Diagnosis {
    /// DistilBERT's parameters, gradients, optimizer and a batch.
    const ENOUGH: u64 = 2 << 30;
    let (total, limit) = (hardware.total_memory_bytes, memory_limit());
    let facts = json!({"total_bytes": total, "limit_bytes": limit});
    let told = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| HumanBytes(count).to_string());
    let text = format!("{}; this process can have {}, swap included", told(total), told(limit));
    match limit {
        Some(limit) if limit < ENOUGH => {
            let help = "DistilBERT wants 2 GiB: make the model or the batch smaller (--model-layers, --model-width, --batch-size)";
            Diagnosis::note("memory", text, help)
        }
        _ => Diagnosis::fine("memory", text),
    }
    .with(facts)
}

fn load(hardware: &Hardware) -> Diagnosis {
    let (load, runs) = (load_average(), other_runs());
    let facts = json!({"load_average": load, "other_runs": runs});
    let available = hardware.available_cores.unwrap_or(1) as f64;
    let text = format!("load {load:.1} over the last minute, {runs} other runs of aees");
    if runs > 0 || load > 0.5 * available {
        let help = "times that are taken now say little; `aees runs ls` and `top` tell what runs";
        return Diagnosis::note("other work", text, help).with(facts);
    }
    Diagnosis::fine("other work", text).with(facts)
}
