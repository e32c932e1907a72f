//! `requestMetadata`: words of the host's, and of the client's if the host wants them, for the log of invocations.

use crate::json::{Kind, Raw};
use crate::translate::Dropped;
use crate::translate::encode::Object;

/// How many pairs a request may have.
pub(super) const MAX_PAIRS: usize = 16;

/// The longest key, and the longest value.
const MAX_LEN: usize = 256;

/// Whether Bedrock takes this pair.
pub(super) fn fits(key: &str, value: &str) -> bool {
    let is_legal = |text: &str| {
        let legal =
            |char: char| char.is_ascii_alphanumeric() || char.is_ascii_whitespace() || ":_@$#=/+,-.".contains(char);
        text.len() <= MAX_LEN && text.chars().all(legal)
    };
    !key.is_empty() && is_legal(key) && is_legal(value)
}

/// Writes the host's pairs, and as many of the client's as there is room for; a key of the host's is the host's.
pub(super) fn write(body: &mut Object, own: &[(String, String)], client: Option<Raw<'_>>, dropped: &mut Dropped) {
    let client = client.filter(|client| client.kind() == Kind::Object);
    if own.is_empty() && client.is_none_or(|client| client.fields().next().is_none()) {
        return;
    }
    let mut count = 0;
    for (key, value) in own {
        pair(body, &mut count, key, value);
    }
    for (key, value) in client.into_iter().flat_map(Raw::fields) {
        let (key, value) = (key.to_str(), value.as_str());
        let taken = own.iter().any(|(own, _)| *own == key);
        match value.filter(|value| !taken && count < MAX_PAIRS && fits(&key, value)) {
            Some(value) => pair(body, &mut count, &key, &value),
            None => dropped.push("metadata"),
        }
    }
    if count > 0 {
        body.put("}");
    }
}

fn pair(body: &mut Object, count: &mut usize, key: &str, value: &str) {
    if *count == 0 {
        body.field("requestMetadata").put("{");
    }
    *count += 1;
    body.comma();
    body.string(key);
    body.put(":");
    body.string(value);
}
