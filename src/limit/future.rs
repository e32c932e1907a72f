use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::LimitBody;
use super::guard::Guard;
use super::headers::set_left;
use super::limiter::Admitting;
use super::refusal::{refused, unavailable};
use super::store::{Admission, Left, Refusal};
use crate::body::ResponseBody;
use crate::chat::ChatRequest;
use crate::error::{ApiError, BoxError};

const SHADOW: HeaderName = HeaderName::from_static("x-ratelimit-shadow");

pin_project! {
    /// The future of [`RateLimit`](super::RateLimit): the admission, then the inner service's own future `F`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // `waiting` is there until the store has answered.
        Admitting { admitting: Admitting, waiting: Option<Waiting<S>> },
        // In this order: when both are dropped, the call is over before it is settled.
        Calling { #[pin] future: F, guard: Option<Box<Guard>> },
        Refused { error: Option<ApiError>, notes: Notes },
    }
}

/// What waits for the admission.
pub(super) struct Waiting<S> {
    pub(super) service: S,
    pub(super) request: Request<ChatRequest>,
    pub(super) guard: Box<Guard>,
}

/// What the client is told beside the answer.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) left: Left,
    /// What refused the request, or would have.
    pub(super) refusal: Option<Refusal>,
    /// Whether a budget applies that cannot be charged.
    pub(super) is_unpriced: bool,
}

impl Notes {
    fn write<B>(&mut self, response: &mut Response<B>) {
        set_left(response.headers_mut(), &self.left);
        if let Some(refusal) = self.refusal.take() {
            response.extensions_mut().insert(refusal);
        }
    }

    /// What limits would have done, for an answer that they did not stop.
    fn shadow(&self) -> Option<HeaderValue> {
        let word = match &self.refusal {
            Some(refusal) => refusal.dimension.name(),
            None if self.is_unpriced => "price",
            None => return None,
        };
        Some(HeaderValue::from_static(word))
    }

    fn write_all<B>(&mut self, response: &mut Response<B>) {
        if let Some(shadow) = self.shadow() {
            response.headers_mut().insert(SHADOW, shadow);
        }
        self.write(response);
    }
}

impl<S, F> ResponseFuture<S, F> {
    /// Nothing is limited.
    pub(super) fn free(future: F) -> Self {
        Self { state: State::Calling { future, guard: None } }
    }

    pub(super) fn admitting(admitting: Admitting, waiting: Waiting<S>) -> Self {
        Self { state: State::Admitting { admitting, waiting: Some(waiting) } }
    }

    pub(super) fn refused(error: ApiError) -> Self {
        Self { state: State::Refused { error: Some(error), notes: Notes::default() } }
    }
}

impl<S> Waiting<S>
where
    S: Service<Request<ChatRequest>>,
{
    /// The store has answered: the request goes on, or it does not.
    fn go_on(self, answer: Result<Admission, BoxError>) -> State<S, S::Future> {
        let Self { mut service, request, mut guard } = self;
        let refusal = match answer {
            Ok(Admission::Admitted { reservation, left, overrun }) => {
                guard.admitted(reservation);
                (guard.notes.left, guard.notes.refusal) = (left, overrun);
                None
            }
            Ok(Admission::Refused { refusal, left }) => {
                let error = refused(&refusal);
                (guard.notes.left, guard.notes.refusal) = (left, Some(refusal));
                Some(error)
            }
            Err(_) => Some(unavailable()),
        };
        if let Some(error) = refusal.filter(|_| guard.enforces()) {
            return State::Refused { error: Some(error), notes: mem::take(&mut guard.notes) };
        }
        let future = service.call(request);
        guard.called();
        State::Calling { future, guard: Some(guard) }
    }
}

impl<S, ResB> Future for ResponseFuture<S, S::Future>
where
    S: Service<Request<ChatRequest>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<LimitBody<ResB>>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Admitting { admitting, waiting } => {
                    let answer = ready!(admitting.as_mut().poll(cx));
                    match waiting.take() {
                        Some(waiting) => waiting.go_on(answer),
                        None => State::Refused { error: None, notes: Notes::default() },
                    }
                }
                StateProj::Calling { future, guard } => {
                    let answer = ready!(future.poll(cx)).map_err(Into::into);
                    return Poll::Ready(finish(answer, guard.take()));
                }
                StateProj::Refused { error, notes } => {
                    let mut response = error.take().unwrap_or_else(ApiError::internal).into_response();
                    notes.write(&mut response);
                    return Poll::Ready(Ok(response));
                }
            };
            state.set(next);
        }
    }
}

/// The inner service has answered.
fn finish<B>(
    answer: Result<Response<B>, BoxError>,
    guard: Option<Box<Guard>>,
) -> Result<Response<ResponseBody<LimitBody<B>>>, BoxError> {
    let response = match (answer, guard) {
        (Ok(mut response), Some(mut guard)) => {
            guard.notes.write_all(&mut response);
            LimitBody::hold(response, guard)
        }
        (Ok(mut response), None) => {
            Notes::default().write(&mut response);
            response.map(LimitBody::free)
        }
        (Err(error), guard) => {
            if let Some(mut guard) = guard {
                guard.failed(&error);
            }
            return Err(error);
        }
    };
    Ok(response.map(ResponseBody::inner))
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
