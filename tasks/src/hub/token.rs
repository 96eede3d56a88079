//! The access token: a secret that can be sent and never shown.

use std::fmt;

use super::error::HubError;

/// A Hugging Face access token. Nothing of it can be printed, and it is sent to the endpoint's own origin only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token, with the white space around it removed; none when nothing is left. `origin` says where it came from
    /// (`--hf-token`, `HF_TOKEN`, a file), for the error: a token with anything but visible ASCII is refused.
    pub fn new(text: &str, origin: &str) -> Result<Option<Self>, HubError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("the Hugging Face token in {origin} holds white space or characters outside ASCII");
            return Err(HubError::failed(message, "a token is one word that begins with hf_"));
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}
