//! How the hub is reached and where its files are kept: command line first, then Python's environment variables.
//!
//! The variables and their order are those of Python's `huggingface_hub` (its `constants.py` and `get_token`), so that
//! whoever has set them for Python has set them for this program. An empty variable counts as unset.
//!
//! `--cache-dir DIR` is Python's `cache_dir`: DIR itself holds `models--...` and `datasets--...`. The reference program
//! puts models into `.hf_cache` and data sets into `.hf_cache/hub` (it passes the first as `cache_dir` and sets the second
//! as `HUGGINGFACE_HUB_CACHE`); therefore `DIR/hub` is read as well, and never written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{HubError, io_error};
use super::retry::RetryPolicy;
use super::token::Token;

const PUBLIC_HUB: &str = "https://huggingface.co";

/// What the command line says about the hub.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// `--cache-dir`.
    pub cache_dir: Option<PathBuf>,
    /// `--local-files-only`.
    pub local_files_only: bool,
    /// `--hf-token`, made with [`Token::new`].
    pub token: Option<Token>,
}

/// Everything that the hub client needs to know.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// `https://HOST[:PORT][/PATH]` of the hub or of a mirror.
    pub endpoint: String,
    /// The folder that holds `models--...` and `datasets--...`.
    pub cache: PathBuf,
    /// More folders of the same layout, which are only read.
    pub more_caches: Vec<PathBuf>,
    /// Sent to the endpoint, and to nobody else.
    pub token: Option<Token>,
    /// Nothing but the cache may be used.
    pub offline: bool,
    /// How long to wait for what.
    pub timeouts: HubTimeouts,
    /// How often to try and how long to pause.
    pub retry: RetryPolicy,
    /// PEM certificates to trust instead of Mozilla's list.
    pub certificates: Option<PathBuf>,
}

/// How long to wait for what, so that "no answer at all" ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubTimeouts {
    /// For the name's resolution, and again for the connection.
    pub connect: Duration,
    /// From the request to the end of the answer's headers.
    pub response: Duration,
    /// For the next bytes of a body.
    pub stall: Duration,
}

impl Default for HubTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), response: seconds(20), stall: seconds(30) }
    }
}

impl HubOptions {
    /// The settings under this process's environment.
    pub fn settings(self) -> Result<HubSettings, HubError> {
        self.settings_from(&|name| std::env::var(name).ok())
    }

    /// The settings under any environment.
    pub fn settings_from(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<HubSettings, HubError> {
        let environment = Environment { variable };
        let (cache, more_caches) = match self.cache_dir {
            Some(folder) => (folder.clone(), vec![folder.join("hub")]),
            None => (environment.cache(), Vec::new()),
        };
        let offline = self.local_files_only || environment.is_offline();
        let token = match self.token {
            Some(token) => Some(token),
            // Not needed, so a token file that cannot be read is nobody's problem.
            None if offline => None,
            None => environment.token()?,
        };
        Ok(HubSettings {
            endpoint: environment.get("HF_ENDPOINT").unwrap_or_else(|| PUBLIC_HUB.to_owned()),
            cache,
            more_caches,
            token,
            offline,
            timeouts: environment.timeouts(),
            retry: RetryPolicy::default(),
            certificates: environment
                .get("SSL_CERT_FILE")
                .or_else(|| environment.get("REQUESTS_CA_BUNDLE"))
                .map(Into::into),
        })
    }
}

struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value.to_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE"))
    }

    /// `~`, `$NAME` and `${NAME}` as Python's `expanduser` and `expandvars`; an unknown variable stays as it is.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.get(name)?;
        let text = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", self.home().display()),
            _ => text,
        };
        Some(shellexpand::env_with_context_no_errors(&text, |name| self.get(name)).into_owned().into())
    }

    fn home(&self) -> PathBuf {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).unwrap_or_default().into()
    }

    fn hugging_face_home(&self) -> PathBuf {
        self.path("HF_HOME").unwrap_or_else(|| {
            self.path("XDG_CACHE_HOME").unwrap_or_else(|| self.home().join(".cache")).join("huggingface")
        })
    }

    fn cache(&self) -> PathBuf {
        self.path("HF_HUB_CACHE")
            .or_else(|| self.path("HUGGINGFACE_HUB_CACHE"))
            .unwrap_or_else(|| self.hugging_face_home().join("hub"))
    }

    /// As Python: the second variable counts only where the first is unset.
    fn is_offline(&self) -> bool {
        let name = if self.get("HF_HUB_OFFLINE").is_some() { "HF_HUB_OFFLINE" } else { "TRANSFORMERS_OFFLINE" };
        self.is_true(name)
    }

    fn token(&self) -> Result<Option<Token>, HubError> {
        if self.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(None);
        }
        for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let Some(value) = self.get(name) {
                return Token::new(&value, name);
            }
        }
        let path = self.path("HF_TOKEN_PATH").unwrap_or_else(|| self.hugging_face_home().join("token"));
        token_in(&path)
    }

    fn timeouts(&self) -> HubTimeouts {
        let seconds = |name: &str, default: Duration| {
            let value = self.get(name).and_then(|value| value.trim().parse().ok()).filter(|&seconds: &u64| seconds > 0);
            value.map_or(default, Duration::from_secs)
        };
        let default = HubTimeouts::default();
        HubTimeouts {
            connect: default.connect,
            response: seconds("HF_HUB_ETAG_TIMEOUT", default.response),
            stall: seconds("HF_HUB_DOWNLOAD_TIMEOUT", default.stall),
        }
    }
}

fn token_in(path: &Path) -> Result<Option<Token>, HubError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Token::new(&text, &path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, "reading the token")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(options: HubOptions, variables: &[(&str, &str)]) -> HubSettings {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        options.settings_from(&lookup).unwrap()
    }

    fn cache(variables: &[(&str, &str)]) -> PathBuf {
        settings(HubOptions::default(), variables).cache
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        assert_eq!(cache(&[("HOME", "/home/a")]), Path::new("/home/a/.cache/huggingface/hub"));
        let mut variables = vec![("HOME", "/home/a"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(cache(&variables), Path::new("/x/huggingface/hub"));
        variables.push(("HF_HOME", "~/$USER-${USER}-$NONE"));
        variables.push(("USER", "u"));
        assert_eq!(cache(&variables), Path::new("/home/a/u-u-$NONE/hub"));
        variables.push(("HUGGINGFACE_HUB_CACHE", "/old"));
        assert_eq!(cache(&variables), Path::new("/old"));
        variables.push(("HF_HUB_CACHE", "/new"));
        assert_eq!(cache(&variables), Path::new("/new"));
        let options = HubOptions { cache_dir: Some("given".into()), ..HubOptions::default() };
        let given = settings(options, &variables);
        assert_eq!(given.cache, Path::new("given"));
        assert_eq!(given.more_caches, [Path::new("given/hub")]);
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let variables = [("HOME", "/home/a"), ("HF_HOME", ""), ("HF_ENDPOINT", " "), ("HF_HUB_OFFLINE", "")];
        let settings = settings(HubOptions::default(), &variables);
        assert_eq!(settings.endpoint, PUBLIC_HUB);
        assert_eq!(settings.cache, Path::new("/home/a/.cache/huggingface/hub"));
        assert!(!settings.offline);
    }

    #[test]
    fn offline_is_any_of_pythons_words() {
        let offline = |variables: &[(&str, &str)]| settings(HubOptions::default(), variables).offline;
        for word in ["1", "on", "YES", "True"] {
            assert!(offline(&[("HF_HUB_OFFLINE", word)]), "{word}");
        }
        for word in ["0", "off", "no", "2"] {
            assert!(!offline(&[("HF_HUB_OFFLINE", word), ("TRANSFORMERS_OFFLINE", "1")]), "{word}");
        }
        assert!(offline(&[("TRANSFORMERS_OFFLINE", "1")]));
        assert!(settings(HubOptions { local_files_only: true, ..HubOptions::default() }, &[]).offline);
    }

    #[test]
    fn the_token_comes_from_the_first_place_that_has_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "from-file\n").unwrap();
        std::fs::write(folder.path().join("other"), "from-other").unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        let other = folder.path().join("other").to_str().unwrap().to_owned();
        let token = |options: HubOptions, more: &[(&str, &str)]| {
            let variables: Vec<_> = [("HF_HOME", home.as_str())].into_iter().chain(more.iter().copied()).collect();
            settings(options, &variables).token.map(|token| token.authorization())
        };
        let none = HubOptions::default;
        let bearer = |text: &str| Some(format!("Bearer {text}"));
        let given = HubOptions { token: Token::new("given", "--hf-token").unwrap(), ..none() };
        assert_eq!(token(given, &[("HF_TOKEN", "from-variable")]), bearer("given"));
        assert_eq!(token(none(), &[("HF_TOKEN", " from-variable\n")]), bearer("from-variable"));
        assert_eq!(token(none(), &[]), bearer("from-file"));
        assert_eq!(token(none(), &[("HF_TOKEN_PATH", &other)]), bearer("from-other"));
        assert_eq!(token(none(), &[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    }

    #[test]
    fn nothing_of_a_token_can_be_printed() {
        let options = HubOptions { token: Token::new("hf_secret", "--hf-token").unwrap(), ..HubOptions::default() };
        assert!(!format!("{options:?}").contains("secret"));
        assert!(!format!("{:?}", settings(options, &[])).contains("secret"));
        let error = Token::new("hf_secret two", "HF_TOKEN").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
