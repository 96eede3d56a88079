//! When to try again: exponential back-off with jitter, `Retry-After`, and an end.
//!
//! The pauses are the reference's (2, 4, 8, ... up to 64 s, six tries), for more causes: it retries 429 only.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use super::error::HubError;
use super::event::{DownloadEvent, DownloadProgress};

/// How often to try and how long to pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Tries while something answers, however badly: 429, 5xx, a body that breaks off.
    pub tries: u32,
    /// Tries while nothing answers at all. Fewer, because a machine without a network should say so soon.
    pub tries_without_answer: u32,
    /// The pause after the first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest of those pauses.
    pub longest_pause: Duration,
    /// The longest `Retry-After` that is obeyed; a hub that asks for more ends the download.
    pub longest_retry_after: Duration,
    /// Each pause is made longer by a random part of it, up to this share, so that many machines do not come back at once.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 6,
            tries_without_answer: 3,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(64),
            // The hub counts requests in windows of five minutes.
            longest_retry_after: Duration::from_secs(360),
            jitter: 0.25,
        }
    }
}

/// A failure that may pass.
#[derive(Debug)]
pub(super) struct TemporaryError {
    /// What was asked, without query.
    pub(super) url: String,
    pub(super) why: String,
    /// Did anything answer?
    pub(super) answered: bool,
    /// What the answer asks for.
    pub(super) retry_after: Option<Duration>,
}

/// The tries of one request.
pub(super) struct RetryState {
    policy: RetryPolicy,
    failures: u32,
    tries: u32,
    began: Instant,
}

impl RetryState {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, failures: 0, tries: 0, began: Instant::now() }
    }

    /// A good part of the file arrived: what comes now is a new failure, not one more of the same.
    pub(super) fn progressed(&mut self) {
        self.failures = 0;
    }

    /// Pauses before the next try, or says that there is none.
    pub(super) fn pause(
        &mut self,
        failure: TemporaryError,
        progress: &mut dyn DownloadProgress,
    ) -> Result<(), HubError> {
        self.failures += 1;
        self.tries += 1;
        let allowed = if failure.answered { self.policy.tries } else { self.policy.tries_without_answer };
        let too_long = failure.retry_after.is_some_and(|pause| pause > self.policy.longest_retry_after);
        if self.failures >= allowed || too_long {
            return Err(self.give_up(failure));
        }
        let after = self.next_pause(failure.retry_after);
        progress.event(&DownloadEvent::Retrying { after, why: failure.why });
        sleep(after, progress)
    }

    /// The error of a request that is not tried again.
    pub(super) fn give_up(&self, failure: TemporaryError) -> HubError {
        let why = match failure.retry_after {
            Some(pause) => format!("{}; it asks to come back in {} s", failure.why, pause.as_secs()),
            None => failure.why,
        };
        HubError::unreachable(&failure.url, &why, self.tries.max(1), self.began.elapsed().as_secs_f64())
    }

    fn next_pause(&self, retry_after: Option<Duration>) -> Duration {
        let doubled = self.policy.first_pause.saturating_mul(1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX));
        let pause = retry_after.unwrap_or(doubled.min(self.policy.longest_pause));
        let random = random_bits() as f64 / u64::MAX as f64;
        pause + pause.mul_f64(self.policy.jitter.clamp(0.0, 1.0) * random)
    }
}

/// Sleeps in short pieces, so that an interrupted program ends at once.
pub(super) fn sleep(pause: Duration, progress: &mut dyn DownloadProgress) -> Result<(), HubError> {
    const PIECE: Duration = Duration::from_millis(50);
    let end = Instant::now() + pause;
    loop {
        if progress.cancelled() {
            return Err(HubError::Cancelled);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(PIECE));
    }
}

/// For jitter, which may not touch a run's own random numbers.
fn random_bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The pause that the headers of an answer ask for: `Retry-After` in seconds or as a date, else the rest of the window
/// in the hub's `RateLimit: "api";r=0;t=55`.
pub(super) fn requested_pause(
    retry_after: Option<&str>,
    rate_limit: Option<&str>,
    now: SystemTime,
) -> Option<Duration> {
    let from_header = |value: &str| {
        let value = value.trim();
        value.parse().ok().map(Duration::from_secs).or_else(|| {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        })
    };
    let from_window = |value: &str| {
        let field = |name: &str| value.split(';').find_map(|part| part.trim().strip_prefix(name)?.parse::<u64>().ok());
        (field("r=") == Some(0)).then(|| field("t=").map(Duration::from_secs))?
    };
    retry_after.and_then(from_header).or_else(|| rate_limit.and_then(from_window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_what_the_hub_asks_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(requested_pause(Some("120"), None, now), seconds(120));
        assert_eq!(requested_pause(Some("Sun, 06 Nov 1994 08:49:37 GMT"), None, now), seconds(7));
        assert_eq!(requested_pause(Some("Sun, 06 Nov 1994 08:00:00 GMT"), None, now), seconds(0));
        for text in ["", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(requested_pause(Some(text), None, now), None, "{text}");
        }
        assert_eq!(requested_pause(None, Some("\"api\";r=0;t=55"), now), seconds(55));
        assert_eq!(requested_pause(None, Some("\"api\";r=489;t=55"), now), None);
        assert_eq!(requested_pause(None, None, now), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_never_shorter() {
        let mut retries = RetryState::new(RetryPolicy::default());
        for (failures, least) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 64), (40, 64)] {
            retries.failures = failures;
            let pause = retries.next_pause(None);
            let least = Duration::from_secs(least);
            assert!(pause >= least && pause <= least.mul_f64(1.25), "{failures}: {pause:?}");
        }
        assert!(retries.next_pause(Some(Duration::from_secs(7))) >= Duration::from_secs(7));
    }
}
