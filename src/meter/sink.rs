//! Where receipts go.

use super::receipt::Receipt;
use super::recording::Recording;

/// Where receipts go: a file, a counter, a database, the host's own code.
///
/// For each request either [`record`](Self::record) or [`submit`](Self::submit) is called, once, before the last byte of its
/// answer is handed to the connection, and `record` sometimes while a body is dropped. Neither may wait for anything slow: what
/// takes time goes through a queue with a bound. Any `Fn(&Receipt)` is a sink.
pub trait UsageSink: Send + Sync + 'static {
    /// Takes a receipt.
    fn record(&self, receipt: &Receipt);

    /// The same where the caller can wait, and the answer with it: a sink that can put many receipts away at once gathers here
    /// those of the requests that end at the same moment. Whoever does not write it gets all receipts by `record`; a sink
    /// around another one hands on both.
    fn submit(&self, receipt: &Receipt) -> Recording {
        self.record(receipt);
        Recording::done()
    }
}

impl<F: Fn(&Receipt) + Send + Sync + 'static> UsageSink for F {
    fn record(&self, receipt: &Receipt) {
        self(receipt);
    }
}
