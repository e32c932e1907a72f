//! All attempts of a request, with what its answer says of them.

use std::sync::Arc;

use http::StatusCode;

use super::attempts::{Attempt, Attempts, settled};
use super::observed::{Observed, UsageCell};
use super::served::Served;
use super::tokens::{Usage, UsageSource};

/// What the head of an answer says of who answered.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) cell: Option<UsageCell>,
    pub(crate) served: Option<Served>,
}

impl Answered {
    pub(crate) fn new<B>(response: &http::Response<B>) -> Self {
        Self {
            status: response.status(),
            cell: response.extensions().get().cloned(),
            served: response.extensions().get().cloned(),
        }
    }
}

/// One attempt, with what the answer says of it.
pub(crate) struct Tried<'a> {
    pub(crate) provider: &'a Arc<str>,
    pub(crate) model: &'a Arc<str>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) cell: &'a UsageCell,
    is_error: bool,
    /// Whether the answer came from it; where nobody knows, it is the last one.
    pub(crate) is_serving: bool,
}

impl<'a> Tried<'a> {
    fn new(attempt: &'a Attempt, answered: Option<&'a Answered>, is_serving: bool) -> Self {
        let served = answered.and_then(|answered| answered.served.as_ref());
        let cell = answered.filter(|answered| answered.status.is_success()).and_then(|answered| answered.cell.as_ref());
        Self {
            provider: served.map_or(&attempt.provider, |served| &served.provider),
            model: served.map_or(&attempt.model, |served| &served.model),
            status: attempt.status,
            cell: cell.unwrap_or(&attempt.cell),
            is_error: attempt.is_error(),
            is_serving,
        }
    }

    /// What it used: see [`Attempt::settled`].
    pub(crate) fn settled(&self, prompt_tokens: u64) -> (Usage, UsageSource) {
        self.cell.look(|seen| self.settled_as(seen, prompt_tokens))
    }

    /// The same, for whoever has looked into the cell already.
    pub(crate) fn settled_as(&self, seen: &Observed, prompt_tokens: u64) -> (Usage, UsageSource) {
        settled(self.is_error, seen, prompt_tokens)
    }
}

impl Attempts {
    /// Shows each attempt, in order and under the lock: what limits and ledger both add up. An answer of a service that
    /// lists no attempts is one attempt, at the model that was asked for.
    pub(crate) fn each_tried(&self, asked: &Arc<str>, answered: Option<&Answered>, mut see: impl FnMut(Tried<'_>)) {
        let list = self.lock();
        let Some(last) = list.after(self.from).count().checked_sub(1) else {
            if let Some(answered) = answered.filter(|answered| answered.cell.is_some() || answered.served.is_some()) {
                let cell = answered.cell.clone().unwrap_or_default();
                let attempt = Attempt::unlisted(Arc::clone(asked), answered.status, cell);
                see(Tried::new(&attempt, Some(answered), true));
            }
            return;
        };
        let cell = answered.and_then(|answered| answered.cell.as_ref());
        let by_cell = cell.and_then(|cell| list.after(self.from).position(|attempt| attempt.cell.is(cell)));
        let serving = by_cell.unwrap_or(last);
        for (at, attempt) in list.after(self.from).enumerate() {
            let is_serving = at == serving;
            see(Tried::new(attempt, answered.filter(|_| is_serving), is_serving));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: StatusCode, cell: Option<&UsageCell>, served: Option<(&str, &str)>) -> Answered {
        let served = served.map(|(provider, model)| Served::new(provider, model));
        Answered { status, cell: cell.cloned(), served }
    }

    fn shown(attempts: &Attempts, answered: Option<&Answered>) -> (Vec<(String, String)>, usize) {
        let (mut list, mut serving) = (Vec::new(), None);
        attempts.each_tried(&"asked".into(), answered, |tried| {
            if tried.is_serving {
                assert_eq!(serving.replace(list.len()), None);
            }
            list.push((tried.provider.to_string(), tried.model.to_string()));
        });
        (list, serving.unwrap_or(0))
    }

    fn pair(provider: &str, model: &str) -> (String, String) {
        (provider.to_owned(), model.to_owned())
    }

    #[test]
    fn an_answer_that_nobody_listed_is_one_attempt() {
        let (nobody, cell) = (Attempts::new(), UsageCell::new());
        assert_eq!(shown(&nobody, None).0, []);
        assert_eq!(shown(&nobody, Some(&answered(StatusCode::NOT_FOUND, None, None))).0, []);
        assert_eq!(shown(&nobody, Some(&answered(StatusCode::OK, Some(&cell), None))).0, [pair("", "asked")]);
        let named = answered(StatusCode::BAD_GATEWAY, None, Some(("p", "m")));
        assert_eq!(shown(&nobody, Some(&named)).0, [pair("p", "m")]);
    }

    #[test]
    fn the_answer_belongs_to_the_attempt_with_its_cell() {
        let (attempts, first, second) = (Attempts::new(), UsageCell::new(), UsageCell::new());
        attempts.begin("p", "a", first.clone());
        attempts.begin("q", "b", second);
        let of_first = answered(StatusCode::OK, Some(&first), Some(("p", "configured")));
        assert_eq!(shown(&attempts, Some(&of_first)), (vec![pair("p", "configured"), pair("q", "b")], 0));
        let of_nobody = UsageCell::new();
        let mut seen = Vec::new();
        attempts.each_tried(&"asked".into(), Some(&answered(StatusCode::OK, Some(&of_nobody), None)), |tried| {
            seen.push((tried.is_serving, tried.cell.clone()));
        });
        assert!(!seen[0].0 && seen[0].1.is(&first) && seen[1].0 && seen[1].1.is(&of_nobody));
    }
}
