//! Paths among the settings. A run must find its files when it is resumed from another folder.

use std::path::{Path, absolute};

use super::{PathKind, RunConfig};

/// Whether a name that may be an id on the hub can only be a path: ids have one `/` at the most, between two words.
pub fn looks_like_a_path(name: &str) -> bool {
    let id = name.split('@').next().unwrap_or(name);
    let ending = Path::new(id).extension().and_then(|ending| ending.to_str());
    id.starts_with(['/', '.', '~'])
        || id.ends_with('/')
        || id.contains('\\')
        || id.matches('/').count() > 1
        || ending.is_some_and(|ending| ["json", "txt", "bin", "safetensors", "pt", "pth"].contains(&ending))
}

impl RunConfig {
    /// Makes every path absolute, from the current folder.
    pub fn make_paths_absolute(&mut self) {
        for setting in Self::settings() {
            let Some(text) = self.text_mut(setting.key) else { continue };
            let is_path = match setting.path {
                PathKind::None => false,
                PathKind::Path => !matches!(text.as_str(), "auto" | "synthetic"),
                PathKind::PathOrHub => Path::new(text.as_str()).exists() || looks_like_a_path(text),
            };
            if is_path && let Ok(full) = absolute(&text) {
                *text = full.to_string_lossy().into_owned();
            }
        }
    }
}
