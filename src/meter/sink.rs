//! Where receipts go.

use super::receipt::Receipt;

/// Where receipts go: a file, a counter, a database, the host's own code.
///
/// [`record`](Self::record) is called once for each request, before the last byte of its answer is handed to the connection
/// and sometimes while a body is dropped. It must not wait for anything slow: what takes time goes through a queue with a
/// bound. Any `Fn(&Receipt)` is a sink.
pub trait UsageSink: Send + Sync + 'static {
    /// Takes a receipt.
    fn record(&self, receipt: &Receipt);
}

impl<F: Fn(&Receipt) + Send + Sync + 'static> UsageSink for F {
    fn record(&self, receipt: &Receipt) {
        self(receipt);
    }
}
