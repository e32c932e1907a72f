//! Where a failure leads: which models are tried in the place of one that cannot answer.

use std::sync::Arc;

use crate::error::FailureClass;

/// The models that stand in for one, in order, for each kind of failure.
#[derive(Clone, Debug, Default)]
pub(super) struct Fallbacks {
    usual: Vec<Arc<str>>,
    context_window: Vec<Arc<str>>,
    content_policy: Vec<Arc<str>>,
}

/// Which of the three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    Usual,
    ContextWindow,
    ContentPolicy,
}

impl Chain {
    /// Where a failure of the model that was asked for leads. `None`: the client is told of it.
    ///
    /// What the model's own protocol has no words for leads nowhere: the client would be refused with every other answer
    /// that this model gives, and an outage must not change what a request means.
    pub(super) fn after(class: FailureClass) -> Option<Self> {
        match class {
            FailureClass::ContextWindow => Some(Self::ContextWindow),
            FailureClass::ContentPolicy => Some(Self::ContentPolicy),
            class => class.falls_back().then_some(Self::Usual),
        }
    }
}

/// Whether a fallback's own failure is passed over for the next one. Only a verdict on the request itself is final: the
/// others would say the same.
pub(super) fn is_passed_over(class: FailureClass) -> bool {
    class != FailureClass::Request
}

impl Fallbacks {
    /// Replaces one of the lists. A model that is named twice is tried once.
    pub(super) fn set(&mut self, chain: Chain, ids: impl IntoIterator<Item = impl Into<Arc<str>>>) {
        let list = match chain {
            Chain::Usual => &mut self.usual,
            Chain::ContextWindow => &mut self.context_window,
            Chain::ContentPolicy => &mut self.content_policy,
        };
        list.clear();
        for id in ids {
            let id = id.into();
            if !list.contains(&id) {
                list.push(id);
            }
        }
    }

    pub(super) fn list(&self, chain: Chain) -> &[Arc<str>] {
        match chain {
            Chain::Usual => &self.usual,
            Chain::ContextWindow => &self.context_window,
            Chain::ContentPolicy => &self.content_policy,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.usual.is_empty() && self.context_window.is_empty() && self.content_policy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_leads_somewhere_or_nowhere() {
        use FailureClass::*;
        for class in [
            Unreachable,
            Unanswered,
            Broken,
            Timeout,
            Conflict,
            RateLimited,
            Overloaded,
            Failed,
            BadAnswer,
            Account,
            UnknownModel,
            Shed,
        ] {
            assert_eq!(Chain::after(class), Some(Chain::Usual), "{class:?}");
        }
        assert_eq!(Chain::after(ContextWindow), Some(Chain::ContextWindow));
        assert_eq!(Chain::after(ContentPolicy), Some(Chain::ContentPolicy));
        for class in [Request, Unsupported] {
            assert_eq!(Chain::after(class), None, "{class:?}");
        }
        assert!(is_passed_over(Unsupported) && is_passed_over(ContextWindow) && !is_passed_over(Request));
    }

    #[test]
    fn a_model_that_is_named_twice_is_tried_once() {
        let mut fallbacks = Fallbacks::default();
        fallbacks.set(Chain::Usual, ["a", "b", "a"]);
        assert_eq!(fallbacks.list(Chain::Usual), [Arc::from("a"), Arc::from("b")]);
        assert!(fallbacks.list(Chain::ContextWindow).is_empty() && !fallbacks.is_empty());
    }
}
