//! What each request is. All of it follows from its number, so that clients, providers and the reader of the ledger know the same.

use std::time::Duration;

use bytes::Bytes;

/// The words of an answer: each is an event of a stream.
pub(crate) const ANSWER: &str = "the cache returns a stale value when two writers race on one key so the reader has to \
                                 compare versions first and ask again";
/// About so many events a stream has, with those around the words.
const EVENTS: u64 = 26;

/// A reproducible chance (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(number: u64, what: u64) -> Self {
        Self(number.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }
}

/// What providers say they used for a request: input and output.
pub(crate) fn tokens(number: u64) -> (u64, u64) {
    let mut chance = Chance::of(number, 1);
    (20 + chance.below(400), 1 + chance.below(300))
}

/// Of whom providers are asked what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The load: whole and streamed, for all keys, with faults.
    Mixed,
    /// Without faults, to see how quick it is.
    Calm,
    /// A stream that stops after its first words.
    Held,
}

impl Kind {
    pub(crate) const ALL: [(&str, Self); 3] = [("mixed", Self::Mixed), ("calm", Self::Calm), ("held", Self::Held)];
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) key: &'static str,
    pub(crate) model: &'static str,
    pub(crate) stream: bool,
    /// Whether the stream is to tell what was used.
    pub(crate) shows_usage: bool,
    pub(crate) http2: bool,
    /// After how many events the client leaves; with none it waits so long for the head at most.
    pub(crate) leaves: Option<(u64, Duration)>,
    max_tokens: Option<u64>,
    long: bool,
}

impl Plan {
    /// A request of the load: half of them streams, and of these a fifth is left.
    pub(crate) fn mixed(number: u64) -> Self {
        let mut chance = Chance::of(number, 0);
        let key = match chance.below(100) {
            0..80 => "alice",
            80..86 => "bob",
            86..92 => "carol",
            92..96 => "dave",
            _ => "erin",
        };
        let model = match chance.below(10) {
            0..4 => "pair",
            4..8 => "claude",
            _ => "alone",
        };
        let stream = chance.below(2) == 0;
        let leaves = chance.below(5) == 0;
        let leaves = (stream && leaves).then(|| (chance.below(EVENTS), Duration::from_micros(chance.below(4000))));
        Self {
            number,
            kind: Kind::Mixed,
            key,
            model,
            stream,
            shows_usage: chance.below(2) == 0,
            http2: chance.below(4) == 0,
            leaves,
            max_tokens: (chance.below(2) == 0).then_some(300),
            long: chance.below(32) == 0,
        }
    }

    pub(crate) fn calm(number: u64) -> Self {
        let (kind, key, model) = (Kind::Calm, "alice", "alone");
        Self { kind, key, model, stream: false, http2: false, leaves: None, long: false, ..Self::mixed(number) }
    }

    pub(crate) fn held(number: u64, key: &'static str) -> Self {
        Self { kind: Kind::Held, key, model: "alone", stream: true, leaves: None, long: false, ..Self::mixed(number) }
    }

    /// What its id is in the ledger.
    pub(crate) fn id(&self) -> String {
        format!("soak-{}", self.number)
    }

    pub(crate) fn body(&self) -> Bytes {
        let kind = Kind::ALL[self.kind as usize].0;
        let system = if self.long { ANSWER.repeat(240) } else { "You are a careful assistant. ".repeat(8) };
        let (model, number) = (self.model, self.number);
        let mut body = format!(
            r#"{{"model":"{model}","messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{kind} request {number}."}}],"temperature":0.7"#
        );
        if let Some(most) = self.max_tokens {
            body.push_str(&format!(r#","max_tokens":{most}"#));
        }
        if self.stream {
            body.push_str(&format!(r#","stream":true,"stream_options":{{"include_usage":{}}}"#, self.shows_usage));
        }
        body.push('}');
        body.into()
    }
}

/// The kind and the number of the request that a provider got: they are in its last words, in any protocol.
pub(crate) fn of_body(body: &[u8]) -> Option<(Kind, u64)> {
    let at = memchr::memmem::rfind(body, b" request ")?;
    let (_, kind) = Kind::ALL.into_iter().find(|(word, _)| body[..at].ends_with(word.as_bytes()))?;
    let digits = body[at + 9..].iter().take_while(|byte| byte.is_ascii_digit());
    Some((kind, digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))))
}
