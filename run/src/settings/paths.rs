//! Paths among the settings. A run must find its files when it is resumed from another folder.

use std::path::{Path, absolute};

use super::RunConfig;

impl RunConfig {
    /// Makes every path absolute, from the current folder.
    pub fn make_paths_absolute(&mut self) {
        if !matches!(self.data.as_str(), "auto" | "synthetic") {
            make_absolute(&mut self.data);
        }
        [&mut self.cache_dir, &mut self.tokenized_dataset_dir].into_iter().flatten().for_each(make_absolute);
        // A name that is no path here is an id on the hub.
        let named = [Some(&mut self.model), self.tokenizer.as_mut()];
        named.into_iter().flatten().filter(|name| Path::new(name.as_str()).exists()).for_each(make_absolute);
    }
}

fn make_absolute(path: &mut String) {
    if let Ok(full) = absolute(&path) {
        *path = full.to_string_lossy().into_owned();
    }
}
