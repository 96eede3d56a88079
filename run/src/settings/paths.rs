//! Paths among the settings. A run must find its files when it is resumed from another folder.

use std::path::{Path, absolute};

use super::{PathKind, RunConfig};

impl RunConfig {
    /// Makes every path absolute, from the current folder.
    pub fn make_paths_absolute(&mut self) {
        for setting in Self::settings() {
            let Some(text) = self.text_mut(setting.key) else { continue };
            let is_path = match setting.path {
                PathKind::None => false,
                PathKind::Path => !matches!(text.as_str(), "auto" | "synthetic"),
                PathKind::PathOrHub => Path::new(text.as_str()).exists(),
            };
            if is_path && let Ok(full) = absolute(&text) {
                *text = full.to_string_lossy().into_owned();
            }
        }
    }
}
