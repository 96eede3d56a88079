//! The program itself: its build, and the features that were left out of it.

use aees_train::engine::engines;
use aees_train::engine_info::this_build;
use serde_json::json;

use super::diagnosis::Diagnosis;

/// Crate features that bring a device, with what they bring.
const FEATURES: [(&str, &str); 4] = [
    ("cuda", "NVIDIA GPUs through CUDA"),
    ("vulkan", "GPUs of any maker through Vulkan"),
    ("wgpu", "GPUs of any maker through wgpu: Vulkan, Metal or DirectX"),
    ("libtorch", "the engine on PyTorch's library, for the CPU and NVIDIA GPUs"),
];

pub(super) fn diagnoses() -> Vec<Diagnosis> {
    let build = this_build();
    let profile = build.profile.clone().unwrap_or_else(|| "unknown".into());
    let commit = build.git_commit.as_deref().map_or_else(String::new, |commit| {
        let dirty = if build.git_dirty == Some(true) { ", changed" } else { "" };
        format!(", commit {}{dirty}", commit.get(..12).unwrap_or(commit))
    });
    let text = format!("{}, {profile} build{commit}", env!("CARGO_PKG_VERSION"));
    let version = match profile.as_str() {
        "release" => Diagnosis::fine("aees", text),
        _ => Diagnosis::note("aees", text, "for training and timing, build with `cargo build --release`"),
    };
    let facts = json!({"version": env!("CARGO_PKG_VERSION"), "build": build});
    let features = FEATURES.map(|(feature, brings)| {
        let text = match build.features.iter().any(|on| on == feature) {
            true => format!("on: {brings}"),
            false => format!("off: {brings}; `cargo build --release --features {feature}` brings it"),
        };
        Diagnosis::fine(format!("feature {feature}"), text)
    });
    let engines = engines().iter().map(|engine| {
        let able = engine.cpu().map_or(&[][..], |cpu| engine.precisions(&cpu));
        let precisions: Vec<&str> = able.iter().map(|precision| precision.name()).collect();
        let text = format!("{}; precision {}", engine.version(), precisions.join(", "));
        let facts = json!({"engine": engine.name(), "version": engine.version(), "precisions": precisions});
        Diagnosis::fine(format!("engine {}", engine.name()), text).with(facts)
    });
    [version.with(facts)].into_iter().chain(engines).chain(features).collect()
}
