use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};

use super::boxed::{Answer, BoxBody, Call};
use super::fallback::{Chain, is_passed_over};
use super::router::Registry;
use super::served::{name_server, note};
use crate::body::ResponseBody;
use crate::chat::ChatRequest;
use crate::error::{ApiError, BoxError, FailureClass};
use crate::usage::Attempts;

/// The answer of the model that [`ModelRouter`](super::ModelRouter) found, or of one that stands in for it.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    state: State,
}

enum State {
    NotFound { model: Arc<str> },
    Calling { call: Call, route: Route },
}

impl ResponseFuture {
    pub(super) fn not_found(model: &str) -> Self {
        Self { state: State::NotFound { model: model.into() } }
    }

    pub(super) fn calling(registry: Arc<Registry>, asked: usize, request: Request<ChatRequest>) -> Self {
        let (route, call) = Route::start(registry, asked, request);
        Self { state: State::Calling { call, route } }
    }
}

/// One request on its way through the models that may answer it.
struct Route {
    registry: Arc<Registry>,
    /// The places of the model that was asked for, and of the one that is tried.
    asked: usize,
    tried: usize,
    /// The request for the next model, if there may be one.
    request: Option<Box<Request<ChatRequest>>>,
    /// Which list is gone through, and how far.
    chain: Option<(Chain, usize)>,
    /// How the model that was asked for has failed: what the client is told when nobody stands in.
    failure: Option<Box<Answer>>,
    attempts: Attempts,
    /// How many attempts there were before the model that is tried.
    begun: u32,
}

impl Route {
    fn start(registry: Arc<Registry>, asked: usize, request: Request<ChatRequest>) -> (Self, Call) {
        let attempts = request.extensions().get::<Attempts>().cloned().unwrap_or_default();
        let kept = (!registry.models[asked].stand_ins().is_empty()).then(|| Box::new(request.clone()));
        let mut route =
            Self { registry, asked, tried: asked, request: kept, chain: None, failure: None, attempts, begun: 0 };
        let call = route.call(asked, request);
        (route, call)
    }

    /// Calls the model at this place.
    fn call(&mut self, at: usize, request: Request<ChatRequest>) -> Call {
        let model = &self.registry.models[at];
        self.tried = at;
        self.begun = self.attempts.count();
        let mut request = request.map(|chat| model.prepare(chat));
        self.attempts.for_model(model.id().clone()).put(request.extensions_mut());
        model.ask(request)
    }

    /// Whoever was tried has answered: `Some` if that is what the client gets.
    fn answered(&mut self, answer: Answer) -> Option<Answer> {
        note(&answer, &self.attempts.for_model(self.registry.models[self.tried].id().clone()), self.begun);
        let class = match &answer {
            Ok(response) => FailureClass::of(response),
            Err(error) => Some(FailureClass::of_error(&**error)),
        };
        let Some(class) = class else { return Some(answer) };
        match self.chain {
            None => match Chain::after(class) {
                Some(chain) => self.chain = Some((chain, 0)),
                None => return Some(answer),
            },
            Some(_) if is_passed_over(class) => {}
            Some(_) => return Some(answer),
        }
        if self.failure.is_none() {
            self.failure = Some(Box::new(answer));
        }
        None
    }

    /// Asks the next model of the list that the caller may use.
    fn next(&mut self) -> Option<Call> {
        let kept = self.request.as_ref()?;
        let (chain, from) = self.chain?;
        let list = self.registry.models[self.asked].stand_ins().list(chain);
        let candidates = list.iter().enumerate().skip(from);
        let mut known = candidates.filter_map(|(at, id)| Some((at, self.registry.position(id, kept.extensions())?)));
        let (at, place) = known.find(|(_, place)| *place != self.asked)?;
        let is_last = at + 1 == list.len();
        self.chain = Some((chain, at + 1));
        let request = if is_last { self.request.take() } else { self.request.clone() };
        Some(self.call(place, *request?))
    }

    /// Nobody is left.
    fn failed(&mut self) -> Answer {
        self.tried = self.asked;
        self.failure.take().map_or_else(|| Err(ApiError::internal().into()), |failure| *failure)
    }

    /// The answer as it leaves.
    fn finish(&mut self, answer: Answer) -> Result<Response<ResponseBody<BoxBody>>, BoxError> {
        let mut response = answer?.map(ResponseBody::inner);
        name_server(&mut response, self.registry.models[self.tried].id(), self.attempts.count());
        Ok(response)
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody<BoxBody>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (call, route) = match &mut self.get_mut().state {
            State::NotFound { model } => return Poll::Ready(Ok(ApiError::model_not_found(model).into_response())),
            State::Calling { call, route } => (call, route),
        };
        loop {
            let answer = ready!(call.as_mut().poll(cx));
            if let Some(answer) = route.answered(answer) {
                return Poll::Ready(route.finish(answer));
            }
            match route.next() {
                Some(next) => *call = next,
                None => {
                    let answer = route.failed();
                    return Poll::Ready(route.finish(answer));
                }
            }
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
