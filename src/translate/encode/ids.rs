//! The ids of tool calls, in characters that the provider takes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The length of the longest id that is passed on. Anthropic names no limit; Bedrock's is this.
const MAX_LEN: usize = 64;

/// What is kept of an id that is numbered: it leaves room for every number.
const MAX_STEM: usize = MAX_LEN - "_4294967295".len();

/// What other gateways append to an id to carry Google's signatures through clients.
pub(crate) const SIGNATURE_SUFFIX: &str = "__thought__";

/// The punctuation that may stand in an id beside ASCII letters and digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Punctuation(pub(crate) &'static [u8]);

impl Punctuation {
    fn allows(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || self.0.contains(&byte)
    }
}

/// Gives every tool call of a conversation an id of its own, of letters, digits and some punctuation.
///
/// An id that is fine stays as it is. Clients may use one id again in a later turn, and two may become the same one
/// when their characters are replaced; the second is then numbered. What an id becomes depends on nothing but the calls
/// before it, so that the next turn of a conversation begins with the same bytes.
pub(crate) struct Ids<'a> {
    punctuation: Punctuation,
    taken: HashSet<Cow<'a, str>>,
    /// The last number that was given to a stem. It never falls, so that no number is tried twice.
    numbers: HashMap<String, u32>,
}

impl<'a> Ids<'a> {
    pub(crate) fn new(punctuation: Punctuation) -> Self {
        Self { punctuation, taken: HashSet::new(), numbers: HashMap::new() }
    }

    /// The id for the next call.
    pub(crate) fn next(&mut self, id: Cow<'a, str>) -> Cow<'a, str> {
        let id = legal(id, self.punctuation);
        if self.taken.insert(id.clone()) {
            return id;
        }
        let stem = &id[..id.len().min(MAX_STEM)];
        let number = match self.numbers.get_mut(stem) {
            Some(number) => number,
            None => self.numbers.entry(stem.to_owned()).or_insert(1),
        };
        loop {
            *number += 1;
            let numbered: Cow<'_, str> = Cow::Owned(format!("{stem}_{number}"));
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

fn legal(id: Cow<'_, str>, punctuation: Punctuation) -> Cow<'_, str> {
    let is_legal = |byte: u8| punctuation.allows(byte);
    let is_fine = id.len() <= MAX_LEN && !id.is_empty() && id.bytes().all(is_legal) && !id.contains(SIGNATURE_SUFFIX);
    if is_fine {
        return id;
    }
    let own = id.split(SIGNATURE_SUFFIX).next().unwrap_or_default();
    if own.is_empty() {
        return Cow::Borrowed("call");
    }
    let replace = |char: char| u8::try_from(char).ok().filter(|&byte| is_legal(byte)).map_or('_', char::from);
    Cow::Owned(own.chars().map(replace).take(MAX_LEN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ids: &[&'static str]) -> Vec<String> {
        let mut given = Ids::new(Punctuation(b"_-"));
        ids.iter().map(|id| given.next(Cow::Borrowed(id)).into_owned()).collect()
    }

    #[test]
    fn legal_ids_stay() {
        assert_eq!(all(&["toolu_01A-b", "call_1"]), ["toolu_01A-b", "call_1"]);
    }

    #[test]
    fn others_are_replaced_and_never_collide() {
        assert_eq!(all(&["call.2:x", "é", ""]), ["call_2_x", "_", "call"]);
        assert_eq!(all(&["a.b", "a:b", "a_b", "a_b_2", "a.b"]), ["a_b", "a_b_2", "a_b_3", "a_b_2_2", "a_b_4"]);
        assert_eq!(all(&["call_0", "call_0"]), ["call_0", "call_0_2"]);
    }

    #[test]
    fn foreign_signatures_are_cut_off() {
        assert_eq!(all(&["call_1__thought__Zm9v/+=", "__thought__x"]), ["call_1", "call"]);
    }

    #[test]
    fn long_ids_are_cut_and_stay_apart() {
        let (one, two) = ("x".repeat(100) + "1", "x".repeat(100) + "2");
        let mut ids = Ids::new(Punctuation(b"_-"));
        let (one, two) = (ids.next(one.into()), ids.next(two.into()));
        assert!(one.len() == 64 && two.len() <= 64 && one != two);
    }
}
