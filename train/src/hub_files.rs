//! The hub as a run sees it: reached as its settings say, with downloads told as events of the run.

use std::path::PathBuf;

use aees_run::settings::RunConfig;
use aees_tasks::{DownloadEvent, DownloadProgress, Hub, HubError, HubOptions, Token};

use crate::event::{Preparation, PreparationUnit, RunEvent, Subscriber};

/// The hub as a configuration asks for it.
///
/// # Errors
/// An address that is none, or a token that is none.
pub fn hub(config: &RunConfig) -> Result<Hub, HubError> {
    let token = config.hf_token.0.as_deref();
    Hub::new(
        HubOptions {
            cache_dir: config.cache_dir.as_ref().map(PathBuf::from),
            local_files_only: config.local_files_only,
            token: token.map(|token| Token::new(token, "--hf-token")).transpose()?.flatten(),
        }
        .settings()?,
    )
}

/// The command that brings a run's files into the cache: the way out where no network may be used.
pub(crate) fn fetch_command(config: &RunConfig) -> String {
    let task = config.task.name();
    if config.task.is_text() && config.model != RunConfig::new(config.task).model {
        return format!("aees data fetch {task} --model {}", config.model);
    }
    format!("aees data fetch {task}")
}

/// Turns what the hub client tells into events of the run.
pub(crate) struct DownloadEvents<'a> {
    subscribers: &'a mut [Box<dyn Subscriber>],
    /// The file that arrives, what has arrived, and its size.
    current: (String, u64, Option<u64>),
    /// What the user should know of how files were found.
    pub(crate) notices: Vec<String>,
}

impl<'a> DownloadEvents<'a> {
    pub(crate) fn new(subscribers: &'a mut [Box<dyn Subscriber>]) -> Self {
        Self { subscribers, current: Default::default(), notices: Vec::new() }
    }

    pub(crate) fn emit(&mut self, event: &RunEvent<'_>) {
        // A log that cannot be written shows itself when training starts.
        self.subscribers.iter_mut().for_each(|subscriber| drop(subscriber.on_event(event)));
    }

    fn show(&mut self) {
        let (path, done, total) = self.current.clone();
        let what = format!("downloading {path}");
        self.emit(&RunEvent::Preparing(&Preparation { what: &what, done, total, unit: PreparationUnit::Bytes }));
    }
}

impl DownloadProgress for DownloadEvents<'_> {
    fn event(&mut self, event: &DownloadEvent) {
        match event {
            DownloadEvent::Started { path, size, resumed_at } => {
                self.current = (path.clone(), *resumed_at, *size);
                self.show();
            }
            DownloadEvent::Advanced { bytes } => {
                self.current.1 += bytes;
                self.show();
            }
            DownloadEvent::Retrying { after, why } => {
                self.emit(&RunEvent::Warning(&format!("{why}; trying again in {:.0} s", after.as_secs_f64())));
            }
            DownloadEvent::UsingCache { path, reason } => {
                self.notices.push(format!("{path}: the cached version is used, because {reason}"));
            }
            DownloadEvent::Discarded { path } => {
                self.notices.push(format!("{}: damaged; removed and fetched again", path.display()));
            }
            DownloadEvent::Waiting { path } => {
                self.emit(&RunEvent::Warning(&format!("{path}: another process downloads it; waiting")));
            }
            _ => {}
        }
    }
}
