//! A refusal of the hub in the terms of what was asked for.

use super::error::HubError;
use super::repository::{HubPath, RepoId};
use super::transport::Refusal;

/// Of one file.
pub(super) fn refused(refusal: Refusal, file: &HubPath) -> HubError {
    match (refusal.code.as_deref(), refusal.status) {
        // Mirrors answer 404 without a code.
        (Some("EntryNotFound"), _) | (None, 404 | 410) => HubError::FileNotFound(Box::new(file.clone())),
        _ => repository_refused(refusal, file.repo(), file.revision()),
    }
}

/// Of a whole repository.
pub(super) fn repository_refused(refusal: Refusal, repo: &RepoId, revision: &str) -> HubError {
    let Refusal { url, status, code, message, token_sent, .. } = refusal;
    let sent = if token_sent { "a token was sent" } else { "no token was sent" };
    let invalid_token = message.as_deref() == Some("Invalid credentials in Authorization header");
    let no_repository = || {
        let help = if token_sent {
            "check the name, and that the token's owner may read it"
        } else {
            "check the name; a private repository needs HF_TOKEN"
        };
        HubError::failed(format!("the hub knows no {repo}, or it is private; {sent}"), help)
    };
    match (code.as_deref(), status) {
        (Some("RevisionNotFound"), _) => HubError::RevisionNotFound(repo.clone(), revision.to_owned()),
        (Some("GatedRepo"), _) => {
            let set_token = if token_sent { "" } else { " and set HF_TOKEN" };
            let page = repo.repo(revision).url();
            HubError::failed(
                format!("{repo} is gated: its owner gives access to named users only; {sent}"),
                &format!("ask for access at https://huggingface.co/{page}{set_token}"),
            )
        }
        (Some("RepoNotFound"), _) if !invalid_token => no_repository(),
        (_, 404 | 410) => no_repository(),
        (_, 401 | 403) => {
            let help = if token_sent {
                "make a new token at https://huggingface.co/settings/tokens and set HF_TOKEN"
            } else {
                "check the name; a private repository needs HF_TOKEN"
            };
            HubError::failed(format!("{url}: the hub asks for a valid token ({status}); {sent}"), help)
        }
        _ => {
            let message = message.map(|text| format!(": {text}")).unwrap_or_default();
            HubError::Failed(format!("{url}: the hub answers {status}{message}"), None)
        }
    }
}
