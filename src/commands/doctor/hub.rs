//! How the hub is reached: endpoint, offline or not, certificates, proxy, and whether there is a token. Of the token nothing is
//! shown but that there is one, and of an address no password.

use std::path::PathBuf;

use aees_run::circumstances::without_credentials;
use aees_tasks::{Hub, HubOptions, HubSettings};
use serde_json::json;

use super::diagnosis::Diagnosis;

/// Variables that lead connections elsewhere.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What was found, and the folder of the cache.
pub(super) fn diagnoses(cache_dir: Option<PathBuf>) -> (Vec<Diagnosis>, Option<PathBuf>) {
    let cache = |offline: bool| {
        let options = HubOptions { cache_dir: cache_dir.clone(), local_files_only: offline, token: None };
        options.settings()
    };
    let settings = match cache(false) {
        Ok(settings) => settings,
        Err(error) => {
            let help = error.help().unwrap_or_else(|| "correct or unset HF_TOKEN, or remove the token file".into());
            let wrong = Diagnosis::wrong("token", without_credentials(&error.to_string()), help);
            // Where the cache is does not depend on the token.
            return (vec![wrong], cache(true).ok().map(|settings| settings.cache));
        }
    };
    let found = vec![endpoint(&settings), token(&settings), proxy()];
    (found, Some(settings.cache))
}

fn endpoint(settings: &HubSettings) -> Diagnosis {
    let HubSettings { endpoint, offline, certificates, .. } = settings;
    let shown = without_credentials(endpoint);
    let facts = json!({"endpoint": shown, "offline": offline, "certificates": certificates});
    let diagnosis = match Hub::new(settings.clone()) {
        _ if *offline => {
            let text = "offline: only the cache is used";
            Diagnosis::note("endpoint", text, "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE says so: unset it for downloads")
        }
        Ok(_) => {
            let certificates =
                certificates.as_ref().map_or_else(String::new, |file| format!(", certificates of {}", file.display()));
            Diagnosis::fine("endpoint", format!("{shown}{certificates}; not asked now"))
        }
        Err(error) => {
            let help = error.help().unwrap_or_else(|| "correct or unset HF_ENDPOINT and SSL_CERT_FILE".into());
            Diagnosis::wrong("endpoint", without_credentials(&error.to_string()), help)
        }
    };
    diagnosis.with(facts)
}

fn token(settings: &HubSettings) -> Diagnosis {
    let text = match (&settings.token, settings.offline) {
        (Some(_), _) => "there is one; it is sent to the endpoint alone, and never shown",
        (None, true) => "not looked for: nothing is asked of the hub",
        (None, false) => "none; what is public needs none, HF_TOKEN or `hf auth login` gives one",
    };
    Diagnosis::fine("token", text).with(json!({"token": settings.token.is_some()}))
}

fn proxy() -> Diagnosis {
    let set = PROXIES.into_iter().find_map(|name| Some((name, std::env::var(name).ok().filter(|it| !it.is_empty())?)));
    match set {
        Some((name, address)) => {
            let address = without_credentials(&address);
            Diagnosis::fine("proxy", format!("{name} is {address}")).with(json!({"proxy": address}))
        }
        None => Diagnosis::fine("proxy", "none").with(json!({"proxy": null})),
    }
}
