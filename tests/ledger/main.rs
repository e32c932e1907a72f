//! The ledger: one receipt for each request, whatever happens, with the tokens and the money that an oracle counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod cuts;
mod gateway;
mod golden;
mod oracle;
mod order;
mod sums;

use std::sync::{Arc, Mutex};

use tower_completions::meter::{Receipt, UsageSink};

/// What a meter has written. Clones are the same book.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Vec<Receipt>>>);

impl Book {
    /// All receipts so far, which leave the book.
    pub(crate) fn take(&self) -> Vec<Receipt> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The one receipt that there is, which leaves the book.
    #[track_caller]
    pub(crate) fn only(&self) -> Receipt {
        let mut receipts = self.take();
        assert_eq!(receipts.len(), 1, "{receipts:#?}");
        receipts.remove(0)
    }
}

impl UsageSink for Book {
    fn record(&self, receipt: &Receipt) {
        self.0.lock().unwrap().push(receipt.clone());
    }
}

pub(crate) fn line(receipt: &Receipt) -> String {
    let mut line = Vec::new();
    receipt.write_json(&mut line);
    String::from_utf8(line).unwrap()
}
