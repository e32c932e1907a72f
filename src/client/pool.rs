//! Connections that are kept, host by host.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use tokio::time::sleep;

use super::error::Error;
use super::host::Host;

/// How long after its time a connection may be found out to be unused, or closed by its server, at most.
const SWEEP: Duration = Duration::from_secs(5);

/// All hosts of a client.
pub(super) struct Pool {
    hosts: Mutex<Hosts>,
    /// How many unused connections are kept for each host.
    max_idle: usize,
    /// How long they are kept.
    idle_timeout: Duration,
    /// Whether HTTP/2 is known to be spoken before anybody has connected.
    is_http2: bool,
}

#[derive(Default)]
struct Hosts {
    known: HashMap<Origin, Arc<Host>>,
    is_swept: bool,
}

/// Where connections lead to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Takes an address apart: where the connection leads to, and what is asked there.
    pub(super) fn split(uri: Uri) -> Result<(Self, PathAndQuery), Error> {
        let parts = uri.into_parts();
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok((Self { scheme, authority }, path)),
            _ => Err(Error::connect("the URL has no scheme or no host")),
        }
    }

    /// What is said in the header `host`: a port that goes without saying is left out, and so is who somebody is.
    pub(super) fn host(&self) -> String {
        let usual = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        match self.authority.port_u16().filter(|port| *port != usual) {
            Some(port) => format!("{}:{port}", self.authority.host()),
            None => self.authority.host().to_owned(),
        }
    }
}

/// The address without a name and a password, which are nobody's affair on the way.
pub(super) fn without_userinfo(uri: Uri) -> Result<Uri, Error> {
    let Some((_, place)) = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')) else {
        return Ok(uri);
    };
    let place = Authority::try_from(place).map_err(Error::connect)?;
    let mut parts = uri.into_parts();
    parts.authority = Some(place);
    Uri::from_parts(parts).map_err(Error::connect)
}

impl Pool {
    pub(super) fn new(max_idle: usize, idle_timeout: Duration, is_http2: bool) -> Arc<Self> {
        Arc::new(Self { hosts: Mutex::default(), max_idle, idle_timeout, is_http2 })
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host that this leads to.
    pub(super) fn host(self: &Arc<Self>, origin: &Origin) -> Result<Arc<Host>, Error> {
        let mut hosts = self.hosts();
        let host = match hosts.known.get(origin) {
            Some(host) => Arc::clone(host),
            None => {
                let host = Arc::new(Host::new(origin, self.max_idle, self.idle_timeout, self.is_http2)?);
                hosts.known.insert(origin.clone(), Arc::clone(&host));
                host
            }
        };
        let is_swept = std::mem::replace(&mut hosts.is_swept, true);
        // A runtime that is being shut down drops the sweeper at once, which says so then.
        drop(hosts);
        if !is_swept {
            tokio::spawn(sweep(Sweeper(Arc::downgrade(self)), self.idle_timeout));
        }
        Ok(host)
    }

    /// Closes what nobody has used for long, or what its server has closed. False if there is nothing left.
    fn sweep(&self) -> bool {
        let known: Vec<_> =
            self.hosts().known.iter().map(|(origin, host)| (origin.clone(), Arc::clone(host))).collect();
        for (_, host) in &known {
            host.sweep();
        }
        let mut hosts = self.hosts();
        for (origin, host) in known {
            drop(host);
            if let Entry::Occupied(entry) = hosts.known.entry(origin)
                && entry.get().is_empty()
                && Arc::strong_count(entry.get()) == 1
            {
                entry.remove();
            }
        }
        hosts.is_swept = !hosts.known.is_empty();
        hosts.is_swept
    }
}

/// Whoever sweeps a pool, which is not kept for that.
struct Sweeper(Weak<Pool>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.hosts().is_swept = false;
        }
    }
}

async fn sweep(sweeper: Sweeper, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout.clamp(Duration::from_millis(10), SWEEP)).await;
        let Some(pool) = sweeper.0.upgrade() else { return };
        if !pool.sweep() {
            return;
        }
    }
}
