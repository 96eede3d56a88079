//! Libraries that are there or not: libtorch, for the engine of that name, and what Vulkan needs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use aees_train::engine::engines;
use aees_train::libtorch_folder::{self, WANTED_VERSION};
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
    let version = place.as_deref().and_then(libtorch_folder::version);
    let unfit = place.as_deref().and_then(|place| libtorch_folder::check(place).err());
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
        (None, Some(there)) if unfit.is_some() => {
            let help = format!(
                "the feature libtorch wants version {WANTED_VERSION}: pip install torch=={WANTED_VERSION}; or unset LIBTORCH"
            );
            Diagnosis::note("libtorch", there, help)
        }
        (None, there) => {
            let text = format!("not compiled in{}", there.map_or_else(String::new, |there| format!("; {there}")));
            Diagnosis::fine("libtorch", text)
        }
    };
    diagnosis.with(facts)
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
