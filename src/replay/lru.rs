//! A bounded table that forgets what was used least recently. Every operation takes constant time.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::TurnKey;

/// What an entry takes beside its value, in bytes: its node, its place in the table, and the allocator's own.
pub(super) const ENTRY: usize = 256;

/// No node.
const NONE: usize = usize::MAX;

/// Entries by their key, and in a list from the newest to the oldest; the list's links are places in `nodes`.
pub(super) struct Lru {
    places: HashMap<TurnKey, usize>,
    nodes: Vec<Node>,
    newest: usize,
    oldest: usize,
    /// The first node that is not used; `older` leads to the next one.
    free: usize,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

struct Node {
    key: TurnKey,
    value: Bytes,
    /// When it was used last.
    used: Duration,
    newer: usize,
    older: usize,
}

impl Lru {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let (places, nodes) = (HashMap::new(), Vec::new());
        Self { places, nodes, newest: NONE, oldest: NONE, free: NONE, bytes: 0, max_entries, max_bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many nodes there are, those included that are not used.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    /// The value, which is used with that.
    pub(super) fn get(&mut self, key: &TurnKey, now: Duration, ttl: Duration) -> Option<Bytes> {
        self.expire(now, ttl);
        let at = *self.places.get(key)?;
        self.unlink(at);
        self.link(at, now);
        Some(self.nodes[at].value.clone())
    }

    /// Keeps a value; others go, as many as it takes. One that is too large for the whole table is not kept.
    pub(super) fn put(&mut self, key: TurnKey, value: Bytes, now: Duration, ttl: Duration) {
        self.expire(now, ttl);
        if let Some(&at) = self.places.get(&key) {
            self.remove(at);
        }
        let size = value.len() + ENTRY;
        if size > self.max_bytes || self.max_entries == 0 {
            return;
        }
        while self.len() >= self.max_entries || self.bytes + size > self.max_bytes {
            self.remove(self.oldest);
        }
        self.bytes += size;
        let at = self.place(Node { key, value, used: now, newer: NONE, older: NONE });
        self.places.insert(key, at);
        self.link(at, now);
    }

    /// The list is in the order of use, so that what has expired is at its end.
    fn expire(&mut self, now: Duration, ttl: Duration) {
        while self.oldest != NONE && now.saturating_sub(self.nodes[self.oldest].used) >= ttl {
            self.remove(self.oldest);
        }
    }

    fn place(&mut self, node: Node) -> usize {
        if self.free == NONE {
            self.nodes.push(node);
            return self.nodes.len() - 1;
        }
        let at = self.free;
        self.free = self.nodes[at].older;
        self.nodes[at] = node;
        at
    }

    fn remove(&mut self, at: usize) {
        self.unlink(at);
        let node = &mut self.nodes[at];
        self.bytes -= node.value.len() + ENTRY;
        self.places.remove(&node.key);
        node.value = Bytes::new();
        node.older = std::mem::replace(&mut self.free, at);
    }

    /// Takes a node out of the list.
    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.nodes[at].newer, self.nodes[at].older);
        match newer {
            NONE => self.newest = older,
            newer => self.nodes[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.nodes[older].newer = newer,
        }
    }

    /// Puts a node at the head of the list.
    fn link(&mut self, at: usize, now: Duration) {
        let older = std::mem::replace(&mut self.newest, at);
        match older {
            NONE => self.oldest = at,
            older => self.nodes[older].newer = at,
        }
        let node = &mut self.nodes[at];
        (node.newer, node.older, node.used) = (NONE, older, now);
    }
}
