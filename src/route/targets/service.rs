use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::TargetBody;
use super::choice::Balance;
use super::future::TargetsFuture;
use super::health::Health;
use super::pool::{Entry, Pool, Settings};
use super::snapshot::TargetSnapshot;
use super::target::Target;
use crate::chat::ChatRequest;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::random::Random;

/// Several places where the same model can be asked, as one service: keys, regions, providers.
///
/// It chooses one that is well, by load, by weight, in order, or by a [`StickyKey`](super::StickyKey); if that one fails
/// before the first byte of an answer, it asks the next one, each at most once. Who fails again and again, or says itself that
/// it will not serve, [rests](Health) for a while, and costs nobody anything then; one request finds out whether it is well
/// again.
///
/// ```
/// # tokio_test::block_on(async {
/// use tower::{Layer, ServiceExt};
/// use tower_completions::mock::{Answer, Mock};
/// use tower_completions::route::{Balance, Target, Targets, TargetState};
/// use tower_completions::translate::{Azure, OpenAi};
/// use tower_completions::{BoxError, ChatRequest, TranslateLayer};
///
/// let (direct, azure) = (Mock::openai(), Mock::azure());
/// direct.always(Answer::error(429).header("retry-after", "30"));
/// let openai = TranslateLayer::new(OpenAi::new("https://api.openai.com/v1")?).layer(direct.clone());
/// let east = TranslateLayer::new(Azure::new("https://east.openai.azure.com/openai/v1")?).layer(azure.clone());
/// let targets = Targets::new([Target::new("openai", openai), Target::new("east", east).upstream("my-deployment")])
///     .balance(Balance::InOrder);
///
/// for _ in 0..5 {
///     let chat = ChatRequest::from_bytes(r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}"#)?;
///     assert_eq!(targets.clone().oneshot(http::Request::new(chat)).await?.status(), 200);
/// }
/// assert_eq!((direct.received(), azure.received()), (1, 5));
/// assert!(matches!(targets.snapshot()[0].state, TargetState::Resting(_)));
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
///
/// A target is busy with an answer until its last byte, error or drop. Load balancers of tower measure to the head of the
/// response, which for a stream is its first second.
///
/// Always ready: the service of a target is waited for one request at a time. A clone is the same targets.
#[derive(Clone)]
pub struct Targets {
    pool: Pool,
}

impl Targets {
    /// These targets.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let entries = targets.into_iter().map(Entry::new).collect();
        Self { pool: Pool { entries, settings: Settings::default() } }
    }

    /// How one is chosen: [`Balance::LeastLoaded`] by default.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.pool.settings.balance = balance;
        self
    }

    /// When one rests, and for how long.
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.pool.settings.health = Arc::new(health);
        self
    }

    /// The clock of rests and of what the first token takes: the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.pool.settings.clock = Arc::new(clock);
        self
    }

    /// Where chance comes from.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.pool.settings.random = random;
        self
    }

    /// How each target is at this moment, in the order in which they were given.
    pub fn snapshot(&self) -> Vec<TargetSnapshot> {
        let now = self.pool.settings.clock.now();
        self.pool.entries.iter().map(|entry| TargetSnapshot::of(entry, now)).collect()
    }
}

impl Service<Request<ChatRequest>> for Targets {
    type Response = Response<TargetBody>;
    type Error = BoxError;
    type Future = TargetsFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ChatRequest>) -> TargetsFuture {
        TargetsFuture::new(self.pool.clone(), request)
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pool.entries.iter().map(|entry| &entry.target)).finish()
    }
}
