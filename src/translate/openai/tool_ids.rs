//! The ids of tool calls, as a server takes them back.

use std::borrow::Cow;

use crate::translate::encode::SIGNATURE_SUFFIX;

/// Which ids of tool calls a server takes back. A conversation may have begun with another server, whose ids are of
/// another kind; one that is not taken becomes one that is, always the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolIds {
    /// All of them.
    #[default]
    Any,
    /// Those of at most 40 characters: OpenAI and Azure, where vLLM's are too long.
    Short,
    /// Those of nine letters and digits: older models of Mistral's.
    Nine,
}

/// OpenAI's limit.
const SHORT: usize = 40;

impl ToolIds {
    /// The id as it is sent. What other gateways append to it, Google's signature, means nothing here.
    pub(super) fn of(self, id: &str) -> Cow<'_, str> {
        let id = id.split(SIGNATURE_SUFFIX).next().filter(|own| !own.is_empty()).unwrap_or(id);
        match self {
            Self::Any => id.into(),
            Self::Short if id.chars().count() <= SHORT => id.into(),
            Self::Short => {
                let hash = format!("_{:016x}", hash(id));
                id.chars().take(SHORT - hash.len()).chain(hash.chars()).collect()
            }
            Self::Nine if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => id.into(),
            Self::Nine => nine(hash(id)).into(),
        }
    }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn nine(mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digit = || {
        let digit = DIGITS[(number % 62) as usize];
        number /= 62;
        char::from(digit)
    };
    std::iter::repeat_with(&mut digit).take(9).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_stays_and_the_rest_becomes_something_that_is() {
        let (vllm, other) =
            ("chatcmpl-tool-0123456789abcdef0123456789abcdef", "chatcmpl-tool-0123456789abcdef0123456789abcdee");
        assert_eq!((ToolIds::Any.of(vllm), ToolIds::Short.of("call_1")), (vllm.into(), "call_1".into()));
        assert_eq!(ToolIds::Nine.of("aB3456789"), "aB3456789");
        for (ids, length) in [(ToolIds::Short, 40), (ToolIds::Nine, 9)] {
            assert_eq!((ids.of(vllm).len(), ids.of(vllm)), (length, ids.of(vllm)));
            assert_ne!(ids.of(vllm), ids.of(other));
            assert_eq!(ids.of(&ids.of(vllm)), ids.of(vllm));
        }
        assert!(ToolIds::Nine.of(vllm).bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(ToolIds::Short.of(&"é".repeat(41)).chars().count(), 40);
    }

    #[test]
    fn googles_signature_leaves() {
        assert_eq!(ToolIds::Any.of("call_1__thought__Zm9v+/="), "call_1");
        assert_eq!(ToolIds::Any.of("__thought__Zm9v"), "__thought__Zm9v");
    }
}
