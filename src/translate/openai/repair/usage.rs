//! Usage in OpenAI's form.

use crate::json::Raw;
use crate::usage::Usage;

/// A `usage` object as it is, or in OpenAI's form where that says more: where cached tokens stand in a place of the
/// server's own, or reasoning outside of the completion. `None` if it is no usage.
pub(super) fn shown(usage: Raw<'_>, reasoning_outside: bool) -> Option<Vec<u8>> {
    let read = Usage::from_openai(usage)?;
    let completion = usage.get("completion_tokens").and_then(Raw::as_u64);
    let is_outside = reasoning_outside && completion.is_some_and(|completion| completion < read.completion_tokens());
    let hides_cache = read.cache_read > 0 && usage.get("prompt_tokens_details").is_none_or(Raw::is_null);
    let is_timed = usage.get("queue_time").is_some() || usage.get("prompt_time").is_some();
    let mut out = Vec::new();
    if is_outside || hides_cache || is_timed {
        read.write_openai(&mut out);
    } else {
        out.extend_from_slice(usage.text().as_bytes());
    }
    Some(out)
}
