//! Where signed reasoning is kept.

use std::future::Future;

use bytes::Bytes;

use super::TurnKey;

/// Where signed reasoning is kept: [`MemorySignatures`](super::MemorySignatures), or a place that several processes share.
///
/// What is kept is a part of the conversation: it belongs into no log. A store should be bounded, and forget.
pub trait SignatureStore: Send + Sync + 'static {
    /// What is kept under each of these keys, in their order. The request waits for it.
    ///
    /// There is no error: a store that cannot be reached has nothing, and the request goes on as the client sent it. What is
    /// missing at the end of the list counts as `None`.
    fn get(&self, keys: Vec<TurnKey>) -> impl Future<Output = Vec<Option<Bytes>>> + Send;

    /// Keeps the reasoning of a turn, in the place of what was kept under this key before.
    ///
    /// It is called while an answer is read, before the client has the end of it: so it cannot wait, but may enqueue.
    fn put(&self, key: TurnKey, reasoning: Bytes);
}
