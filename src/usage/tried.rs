//! All attempts of a request, with what its answer says of them.

use std::sync::Arc;

use http::StatusCode;

use super::attempts::{Attempt, Attempts};
use super::observed::UsageCell;
use super::served::Served;

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

impl Attempts {
    /// The list, and the place of the attempt that the answer came from: what limits and ledger both add up. An answer of
    /// a service that lists no attempts is one attempt, at the model that was asked for.
    pub(crate) fn tried(&self, asked: &Arc<str>, answered: Option<&Answered>) -> (Vec<Attempt>, usize) {
        let mut list = self.list();
        let last = list.len().saturating_sub(1);
        let Some(Answered { status, cell, served }) = answered else { return (list, last) };
        let by_cell = cell.as_ref().and_then(|cell| list.iter().position(|attempt| attempt.cell.is(cell)));
        let serving = by_cell.unwrap_or(last);
        if list.is_empty() && (cell.is_some() || served.is_some()) {
            list.push(Attempt::unlisted(Arc::clone(asked), *status, cell.clone().unwrap_or_default()));
        }
        if let Some(attempt) = list.get_mut(serving) {
            if let Some(served) = served {
                attempt.provider = Arc::clone(&served.provider);
                attempt.model = Arc::clone(&served.model);
            }
            if let Some(cell) = cell
                && status.is_success()
            {
                attempt.cell = cell.clone();
            }
        }
        (list, serving)
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
        let (list, serving) = attempts.tried(&"asked".into(), answered);
        (list.iter().map(|tried| (tried.provider.to_string(), tried.model.to_string())).collect(), serving)
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
        let (list, serving) = attempts.tried(&"asked".into(), Some(&answered(StatusCode::OK, Some(&of_nobody), None)));
        assert!(serving == 1 && list[1].cell.is(&of_nobody) && list[0].cell.is(&first));
    }
}
