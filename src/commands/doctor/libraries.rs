//! Libraries that are there or not: libtorch, for the engine of that name, and what Vulkan needs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use aees_train::engine::engines;
use serde_json::json;

use super::diagnosis::Diagnosis;

/// Folders where systems keep their libraries.
const LIBRARIES: [&str; 5] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];

/// Folders where Vulkan's drivers say that they are there.
const VULKAN_DRIVERS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

pub(super) fn diagnoses() -> Vec<Diagnosis> {
    vec![libtorch(), vulkan()]
}

fn libtorch() -> Diagnosis {
    let compiled = engines().iter().find(|engine| engine.name() == "libtorch");
    let place = env::var_os("LIBTORCH").filter(|place| !place.is_empty()).map(PathBuf::from);
    let version = place.as_deref().and_then(libtorch_version);
    let facts = json!({"compiled": compiled.is_some(), "folder": place, "version": version});
    let there = place.map(|place| match &version {
        Some(version) => format!("version {version} in {}", place.display()),
        None => format!("LIBTORCH is {}, which holds none", place.display()),
    });
    let diagnosis = match (compiled, there) {
        (Some(engine), _) => Diagnosis::fine("libtorch", format!("{}, compiled in", engine.version())),
        (None, Some(there)) if version.is_none() => Diagnosis::note(
            "libtorch",
            there,
            "LIBTORCH must name a folder with `include` and `lib`, such as that of Python's package torch; or unset it",
        ),
        (None, there) => {
            let text = format!("not compiled in{}", there.map_or_else(String::new, |there| format!("; {there}")));
            Diagnosis::fine("libtorch", text)
        }
    };
    diagnosis.with(facts)
}

/// The version of the libtorch in a folder, as its headers or its file of versions tell it.
fn libtorch_version(root: &Path) -> Option<String> {
    if let Ok(header) = fs::read_to_string(root.join("include/torch/headeronly/version.h")) {
        let number = |part: &str| {
            let define = format!("#define TORCH_VERSION_{part} ");
            header.lines().find_map(|line| line.strip_prefix(&define)).map(str::trim)
        };
        return Some(["MAJOR", "MINOR", "PATCH"].map(|part| number(part).unwrap_or("?")).join("."));
    }
    fs::read_to_string(root.join("build-version")).ok().map(|version| version.trim().to_owned())
}

fn vulkan() -> Diagnosis {
    let loader = LIBRARIES.iter().any(|folder| Path::new(folder).join("libvulkan.so.1").exists());
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter().find_map(env::var_os);
    let drivers: Vec<PathBuf> = match &named {
        Some(list) => env::split_paths(list).collect(),
        None => VULKAN_DRIVERS.iter().flat_map(|folder| drivers_in(Path::new(folder))).collect(),
    };
    let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) = drivers.into_iter().partition(|driver| driver.exists());
    let names: Vec<String> =
        there.iter().filter_map(|driver| Some(driver.file_stem()?.to_string_lossy().into_owned())).collect();
    let facts = json!({"loader": loader, "drivers": there});
    let wanted = aees_train::engine_info::this_build().features.iter().any(|on| on == "vulkan" || on == "wgpu");
    let text = match (loader, names.is_empty()) {
        (_, false) => format!("drivers {}", names.join(", ")),
        (true, true) => "the loader, and no driver".into(),
        (false, true) => "no loader and no driver".into(),
    };
    let diagnosis = if let Some(missing) = missing.first() {
        let help = "VK_DRIVER_FILES or VK_ICD_FILENAMES names it: correct or unset it";
        Diagnosis::note("Vulkan", format!("{} is not there", missing.display()), help)
    } else if wanted && cfg!(target_os = "linux") && (!loader || names.is_empty()) {
        let help = "install libvulkan1 and the card's Vulkan driver, such as mesa-vulkan-drivers, and see `vulkaninfo --summary`";
        Diagnosis::note("Vulkan", text, help)
    } else {
        Diagnosis::fine("Vulkan", text)
    };
    diagnosis.with(facts)
}

fn drivers_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut drivers: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    drivers.sort();
    drivers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_libtorch_tells_its_version() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(libtorch_version(root.path()), None);
        fs::write(root.path().join("build-version"), "2.9.0+cpu\n").unwrap();
        assert_eq!(libtorch_version(root.path()).as_deref(), Some("2.9.0+cpu"));
        let header = root.path().join("include/torch/headeronly");
        fs::create_dir_all(&header).unwrap();
        let text = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n";
        fs::write(header.join("version.h"), text).unwrap();
        assert_eq!(libtorch_version(root.path()).as_deref(), Some("2.13.0"));
    }
}
