use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use super::{CredentialSource, Credentials};
use crate::error::ApiError;

/// How long before their end credentials are asked for again. A machine's role has the next ones five minutes before.
const EARLY: Duration = Duration::from_secs(120);

/// The credentials of the moment: kept for as long as they say themselves, and renewed by one request while the others go on.
pub(super) struct Rotation<K> {
    source: K,
    /// The last ones that have an end.
    kept: Mutex<Option<Credentials>>,
    renewing: AtomicBool,
}

impl<K> Rotation<K> {
    pub(super) fn new(source: K) -> Self {
        Self { source, kept: Mutex::new(None), renewing: AtomicBool::new(false) }
    }

    /// What is kept, and for how long it is good.
    fn kept(&self, now: Duration) -> Option<(Credentials, Duration)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let left = kept.expires()?.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((kept, left))
    }
}

impl<K: CredentialSource> Rotation<K> {
    /// Credentials that are good at this time since the Unix epoch.
    pub(super) async fn at(&self, now: Duration) -> Result<Credentials, ApiError> {
        let Some((kept, left)) = self.kept(now) else { return self.ask(now).await };
        if left > EARLY {
            return Ok(kept);
        }
        match Turn::take(&self.renewing) {
            Some(_turn) => Ok(self.ask(now).await.unwrap_or(kept)),
            None => Ok(kept),
        }
    }

    async fn ask(&self, now: Duration) -> Result<Credentials, ApiError> {
        let credentials = self.source.credentials().await.map_err(|_| unavailable())?;
        match credentials.expires() {
            Some(end) if end <= now => Err(unavailable()),
            Some(_) => {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
                Ok(credentials)
            }
            None => Ok(credentials),
        }
    }
}

/// The one who renews; the turn ends also where its request is given up.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(taken: &'a AtomicBool) -> Option<Self> {
        (!taken.swap(true, Ordering::Acquire)).then_some(Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Says the same of a source that fails and of one whose credentials are over: the difference is not the client's.
fn unavailable() -> ApiError {
    ApiError::server_error(
        StatusCode::SERVICE_UNAVAILABLE,
        "upstream_credentials_unavailable",
        "The gateway has no credentials for the upstream provider at the moment; try again shortly.",
    )
}
