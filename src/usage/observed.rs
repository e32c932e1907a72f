//! What has been seen of an answer, and the cell that fills while it goes by.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tokens::{Usage, UsageSource, estimated_tokens};
use crate::error::{ApiError, TimeoutKind};

/// What has been seen of an answer so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Observed {
    /// The last usage that the provider reported.
    pub usage: Option<Usage>,
    /// The model as the provider names it. Shown, never priced.
    pub model: Option<String>,
    /// OpenAI's `finish_reason`, once there is one.
    pub finish_reason: Option<String>,
    /// What ended the answer: the [reason](ApiError::reason) of the error if it has one, such as `idle_timeout`, or else its
    /// code, such as `upstream_error`.
    pub failure: Option<String>,
    /// Whether the answer ended as it should.
    pub complete: bool,
    /// How many bytes of text, reasoning and tool arguments were decoded for the client: the base for an estimate.
    pub text_bytes: u64,
}

impl Observed {
    /// The answer ended with this error.
    pub fn fail(&mut self, error: &ApiError) {
        self.failure = Some(error.reason().or(error.code()).unwrap_or(error.kind()).to_owned());
    }

    /// What the answer cost, as far as anybody knows: the provider's figure where it came through; where it did not, or
    /// where the answer broke off after it, at least what was delivered. `prompt_tokens` is what the prompt is worth
    /// where the provider has said nothing of it.
    ///
    /// An answer that failed before anything of it was delivered cost nothing that anybody knows of, unless we gave the
    /// provider up for its slowness: it may have read the prompt, and bill it.
    pub fn settled(&self, prompt_tokens: u64) -> (Usage, UsageSource) {
        let delivered = estimated_tokens(self.text_bytes);
        match self.usage {
            Some(usage) if self.complete => (usage, UsageSource::Reported),
            Some(usage) => {
                let missing = delivered.saturating_sub(usage.completion_tokens());
                (Usage { output: usage.output.saturating_add(missing), ..usage }, UsageSource::Partial)
            }
            None if delivered == 0 && self.failure.as_deref().is_some_and(|word| !may_be_billed(word)) => {
                (Usage::default(), UsageSource::None)
            }
            None => (Usage { input: prompt_tokens, output: delivered, ..Usage::default() }, UsageSource::Estimated),
        }
    }

    /// How much the reported usage can be trusted.
    pub fn source(&self) -> UsageSource {
        match (&self.usage, self.complete) {
            (None, _) => UsageSource::None,
            (Some(_), true) => UsageSource::Reported,
            (Some(_), false) => UsageSource::Partial,
        }
    }
}

/// Whether a failure says that we gave up a provider that was reached: for its slowness, or because we end ourselves.
fn may_be_billed(failure: &str) -> bool {
    (failure.ends_with("timeout") && failure != TimeoutKind::Connect.reason()) || failure == "server_shutdown"
}

/// A response extension that fills while the answer goes by.
///
/// Whoever decodes the answer writes it; the layers outside read it when the body has ended, failed or been dropped.
/// Cheap to clone; all clones are the same cell.
#[derive(Clone, Debug, Default)]
pub struct UsageCell(Arc<Cell>);

#[derive(Debug, Default)]
struct Cell {
    observed: Mutex<Observed>,
    /// [`Observed::complete`], for whoever asks after each frame.
    complete: AtomicBool,
    text_bytes: AtomicU64,
}

impl UsageCell {
    /// An empty cell.
    pub fn new() -> Self {
        Self::default()
    }

    /// What has been seen so far.
    pub fn observed(&self) -> Observed {
        Observed { text_bytes: self.0.text_bytes.load(Ordering::Relaxed), ..self.lock().clone() }
    }

    /// A look at what has been seen so far, under the lock: it must do nothing else.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Observed) -> T) -> T {
        let mut observed = self.lock();
        observed.text_bytes = self.0.text_bytes.load(Ordering::Relaxed);
        look(&observed)
    }

    /// Whether the answer has ended with an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failure.is_some()
    }

    /// Whether the other one is the same cell.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the answer has ended as it should: [`Observed::complete`] alone.
    pub fn is_complete(&self) -> bool {
        self.0.complete.load(Ordering::Acquire)
    }

    /// Whether the answer has said anything: text, reasoning, a tool's arguments, or why it says nothing.
    pub fn has_begun(&self) -> bool {
        self.0.text_bytes.load(Ordering::Relaxed) > 0 || self.lock().finish_reason.is_some()
    }

    /// Records something. The closure runs under a lock: it must do nothing else.
    pub fn record(&self, change: impl FnOnce(&mut Observed)) {
        let mut observed = self.lock();
        change(&mut observed);
        self.0.complete.store(observed.complete, Ordering::Release);
    }

    /// Counts bytes of decoded text.
    pub fn add_text(&self, bytes: usize) {
        self.0.text_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reported_is_estimated_from_what_was_delivered() {
        let usage = |input, output| Usage { input, output, ..Usage::default() };
        let reported = Some(usage(7, 2));
        let broken = Some("upstream_error".to_owned());
        for (usage, text_bytes, complete, failure, expected) in [
            (reported, 400, true, None, (usage(7, 2), UsageSource::Reported)),
            (reported, 400, false, None, (usage(7, 100), UsageSource::Partial)),
            (reported, 4, false, broken.clone(), (usage(7, 2), UsageSource::Partial)),
            (None, 5, true, None, (usage(50, 2), UsageSource::Estimated)),
            (None, 0, false, None, (usage(50, 0), UsageSource::Estimated)),
            (None, 5, false, broken.clone(), (usage(50, 2), UsageSource::Estimated)),
            (None, 0, false, broken.clone(), (usage(0, 0), UsageSource::None)),
            (None, 0, false, Some("connect_timeout".to_owned()), (usage(0, 0), UsageSource::None)),
            (None, 0, false, Some("first_byte_timeout".to_owned()), (usage(50, 0), UsageSource::Estimated)),
        ] {
            let observed = Observed { usage, text_bytes, complete, failure, ..Observed::default() };
            assert_eq!(observed.settled(50), expected, "{observed:?}");
        }
    }

    #[test]
    fn the_source_follows_from_how_it_ended() {
        let cell = UsageCell::new();
        assert_eq!(cell.observed().source(), UsageSource::None);
        cell.record(|seen| seen.usage = Some(Usage::default()));
        assert_eq!(cell.observed().source(), UsageSource::Partial);
        cell.record(|seen| seen.complete = true);
        cell.clone().add_text(3);
        assert_eq!((cell.observed().source(), cell.observed().text_bytes), (UsageSource::Reported, 3));
    }
}
