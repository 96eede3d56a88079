//! Where a GPU's compiled and tuned kernels are kept from run to run.
//!
//! Compiling and tuning those of a network takes minutes. CubeCL keeps both in a database of its own; this says where, once,
//! before the first device is touched.

use std::env;
use std::path::PathBuf;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

/// The folder: `AEES_KERNEL_CACHE`, else `aees/kernels` in the user's cache.
pub(super) fn folder() -> PathBuf {
    folder_from(&|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn folder_from(variable: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let cache = || {
        let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
        variable("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache"))).unwrap_or_else(env::temp_dir)
    };
    variable("AEES_KERNEL_CACHE").unwrap_or_else(|| cache().join("aees").join("kernels"))
}

/// Tells CubeCL, unless it was told before. What the user sets in `cubecl.toml` or by `CUBECL_...` holds beside it.
pub(super) fn keep() {
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.environment.path = CacheConfig::Directory(folder());
    config.compilation.cache = true;
    CubeClRuntimeConfig::try_set(config);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_users_choice_or_in_the_users_cache() {
        let folder = |variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            folder_from(&find)
        };
        assert_eq!(folder(&[("HOME", "/home/a")]), PathBuf::from("/home/a/.cache/aees/kernels"));
        assert_eq!(folder(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/x")]), PathBuf::from("/x/aees/kernels"));
        assert_eq!(folder(&[("HOME", "/home/a"), ("AEES_KERNEL_CACHE", "/k")]), PathBuf::from("/k"));
        assert_eq!(folder(&[]), env::temp_dir().join("aees").join("kernels"));
    }
}
