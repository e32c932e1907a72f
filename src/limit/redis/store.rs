//! The store: what happens on the path of a request.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::options::RedisOptions;
use super::outage;
use super::queue::Queue;
use super::script::{Mode, Scripts, admission, keys, standings};
use super::worker::Worker;
use crate::clock::{Clock, SystemClock};
use crate::error::{ApiError, BoxError};
use crate::limit::memory::MemoryLimits;
use crate::limit::store::{Admission, Ask, Cost, LimitStore, Reservation, Standing, Subject};

/// Counters in Redis, for several processes. See the [module](super).
///
/// Clones are the same store.
#[derive(Clone)]
pub struct RedisLimits(Arc<Shared>);

pub(super) struct Shared {
    pub(super) client: redis::Client,
    pub(super) options: RedisOptions,
    pub(super) scripts: Scripts,
    pub(super) queue: Queue,
    /// A connection on which Redis has answered, until it does not; and how many there were before it.
    connection: RwLock<(u64, Option<MultiplexedConnection>)>,
    /// Tells the worker that the connection is not what it was.
    pub(super) broken: Notify,
    /// What this process counts while Redis is away, and what it has to settle there.
    local: MemoryLimits,
    reserved_here: Mutex<HashMap<u64, Reservation>>,
    /// The leases of the answers in progress, with their keys, to be renewed.
    leases: Mutex<HashMap<u64, Vec<[String; 2]>>>,
    next_lease: AtomicU64,
    clock: SystemClock,
}

impl RedisLimits {
    /// A store at a `redis://` URL (without TLS), and the worker that keeps its connection, sends its settlements and
    /// renews its leases. Nothing is connected before the worker runs: spawn [`Worker::run`].
    ///
    /// # Errors
    /// If the URL is not one of Redis.
    pub fn new(url: &str, options: RedisOptions) -> Result<(Self, Worker), InvalidUrl> {
        let client = redis::Client::open(url).map_err(|_| InvalidUrl)?;
        let shared = Arc::new(Shared {
            client,
            scripts: Scripts::new(),
            queue: Queue::new(options.queue),
            options,
            connection: RwLock::default(),
            broken: Notify::new(),
            local: MemoryLimits::new(),
            reserved_here: Mutex::default(),
            leases: Mutex::default(),
            // Other processes begin elsewhere. Redis' scripts take it as text.
            next_lease: AtomicU64::new(RandomState::new().hash_one(0) >> 1),
            clock: SystemClock::new(),
        });
        Ok((Self(shared.clone()), Worker::new(shared)))
    }

    /// Whether Redis answers.
    pub fn is_connected(&self) -> bool {
        self.0.connection().is_some()
    }

    /// How many settlements have not arrived yet.
    pub fn backlog(&self) -> usize {
        self.0.queue.len()
    }

    /// Waits until all settlements have arrived, at most this long; whether they have. For the end of a process.
    pub async fn flush(&self, at_most: Duration) -> bool {
        let empty = async {
            while self.backlog() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(at_most, empty).await.is_ok()
    }
}

impl Shared {
    /// The connection, with its number.
    fn connection(&self) -> Option<(u64, MultiplexedConnection)> {
        let connection = self.connection.read().unwrap_or_else(PoisonError::into_inner);
        Some((connection.0, connection.1.clone()?))
    }

    /// There is a new connection, or none.
    pub(super) fn connect(&self, connection: Option<MultiplexedConnection>) {
        let mut place = self.connection.write().unwrap_or_else(PoisonError::into_inner);
        *place = (place.0 + 1, connection);
    }

    /// Redis did not answer on this connection: it counts as away, until the worker has had an answer from it.
    fn disconnect(&self, number: u64) {
        let mut place = self.connection.write().unwrap_or_else(PoisonError::into_inner);
        if place.0 == number && place.1.take().is_some() {
            self.broken.notify_one();
        }
    }

    /// All leases with their keys.
    pub(super) fn leases(&self) -> Vec<(u64, Vec<[String; 2]>)> {
        lock(&self.leases).iter().map(|(lease, keys)| (*lease, keys.clone())).collect()
    }

    fn hold(&self, lease: u64, ask: &Ask) {
        let keys = ask.subjects.iter().map(|subject| {
            let [hash, leases, _] = keys(&self.options.prefix, subject);
            [hash, leases]
        });
        lock(&self.leases).insert(lease, keys.collect());
    }

    /// Asks Redis, if it is there and answers in time.
    async fn ask(&self, mode: Mode, ask: &Ask, lease: u64) -> Option<redis::Value> {
        let (number, mut connection) = self.connection()?;
        let call = self.scripts.admit(&self.options.prefix, mode, ask, lease, self.options.lease);
        match timeout(self.options.timeout, call.invoke_async::<redis::Value>(&mut connection)).await {
            Ok(Ok(answer)) => return Some(answer),
            // Redis has answered, if only that it is loading or out of memory.
            Ok(Err(error)) if error.is_connection_dropped() || error.is_io_error() => self.disconnect(number),
            Ok(Err(_)) => {}
            Err(_late) => self.disconnect(number),
        }
        None
    }

    /// What Redis did not decide, this process does.
    async fn admit_here(&self, ask: Ask, lease: u64) -> Result<Admission, BoxError> {
        let local = outage::local(&self.options, &ask).ok_or_else(away)?;
        match self.local.admit(local).await? {
            Admission::Admitted { reservation, left, overrun } => {
                lock(&self.reserved_here).insert(lease, reservation);
                let marks = vec![[0; 2]; ask.subjects.len()];
                Ok(Admission::Admitted { reservation: Reservation { ask, token: lease, marks }, left, overrun })
            }
            refused => Ok(refused),
        }
    }
}

/// Takes back what Redis may still reserve although nobody waits for its answer any more.
struct Abandoned<'a> {
    shared: &'a Shared,
    reservation: Option<Reservation>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.shared.queue.push(reservation, Cost::default());
        }
    }
}

impl LimitStore for RedisLimits {
    async fn admit(&self, mut ask: Ask) -> Result<Admission, BoxError> {
        let shared = &*self.0;
        ask.reduce();
        let lease = shared.next_lease.fetch_add(1, Ordering::Relaxed);
        let mode = if ask.enforce { Mode::Enforce } else { Mode::Count };
        if shared.connection().is_none() {
            return shared.admit_here(ask, lease).await;
        }
        let marks = vec![[0; 2]; ask.subjects.len()];
        let reservation = Some(Reservation { ask: ask.clone(), token: lease, marks });
        let mut abandoned = Abandoned { shared, reservation };
        let Some(answer) = shared.ask(mode, &ask, lease).await else {
            drop(abandoned);
            let lease = shared.next_lease.fetch_add(1, Ordering::Relaxed);
            return shared.admit_here(ask, lease).await;
        };
        abandoned.reservation = None;
        let admission = admission(&answer, ask, lease, shared.clock.now()).map_err(|_| away())?;
        if let Admission::Admitted { reservation, .. } = &admission {
            shared.hold(lease, &reservation.ask);
        }
        Ok(admission)
    }

    fn settle(&self, reservation: Reservation, actual: Cost) {
        lock(&self.0.leases).remove(&reservation.token);
        let here = lock(&self.0.reserved_here).remove(&reservation.token);
        if let Some(here) = here {
            self.0.local.settle(here, actual);
        }
        self.0.queue.push(reservation, actual);
    }

    async fn standing(&self, subjects: Vec<Subject>) -> Result<Vec<Standing>, BoxError> {
        let shared = &*self.0;
        let ask = Ask { subjects, estimate: Cost::default(), enforce: false };
        let answer = shared.ask(Mode::Peek, &ask, 0).await.ok_or_else(away)?;
        standings(&answer, &ask.subjects, shared.clock.now()).map_err(|_| away())
    }
}

/// The counters cannot be reached.
fn away() -> BoxError {
    ApiError::overloaded("The usage limits cannot be checked at the moment. Try again later.").into()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The URL, which may hold a password, is not printed.
impl fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits")
            .field("connected", &self.is_connected())
            .field("backlog", &self.backlog())
            .finish_non_exhaustive()
    }
}

/// A URL that is not one of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUrl;

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the URL must be redis://HOST:PORT/DB, with user:password@ before the host if need be; TLS is not supported")
    }
}

impl std::error::Error for InvalidUrl {}
