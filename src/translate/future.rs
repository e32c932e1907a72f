use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::AnswerBody;
use super::dialect::Decode;
use crate::body::ResponseBody;
use crate::chat::{AnswerHead, AnswerWriter, ChunkWriter, stream_headers};
use crate::collect::{Collect, CollectError};
use crate::error::{ApiError, BoxError, FailureClass};
use crate::media_type;
use crate::usage::{Attempts, Served, UsageCell};

/// How much of an error's body is read.
const MAX_ERROR: usize = 64 << 10;

/// The provider's headers that are for the client.
const RETRY_HEADERS: [HeaderName; 3] =
    [RETRY_AFTER, HeaderName::from_static("retry-after-ms"), HeaderName::from_static("x-should-retry")];
/// Where the providers put the id of a request: OpenAI and most others, Anthropic, Amazon, Azure.
static REQUEST_IDS: [HeaderName; 4] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("apim-request-id"),
];
const DROPPED_PARAMS: HeaderName = HeaderName::from_static("x-dropped-params");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// What is needed to turn the provider's answer into the client's. In a box: it is larger than the future around it.
pub(super) struct Answer<D> {
    pub(super) decoder: D,
    pub(super) streaming: bool,
    pub(super) show_usage: bool,
    pub(super) head: AnswerHead,
    pub(super) max_answer: usize,
    pub(super) cell: UsageCell,
    pub(super) served: Served,
    pub(super) dropped: Option<HeaderValue>,
    /// `None` if nobody wants to know.
    pub(super) attempt: Option<Attempting>,
}

/// An attempt that somebody outside wants to know of.
pub(super) struct Attempting {
    attempts: Attempts,
    number: usize,
}

impl Attempting {
    /// The request is about to be sent.
    pub(super) fn begin<D>(request: &Extensions, answer: &Answer<D>) -> Option<Self> {
        let attempts = request.get::<Attempts>()?.clone();
        let Served { provider, model, .. } = &answer.served;
        let number = attempts.begin(provider.clone(), model.clone(), answer.cell.clone());
        Some(Self { attempts, number })
    }

    /// There is no answer.
    fn broke(&self) {
        self.attempts.broke(self.number);
    }
}

pin_project! {
    /// Waits for the provider's answer: for the whole of one that is not streamed, for the first event of one that is.
    ///
    /// So an error that comes right after a 200 still gets a status of its own, and can be retried.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, D, B> {
        #[pin]
        state: State<F, D, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, D, B> {
        Refused { error: Option<ApiError> },
        Calling { #[pin] future: F, answer: Option<Box<Answer<D>>> },
        Reading { reading: Option<Box<Reading<D, B>>> },
    }
}

/// The client's response.
pub(super) type Translated<D, B> = Response<ResponseBody<AnswerBody<D, B>>>;

/// The head of the answer is there.
struct Reading<D, B> {
    status: StatusCode,
    headers: HeaderMap,
    cell: UsageCell,
    served: Served,
    dropped: Option<HeaderValue>,
    body: ReadingBody<D, B>,
}

#[allow(clippy::large_enum_variant, reason = "one of these lives in each box, whatever its variant")]
enum ReadingBody<D, B> {
    Error {
        body: Whole<B>,
        decoder: D,
    },
    /// Also where a stream was asked for and JSON came.
    Answer {
        body: Whole<B>,
        decoder: D,
        writer: AnswerWriter,
    },
    Stream {
        body: Option<AnswerBody<D, B>>,
    },
}

/// A body that is read as a whole.
struct Whole<B> {
    body: Pin<Box<B>>,
    collect: Collect,
}

impl<B> Whole<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ApiError>> {
        self.collect.poll(self.body.as_mut(), cx).map_err(|error| match error {
            CollectError::TooLarge => ApiError::upstream_too_large(),
            CollectError::Body(error) => ApiError::from_box(error),
        })
    }
}

impl<F, D, B> ResponseFuture<F, D, B> {
    pub(super) fn refused(error: ApiError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }

    pub(super) fn calling(future: F, answer: Box<Answer<D>>) -> Self {
        Self { state: State::Calling { future, answer: Some(answer) } }
    }
}

impl<D, B> Reading<D, B>
where
    D: Decode,
    B: Body,
    B::Error: Into<BoxError>,
{
    fn new(answer: Answer<D>, head: Parts, body: B) -> Box<Self> {
        let Answer {
            mut decoder,
            streaming,
            show_usage,
            head: answer_head,
            max_answer,
            cell,
            served,
            dropped,
            attempt,
        } = answer;
        if let Some(attempt) = attempt {
            attempt.attempts.answered(attempt.number, head.status);
        }
        decoder.head(&head.headers);
        let body = Box::pin(body);
        let body = if !head.status.is_success() {
            let body = Whole { body, collect: Collect::cut(MAX_ERROR) };
            ReadingBody::Error { body, decoder }
        } else if !streaming || is_json(&head.headers) {
            let writer = AnswerWriter::with_head(streaming, show_usage, answer_head, cell.clone());
            ReadingBody::Answer { body: Whole { body, collect: Collect::all(max_answer) }, decoder, writer }
        } else {
            let writer = ChunkWriter::new(answer_head, cell.clone(), show_usage);
            ReadingBody::Stream { body: Some(AnswerBody::new(body, decoder, writer, cell.clone())) }
        };
        Box::new(Self { status: head.status, headers: head.headers, cell, served, dropped, body })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Translated<D, B>, ApiError>> {
        let is_compressed = self.is_compressed();
        if is_compressed && !matches!(self.body, ReadingBody::Error { .. }) {
            return Poll::Ready(Err(ApiError::upstream_error("The upstream provider compressed its answer unasked.")));
        }
        match &mut self.body {
            ReadingBody::Error { body, decoder } => {
                // A status says enough where its words cannot be read.
                let body = if is_compressed { Bytes::new() } else { ready!(body.poll(cx)).unwrap_or_default() };
                let error = if self.status.is_redirection() {
                    ApiError::upstream_error("The upstream provider answered with a redirect, which is not followed.")
                } else {
                    decoder.error(self.status, &body)
                };
                Poll::Ready(Err(error))
            }
            ReadingBody::Answer { body, decoder, writer } => {
                let body = ready!(body.poll(cx))?;
                decoder.whole(body, writer)?;
                let whole = all(writer).ok_or_else(unfinished)?;
                Poll::Ready(Ok(writer.respond(ResponseBody::full(whole))))
            }
            ReadingBody::Stream { body } => {
                if let Some(body) = body {
                    ready!(body.poll_fill(cx));
                    if let Some(error) = body.early_failure() {
                        return Poll::Ready(Err(error));
                    }
                }
                let mut response = Response::new(ResponseBody::inner(body.take().ok_or_else(unfinished)?));
                stream_headers(response.headers_mut());
                Poll::Ready(Ok(response))
            }
        }
    }

    fn is_compressed(&self) -> bool {
        media_type::is_encoded(&self.headers)
    }

    fn respond(self, outcome: Result<Translated<D, B>, ApiError>) -> Translated<D, B> {
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => {
                self.cell.record(|seen| seen.fail(&error));
                let class = FailureClass::of_upstream(self.status, &error);
                let mut response = error.into_response();
                response.extensions_mut().insert(class);
                for name in RETRY_HEADERS {
                    if let Some(value) = self.headers.get(&name) {
                        response.headers_mut().entry(name).or_insert_with(|| value.clone());
                    }
                }
                response
            }
        };
        let id = REQUEST_IDS.iter().find_map(|name| self.headers.get(name));
        for (name, value) in [(DROPPED_PARAMS, self.dropped.as_ref()), (UPSTREAM_REQUEST_ID, id)] {
            if let Some(value) = value {
                response.headers_mut().insert(name, value.clone());
            }
        }
        // Whoever wrote the answer may have put it there.
        response.extensions_mut().get_or_insert_with(|| self.cell);
        response.extensions_mut().insert(self.served);
        response
    }
}

/// All that has been written; in one piece already, but where a stream came under the name of JSON.
fn all(writer: &mut AnswerWriter) -> Option<Bytes> {
    let first = writer.take()?;
    let Some(second) = writer.take() else { return Some(first) };
    let mut all = [first, second].concat();
    while let Some(more) = writer.take() {
        all.extend_from_slice(&more);
    }
    Some(all.into())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| media_type::is(value, media_type::JSON))
}

fn unfinished() -> ApiError {
    ApiError::upstream_error("The upstream provider's answer is not complete.")
}

impl<F, D, B, E> Future for ResponseFuture<F, D, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    D: Decode,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Translated<D, B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Refused { error } => {
                    let error = error.take().unwrap_or_else(ApiError::internal);
                    let class = FailureClass::of_refusal(&error);
                    let mut response = error.into_response();
                    response.extensions_mut().insert(class);
                    return Poll::Ready(Ok(response));
                }
                StateProj::Calling { future, answer } => {
                    let response = ready!(future.poll(cx));
                    if response.is_err()
                        && let Some(attempt) = answer.as_ref().and_then(|answer| answer.attempt.as_ref())
                    {
                        attempt.broke();
                    }
                    let (head, body) = response?.into_parts();
                    match answer.take() {
                        Some(answer) => State::Reading { reading: Some(Reading::new(*answer, head, body)) },
                        None => State::Refused { error: None },
                    }
                }
                StateProj::Reading { reading: slot } => match slot {
                    Some(reading) => {
                        let outcome = ready!(reading.poll(cx));
                        match slot.take() {
                            Some(reading) => return Poll::Ready(Ok(reading.respond(outcome))),
                            None => State::Refused { error: None },
                        }
                    }
                    None => State::Refused { error: None },
                },
            };
            state.set(next);
        }
    }
}

impl<F, D, B> fmt::Debug for ResponseFuture<F, D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
