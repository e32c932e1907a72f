//! The mock itself: a tower service, and the handle that a test keeps.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use super::anthropic::Anthropic;
use super::azure::Azure;
#[cfg(feature = "bedrock")]
use super::bedrock::Bedrock;
use super::gemini::Gemini;
use super::openai::OpenAi;
use super::protocol::Protocol;
use super::render::render;
use super::state::{Flight, Shared, Standing};
use super::{Answer, MockBody, Recorded};
use crate::BoxError;

/// A provider that is not real: a tower service that answers by a script, and remembers what it was asked.
///
/// Clones share the script and the record: give one to the stack and keep one to steer it. It is always ready, takes any
/// request body, and its errors are those of a connection, as [`std::io::Error`]. Without a script it behaves like its
/// provider: unknown paths, other methods than `POST`, bodies that are no chat and, once a key is set, wrong keys get
/// the provider's own errors. A scripted answer goes out on any path and for any body, but not for a wrong key.
#[derive(Clone)]
pub struct Mock {
    protocol: &'static dyn Protocol,
    key: Option<Arc<str>>,
    shared: Arc<Shared>,
}

impl Mock {
    /// Speaks OpenAI's chat completions, at every path that ends in `/chat/completions`.
    pub fn openai() -> Self {
        Self::new(&OpenAi)
    }

    /// Speaks Anthropic's messages, at every path that ends in `/v1/messages`.
    pub fn anthropic() -> Self {
        Self::new(&Anthropic)
    }

    /// Speaks Azure OpenAI's chat completions, on both surfaces: at every path that ends in `/openai/v1/chat/completions`, or
    /// in `/openai/deployments/{id}/chat/completions`.
    pub fn azure() -> Self {
        Self::new(&Azure)
    }

    /// Speaks Gemini's `generateContent` and `streamGenerateContent`, at every path that ends in `models/{id}:` and one of
    /// these.
    pub fn gemini() -> Self {
        Self::new(&Gemini)
    }

    /// Speaks Amazon Bedrock's Converse and ConverseStream, at every path that ends in `/model/{id}/converse` or
    /// `/model/{id}/converse-stream`. At others it does what Amazon does: it says so with a 200.
    ///
    /// The key that it can be made to [require](Self::require_key) is an API key, or the id and the secret of an access key
    /// with a colon between them: then the signature is checked.
    #[cfg(feature = "bedrock")]
    pub fn bedrock() -> Self {
        Self::new(&Bedrock)
    }

    fn new(protocol: &'static dyn Protocol) -> Self {
        Self { protocol, key: None, shared: Arc::default() }
    }

    /// Refuses every other key, in the provider's own header. Clones made before this do not ask for one.
    ///
    /// Anthropic's mock then also wants an `anthropic-version`.
    #[must_use]
    pub fn require_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Remembers only the last `count` requests; without this, 1024. A mock that runs for long wants few.
    #[must_use]
    pub fn keep_requests(self, count: usize) -> Self {
        self.shared.lock().keep = count;
        self
    }
}

/// The script.
impl Mock {
    /// Puts an answer at the end of the queue. Each request takes one; afterwards the standing answer counts.
    pub fn answer(&self, answer: Answer) -> &Self {
        self.shared.lock().script.push_back(answer);
        self
    }

    /// Makes this the standing answer. Without it, that is [`Answer::echo`].
    pub fn always(&self, answer: Answer) -> &Self {
        self.shared.lock().standing = Standing::Always(answer);
        self
    }

    /// Lets a function choose the standing answer for each request.
    pub fn respond_with(&self, respond: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> &Self {
        self.shared.lock().standing = Standing::With(Arc::new(respond));
        self
    }
}

/// The record.
impl Mock {
    /// The requests so far, oldest first, each there once its body was read.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.iter().cloned().collect()
    }

    /// How many requests there were, whether they are still remembered or not.
    pub fn received(&self) -> usize {
        self.shared.lock().received
    }

    /// How many requests have come whose answer is not at its end.
    pub fn in_flight(&self) -> usize {
        self.shared.lock().in_flight
    }

    /// How many answers were dropped before their end, be it before or after their head.
    pub fn dropped(&self) -> usize {
        self.shared.lock().dropped
    }

    /// Waits until so many requests came in all.
    pub async fn wait_for_requests(&self, count: usize) {
        self.shared.wait(|state| (state.received >= count).then_some(())).await;
    }

    /// Waits for an answer to be dropped before its end. Each drop is told once: two calls wait for two drops.
    pub async fn wait_for_drop(&self) {
        let told = |told: &mut usize, dropped| (*told < dropped).then(|| *told += 1);
        self.shared.wait(|state| told(&mut state.told, state.dropped)).await;
    }
}

impl Mock {
    async fn serve<B>(self, request: Request<B>, flight: Flight) -> io::Result<Response<MockBody>>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Recorded::new(parts, body);
        let number = self.shared.record(&request);
        let allowed = self.key.as_deref().map_or(Ok(()), |key| self.protocol.authenticate(&request, key));
        let answer = match allowed {
            Ok(()) => self.shared.next_answer(&request),
            Err(refusal) => Answer::refusal(refusal),
        };
        if !answer.delay_head.is_zero() {
            tokio::time::sleep(answer.delay_head).await;
        }
        match render(self.protocol, number, &request, answer) {
            Ok(response) => Ok(response.map(|body| body.carrying(flight))),
            Err(error) => {
                flight.land();
                Err(error)
            }
        }
    }
}

impl<B> Service<Request<B>> for Mock
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<MockBody>;
    type Error = io::Error;
    type Future = MockFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> MockFuture {
        let flight = Flight::start(self.shared.clone());
        MockFuture(Box::pin(self.clone().serve(request, flight)))
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// The answer of a [`Mock`], to come.
#[must_use = "futures do nothing unless polled"]
pub struct MockFuture(Pin<Box<dyn Future<Output = io::Result<Response<MockBody>>> + Send>>);

impl Future for MockFuture {
    type Output = io::Result<Response<MockBody>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for MockFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use serde_json::json;
    use tower::ServiceExt;

    use super::super::testing::{ask, bytes, hello, json, with};
    use super::*;

    const PATH: &str = "/v1/chat/completions";

    fn content(answer: &serde_json::Value) -> &str {
        answer["choices"][0]["message"]["content"].as_str().unwrap_or_default()
    }

    #[test]
    fn services_and_bodies_go_anywhere() {
        fn anywhere<T: Clone + Send + Sync + 'static>() {}
        fn body<T: Body<Data = bytes::Bytes> + Send + Sync + Unpin + 'static>() {}
        fn send<T: Send>(_: T) {}
        anywhere::<Mock>();
        anywhere::<Answer>();
        body::<MockBody>();
        let mock = Mock::openai();
        send(mock.wait_for_drop());
        send(mock.listen());
    }

    #[tokio::test]
    async fn the_script_runs_in_order_and_then_the_standing_answer() {
        let mock = Mock::openai();
        let say = async || json(ask(&mock, PATH, &hello()).await).await;
        mock.answer(Answer::text("one")).answer(Answer::tool_call("clock", json!({"zone": "UTC"})).usage(7, 3));
        assert_eq!(content(&say().await), "one");
        let call = say().await;
        assert_eq!(call["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], r#"{"zone":"UTC"}"#);
        assert_eq!(call["usage"]["total_tokens"], 10);
        assert!(content(&say().await).starts_with("This is a mock"));

        mock.always(Answer::text("always")).answer(Answer::error(500));
        assert_eq!(say().await["error"]["type"], "server_error");
        assert_eq!([content(&say().await), content(&say().await)], ["always", "always"]);

        mock.respond_with(|request| Answer::text(request.json()["model"].as_str().unwrap_or_default()));
        assert_eq!(content(&say().await), "some-model");
    }

    #[tokio::test]
    async fn requests_are_remembered_up_to_a_number() {
        let mock = Mock::openai().keep_requests(2);
        for number in 0..3 {
            ask(&mock, "http://host/v1/chat/completions?v=1", &with(hello(), json!({"seed": number}))).await;
        }
        assert_eq!(mock.received(), 3);
        let requests = mock.requests();
        assert_eq!(requests.iter().map(|request| request.json()["seed"].clone()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(requests[0].path_and_query(), "/v1/chat/completions?v=1");
        assert_eq!(
            (requests[0].method.as_str(), requests[0].header("content-type")),
            ("POST", Some("application/json"))
        );
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_that_tells_its_kind() {
        let mock = Mock::openai();
        mock.answer(Answer::refuse()).answer(Answer::fail(io::ErrorKind::TimedOut));
        mock.answer(Answer::text("x").header("no spaces", "x")).answer(Answer::status(7));
        for (kind, status) in [
            (io::ErrorKind::ConnectionRefused, 502),
            (io::ErrorKind::TimedOut, 504),
            (io::ErrorKind::InvalidInput, 502),
            (io::ErrorKind::InvalidInput, 502),
        ] {
            let error = mock.clone().oneshot(Request::post(PATH).body(String::new()).unwrap()).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(crate::ApiError::from_box(error.into()).status(), status);
        }
        assert_eq!((mock.received(), mock.in_flight(), mock.dropped()), (4, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn drops_are_seen_before_and_after_the_head() {
        let mock = Mock::openai();
        mock.answer(Answer::text("late").delay_head(Duration::MAX)).answer(Answer::text("half").stall_after(3));

        let pending = tokio::spawn({
            let mock = mock.clone();
            async move { ask(&mock, PATH, &hello()).await }
        });
        mock.wait_for_requests(1).await;
        assert_eq!((mock.in_flight(), mock.dropped()), (1, 0));
        pending.abort();
        mock.wait_for_drop().await;

        let mut body = ask(&mock, PATH, &hello()).await.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 3);
        assert_eq!((mock.in_flight(), mock.dropped()), (1, 1));
        let waiting = mock.wait_for_drop();
        drop(body);
        waiting.await;
        assert_eq!((mock.in_flight(), mock.dropped()), (0, 2));
        assert!(tokio::time::timeout(Duration::from_secs(9), mock.wait_for_drop()).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_that_is_read_is_not_dropped() {
        let mock = Mock::openai();
        mock.answer(Answer::text("whole")).answer(Answer::sse("data: 1\n\n")).answer(Answer::text("x").cut_after(2));
        for _ in 0..3 {
            let _ = bytes(ask(&mock, PATH, &hello()).await).await;
        }
        // What is at its end already need not be read.
        mock.answer(Answer::status(204));
        ask(&mock, PATH, &hello()).await;
        assert_eq!((mock.in_flight(), mock.dropped()), (0, 0));
    }

    #[tokio::test]
    async fn an_upload_that_breaks_is_no_request() {
        let mock = Mock::openai();
        mock.answer(Answer::sse("data: 1").cut_after(3));
        let broken = ask(&mock, PATH, &hello()).await.into_body();
        let error = mock.clone().oneshot(Request::post(PATH).body(broken).unwrap()).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), mock.received()), ("the mock cut the answer", 1));
    }
}
