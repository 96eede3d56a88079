//! `--data auto`: local files, then the hub's cache, then the hub.

use std::path::{Path, PathBuf};

use crate::data_files::Loaded;
use crate::data_source::DataOrigin;
use crate::error::{DataError, DataResult, list};
use crate::hub_data::{HubAccess, HubDataset};

/// Where a task's data may be, and how it is called there.
pub(crate) struct Places<'a> {
    /// The task's name in prose.
    pub(crate) title: &'a str,
    /// The layouts that would be taken, for messages.
    pub(crate) layouts: &'a str,
    /// The local folders, the likeliest first.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) hub: HubDataset,
}

/// Reads the first place that has data. Without `hub` only the folders are looked into.
pub(crate) fn load<S>(
    places: &Places<'_>,
    hub: Option<HubAccess<'_>>,
    read_folder: impl Fn(&Path) -> DataResult<Option<Loaded<S>>>,
) -> DataResult<Loaded<S>> {
    for folder in &places.folders {
        if let Some(loaded) = read_folder(folder)? {
            return Ok(loaded);
        }
    }
    let Places { title, layouts, folders, hub: dataset } = places;
    let nothing =
        || DataError::NothingFound(format!("no {title} files found: looked for {layouts} in {}", list(folders)));
    let Some(mut hub) = hub else { return Err(nothing()) };
    let snapshot = dataset.fetch(&mut hub)?;
    let loaded = read_folder(&snapshot.folder)?.ok_or_else(nothing)?;
    let repository = dataset.id.to_owned();
    Ok(Loaded { origin: DataOrigin::Hub { repository, revision: snapshot.commit, files: snapshot.files }, ..loaded })
}
