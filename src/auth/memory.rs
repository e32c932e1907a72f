use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::{Future, ready};
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use super::digest::Digest;
use super::{Key, KeyError, KeyErrorKind, KeyStore, PresentedKey, Principal};
use crate::error::BoxError;

type Table = HashMap<Digest, Key>;

/// Keys held in memory, as SHA-256 digests only. Without keys nobody is let in.
///
/// Clones share one set of keys: give one to [`AuthLayer`](super::AuthLayer) and keep another to
/// [`replace`](Self::replace) the keys while requests are served.
///
/// ```
/// use tower_completions::auth::{AuthLayer, Key, MemoryKeys};
///
/// let keys = MemoryKeys::from_keys([Key::new("alice", "sk-test-alice")?])?;
/// let layer = AuthLayer::new(keys.clone());
/// keys.replace([Key::new("alice", "sk-new-alice")?, Key::new("bob", "sk-test-bob")?])?;
/// # Ok::<(), tower_completions::auth::KeyError>(())
/// ```
#[derive(Clone)]
pub struct MemoryKeys {
    table: Arc<RwLock<Table>>,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl MemoryKeys {
    /// No keys: everybody is refused.
    pub fn new() -> Self {
        Self { table: Arc::default(), clock: Arc::new(SystemTime::now) }
    }

    /// Holds these keys.
    ///
    /// # Errors
    ///
    /// Two keys have the same id or the same secret.
    pub fn from_keys(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let this = Self::new();
        this.replace(keys)?;
        Ok(this)
    }

    /// Sets the clock by which keys expire; the system's by default. Clones made before keep theirs.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Puts these keys in the place of all that were there, in one step and for all clones.
    ///
    /// A request sees the old set or the new one, never a mixture; one that was let in before is not called back.
    ///
    /// # Errors
    ///
    /// Two keys have the same id or the same secret. Then the old ones stay.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), KeyError> {
        let table = index(keys)?;
        let old = mem::replace(&mut *self.table.write().unwrap_or_else(PoisonError::into_inner), table);
        drop(old);
        Ok(())
    }

    /// The set of this moment. The lock is held for one look.
    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &PresentedKey) -> Option<Principal> {
        let digest = Digest::of(key.expose());
        let (principal, expires) = match self.table().get(&digest) {
            Some(key) if !key.disabled => (key.principal.clone(), key.expires),
            _ => return None,
        };
        let is_expired = expires.is_some_and(|expires| (self.clock)() >= expires);
        (!is_expired).then_some(principal)
    }
}

fn index(keys: impl IntoIterator<Item = Key>) -> Result<Table, KeyError> {
    let mut table = Table::new();
    let mut ids = HashSet::new();
    for key in keys {
        if !ids.insert(Arc::clone(&key.principal.id)) {
            return Err(KeyError::new(&key.principal, KeyErrorKind::DuplicateId));
        }
        if let Some(other) = table.get(&key.digest) {
            let other = Arc::clone(&other.principal.id);
            return Err(KeyError::new(&key.principal, KeyErrorKind::DuplicateSecret { other }));
        }
        table.insert(key.digest, key);
    }
    Ok(table)
}

impl KeyStore for MemoryKeys {
    fn lookup(&self, key: &PresentedKey) -> impl Future<Output = Result<Option<Principal>, BoxError>> + Send {
        ready(Ok(self.find(key)))
    }
}

impl Default for MemoryKeys {
    fn default() -> Self {
        Self::new()
    }
}

/// Only the number of keys is printed.
impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeys").field("keys", &self.table().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    fn id(keys: &MemoryKeys, secret: &str) -> Option<String> {
        keys.find(&PresentedKey::new(secret).unwrap()).map(|principal| principal.id.to_string())
    }

    fn key(id: &str, secret: &str) -> Key {
        Key::new(id, secret).unwrap()
    }

    #[test]
    fn no_keys_let_nobody_in() {
        assert_eq!(id(&MemoryKeys::new(), "sk-1"), None);
        assert_eq!(id(&MemoryKeys::from_keys([]).unwrap(), "sk-1"), None);
    }

    #[test]
    fn keys_are_found_by_secret_and_by_digest() {
        let sha256 = "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let keys = MemoryKeys::from_keys([key("alice", "sk-1"), Key::from_sha256("bob", sha256).unwrap()]).unwrap();
        assert_eq!(id(&keys, "sk-1").as_deref(), Some("alice"));
        assert_eq!(id(&keys, "abc").as_deref(), Some("bob"));
        for secret in ["sk-", "sk-11", "SK-1", "alice", "bob", sha256] {
            assert_eq!(id(&keys, secret), None, "{secret}");
        }
    }

    #[test]
    fn disabled_and_expired_keys_are_as_unknown() {
        let time = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&time);
        let epoch = SystemTime::UNIX_EPOCH;
        let keys = MemoryKeys::from_keys([
            key("off", "sk-off").disabled(true),
            key("on", "sk-on").disabled(false).expires(None),
            key("timed", "sk-timed").expires(epoch + Duration::from_secs(10)),
        ])
        .unwrap()
        .clock(move || epoch + Duration::from_secs(clock.load(Ordering::Relaxed)));
        for (now, valid) in [(0, true), (9, true), (10, false), (11, false)] {
            time.store(now, Ordering::Relaxed);
            assert_eq!(id(&keys, "sk-timed").is_some(), valid, "{now}");
            assert_eq!((id(&keys, "sk-off"), id(&keys, "sk-on").as_deref()), (None, Some("on")));
        }
    }

    #[test]
    fn replacing_is_for_all_clones_and_all_or_nothing() {
        let keys = MemoryKeys::from_keys([key("alice", "sk-1")]).unwrap();
        let other = keys.clone();
        other.replace([key("alice", "sk-2"), key("bob", "sk-3")]).unwrap();
        assert_eq!((id(&keys, "sk-1"), id(&keys, "sk-2").as_deref()), (None, Some("alice")));
        other.replace([key("carol", "sk-4"), key("carol", "sk-5")]).unwrap_err();
        assert_eq!((id(&keys, "sk-4"), id(&keys, "sk-3").as_deref()), (None, Some("bob")));
        other.replace([]).unwrap();
        assert_eq!(id(&keys, "sk-3"), None);
    }

    #[test]
    fn duplicates_are_refused_by_name() {
        let same_id = MemoryKeys::from_keys([key("a", "planted-1"), key("a", "planted-2")]).unwrap_err();
        assert_eq!((same_id.id(), same_id.kind()), ("a", &KeyErrorKind::DuplicateId));
        let same_secret = MemoryKeys::from_keys([key("a", "planted"), key("b", "planted").disabled(true)]).unwrap_err();
        assert_eq!((same_secret.id(), same_secret.kind()), ("b", &KeyErrorKind::DuplicateSecret { other: "a".into() }));
        assert!(!format!("{same_id} {same_id:?} {same_secret} {same_secret:?}").contains("planted"));
    }

    #[test]
    fn a_poisoned_lock_still_answers() {
        let keys = MemoryKeys::from_keys([key("alice", "sk-1")]).unwrap();
        let table = Arc::clone(&keys.table);
        std::thread::spawn(move || {
            let _guard = table.write().unwrap();
            panic!("poison");
        })
        .join()
        .unwrap_err();
        assert_eq!(id(&keys, "sk-1").as_deref(), Some("alice"));
        keys.replace([key("bob", "sk-2")]).unwrap();
        assert_eq!(id(&keys, "sk-2").as_deref(), Some("bob"));
    }

    #[test]
    fn prints_a_number_only() {
        let keys = MemoryKeys::from_keys([key("alice", "planted")]).unwrap();
        assert_eq!(format!("{keys:?}"), "MemoryKeys { keys: 1, .. }");
    }
}
