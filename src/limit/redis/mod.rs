//! Counters in Redis 7 or Valkey, for hosts of several processes.
//!
//! ```no_run
//! # fn host() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_completions::RateLimitLayer;
//! use tower_completions::limit::redis::{RedisLimits, RedisOptions};
//!
//! let (store, worker) = RedisLimits::new("redis://127.0.0.1:6379/0", RedisOptions::new().replicas(3))?;
//! tokio::spawn(worker.run());
//! let limits = RateLimitLayer::new(store);
//! # let _ = limits;
//! # Ok(()) }
//! ```
//!
//! # On the path, and off it
//!
//! A request waits for one script, in one round trip: it admits the estimate with all limits of all subjects or with none,
//! by the server's clock. Everything else is the worker's: settlements are queued where an answer ends, also where its
//! body is dropped, and are sent beside the requests; while Redis is away they wait, one by one up to
//! [`RedisOptions::queue`], beyond that as one sum for each subject, so that nothing is lost and memory is bounded.
//!
//! # Keys
//!
//! | key | what it is | lives |
//! |---|---|---|
//! | `{completions}:caller:ID`, `…:scope:ID` | a hash: levels of requests (`rl`, `ra`) and tokens (`tl`, `ta`, `td`), `spent`, `reserved`, `period`, and what each lease holds (`held:N`) | until nothing of it matters; for ever with a total budget |
//! | `{completions}:leases:caller:ID` … | a sorted set: answers in progress, and when each one's lease expires | a lease longer than the last one |
//! | `{completions}:settled:caller:ID` … | a sorted set: what was settled lately, so that what is sent twice is charged once | two minutes after the last one |
//!
//! All keys have one hash tag ([`RedisOptions::prefix`]), since one admission touches a caller and all of its scopes: a
//! cluster keeps them in one slot, on one node. One node admits some ten thousand requests a second; beyond that give
//! groups of callers that share nothing prefixes of their own.
//!
//! # When a process goes
//!
//! What its answers held is held by leases. They are renewed while the process lives, and expire when it does not: then
//! permits and reserved money come back. What these answers cost is lost with the process; the ledger's job is to know.
//!
//! # When Redis goes
//!
//! | what | happens |
//! |---|---|
//! | stopped, unreachable, paused | the first requests wait [`RedisOptions::timeout`] (40 ms), the others not at all; each limit does as [`OnStoreError`] says; a second after Redis answers again it counts again |
//! | restarted, `FLUSHALL` | everything begins anew: answers in progress hold nothing any more, and what they cost is charged as a whole |
//! | `SCRIPT FLUSH` | the script is sent again |
//!
//! `local` admits at most the limit once more for each outage, in all processes together, if
//! [`replicas`](RedisOptions::replicas) says how many there are. A settlement whose answer was lost on the way is sent again,
//! and charged once. (A sum of what did not fit into the queue has no lease by which it is known: it may be charged twice.)
//!
//! Budgets are worth what Redis keeps of them: run it with `appendonly yes` and `maxmemory-policy noeviction`.

mod options;
mod outage;
mod queue;
mod script;
mod store;
mod worker;

pub use options::{OnStoreError, RedisOptions};
pub use store::{InvalidUrl, RedisLimits};
pub use worker::Worker;
