use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::LimitBody;
use super::estimate::Estimate;
use super::guard::Guard;
use super::headers::set_left;
use super::limiter::{Admitting, Limiter};
use super::refusal::{refused, unavailable};
use super::store::{Admission, Left, Refusal};
use crate::body::ResponseBody;
use crate::chat::ChatRequest;
use crate::error::{ApiError, BoxError};
use crate::usage::Attempts;

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
        Calling { #[pin] future: F, guard: Option<Guard>, notes: Notes },
        Refused { error: Option<ApiError>, notes: Notes },
    }
}

/// What waits for the admission.
pub(super) struct Waiting<S> {
    pub(super) service: S,
    pub(super) request: Request<ChatRequest>,
    pub(super) limiter: Arc<Limiter>,
    pub(super) estimate: Estimate,
    pub(super) attempts: Attempts,
    pub(super) notes: Notes,
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
}

impl<S, F> ResponseFuture<S, F> {
    /// Nothing is limited.
    pub(super) fn free(future: F) -> Self {
        Self { state: State::Calling { future, guard: None, notes: Notes::default() } }
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
        let Self { mut service, request, limiter, estimate, attempts, mut notes } = self;
        let mut guard = None;
        let refusal = match answer {
            Ok(Admission::Admitted { reservation, left, overrun }) => {
                guard = Some(Guard::new(Arc::clone(&limiter), reservation, estimate, attempts));
                (notes.left, notes.refusal) = (left, overrun);
                None
            }
            Ok(Admission::Refused { refusal, left }) => {
                let error = refused(&refusal);
                (notes.left, notes.refusal) = (left, Some(refusal));
                Some(error)
            }
            Err(_) => Some(unavailable()),
        };
        if let Some(error) = refusal.filter(|_| limiter.enforce) {
            return State::Refused { error: Some(error), notes };
        }
        let future = service.call(request);
        if let Some(guard) = &mut guard {
            guard.called();
        }
        State::Calling { future, guard, notes }
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
                StateProj::Calling { future, guard, notes } => {
                    let answer = ready!(future.poll(cx)).map_err(Into::into);
                    return Poll::Ready(finish(answer, guard.take(), notes));
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
    guard: Option<Guard>,
    notes: &mut Notes,
) -> Result<Response<ResponseBody<LimitBody<B>>>, BoxError> {
    let mut response = match (answer, guard) {
        (Ok(response), Some(guard)) => LimitBody::hold(response, guard),
        (Ok(response), None) => response.map(LimitBody::free),
        (Err(error), guard) => {
            if let Some(guard) = guard {
                guard.failed(&error);
            }
            return Err(error);
        }
    };
    if let Some(shadow) = notes.shadow() {
        response.headers_mut().insert(SHADOW, shadow);
    }
    notes.write(&mut response);
    Ok(response.map(ResponseBody::inner))
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
