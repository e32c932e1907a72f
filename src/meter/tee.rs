//! Several sinks as one.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::receipt::Receipt;
use super::recording::Recording;
use super::sink::UsageSink;

/// Several sinks as one: each gets every receipt, in the order in which they were added.
///
/// One that panics keeps no other from its receipt; the panic goes on when all have theirs.
///
/// ```
/// use std::time::Duration;
/// use tower_completions::meter::{Receipt, Tee, Totals, UsageSink};
///
/// let totals = Totals::new();
/// let sinks = Tee::new().and(totals.clone()).and(|receipt: &Receipt| println!("{}", receipt.id));
/// sinks.record(&Receipt::new("r-1", Duration::ZERO, "gpt-4o-mini"));
/// assert_eq!(totals.sum().requests, 1);
/// ```
#[derive(Clone, Default)]
pub struct Tee(Vec<Arc<dyn UsageSink>>);

impl Tee {
    /// No sink yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// This one, too.
    #[must_use]
    pub fn and(mut self, sink: impl UsageSink) -> Self {
        self.0.push(Arc::new(sink));
        self
    }
}

impl UsageSink for Tee {
    fn record(&self, receipt: &Receipt) {
        each(&self.0, |sink| sink.record(receipt));
    }

    fn submit(&self, receipt: &Receipt) -> Recording {
        let mut waiting = Vec::new();
        each(&self.0, |sink| waiting.push(sink.submit(receipt)));
        waiting.retain(|recording| !recording.is_done());
        match waiting.len() {
            0 | 1 => waiting.pop().unwrap_or_default(),
            _ => Recording::new(|| each(waiting, Recording::finish)),
        }
    }
}

/// Does it with each, whatever becomes of the others.
fn each<T>(all: impl IntoIterator<Item = T>, mut act: impl FnMut(T)) {
    let mut panicked: Option<Box<dyn Any + Send>> = None;
    for one in all {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(one))) {
            panicked.get_or_insert(panic);
        }
    }
    // A second panic while one is under way would end the process.
    if let Some(panic) = panicked.filter(|_| !std::thread::panicking()) {
        resume_unwind(panic);
    }
}

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tee").field("sinks", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    /// A sink that leaves something to be done.
    struct Later(Arc<AtomicU64>);

    impl UsageSink for Later {
        fn record(&self, _: &Receipt) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn submit(&self, _: &Receipt) -> Recording {
            let count = self.0.clone();
            Recording::new(move || _ = count.fetch_add(100, Ordering::SeqCst))
        }
    }

    #[test]
    fn what_each_leaves_to_be_done_is_done() {
        let count = Arc::new(AtomicU64::new(0));
        let receipt = Receipt::new("r", Duration::ZERO, "m");
        let mut tee = Tee::new().and(|_: &Receipt| ());
        for later in [0, 1, 2, 3] {
            let recording = tee.submit(&receipt);
            assert_eq!((recording.is_done(), count.swap(0, Ordering::SeqCst)), (later == 0, 0));
            recording.finish();
            assert_eq!(count.swap(0, Ordering::SeqCst), later * 100);
            tee = tee.and(Later(count.clone()));
        }
        tee.record(&receipt);
        assert_eq!(count.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_panic_leaves_nothing_undone() {
        struct Panics;
        impl UsageSink for Panics {
            fn record(&self, _: &Receipt) {}

            fn submit(&self, _: &Receipt) -> Recording {
                Recording::new(|| panic!("later"))
            }
        }
        let count = Arc::new(AtomicU64::new(0));
        let tee = Tee::new().and(Panics).and(Later(count.clone())).and(|_: &Receipt| panic!("at once"));
        let receipt = Receipt::new("r", Duration::ZERO, "m");
        let result = catch_unwind(AssertUnwindSafe(|| tee.submit(&receipt).finish()));
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"at once"));
        assert_eq!(count.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn a_panic_keeps_no_other_from_its_receipt() {
        let count = Arc::new(AtomicU64::new(0));
        let counting = || {
            let count = count.clone();
            move |_: &Receipt| _ = count.fetch_add(1, Ordering::SeqCst)
        };
        let tee = Tee::new().and(counting()).and(|_: &Receipt| panic!("boom")).and(Tee::new().and(counting()));
        let receipt = Receipt::new("r", Duration::ZERO, "m");
        assert!(catch_unwind(AssertUnwindSafe(|| tee.record(&receipt))).is_err());
        assert_eq!((count.load(Ordering::SeqCst), format!("{tee:?}")), (2, "Tee { sinks: 3 }".to_owned()));
    }
}
