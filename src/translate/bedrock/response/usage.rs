//! Converse's token counts.

use crate::json::Raw;
use crate::usage::Usage;

/// Reads `usage`, in which cached tokens stand beside the input. Its total is not looked at: it has been seen to leave
/// classes out.
pub(super) fn read(usage: Raw<'_>) -> Option<Usage> {
    let (mut input, mut output, mut read, mut written, mut hour) = (None, None, 0, None, 0);
    let mut parts = 0_u64;
    for (key, value) in usage.fields() {
        let count = value.as_u64();
        match &*key.to_str() {
            "inputTokens" => input = count,
            "outputTokens" => output = count,
            "cacheReadInputTokens" => read = count.unwrap_or(0),
            "cacheWriteInputTokens" => written = count,
            "cacheDetails" => {
                for detail in value.elements() {
                    let count = detail.get("inputTokens").and_then(Raw::as_u64).unwrap_or(0);
                    parts = parts.saturating_add(count);
                    if detail.get("ttl").and_then(Raw::as_text).is_some_and(|ttl| ttl.eq_str("1h")) {
                        hour = count;
                    }
                }
            }
            _ => {}
        }
    }
    if input.is_none() && output.is_none() {
        return None;
    }
    let written = written.unwrap_or(parts);
    let cache_write_1h = hour.min(written);
    Some(Usage {
        input: input.unwrap_or(0),
        cache_read: read,
        cache_write: written - cache_write_1h,
        cache_write_1h,
        output: output.unwrap_or(0),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Option<Usage> {
        read(Raw::parse(text).unwrap())
    }

    #[test]
    fn classes_are_disjoint() {
        let report = r#"{"inputTokens":7,"outputTokens":2,"totalTokens":9,"cacheReadInputTokens":40,
            "cacheWriteInputTokens":10,"cacheDetails":[{"ttl":"5m","inputTokens":4},{"ttl":"1h","inputTokens":6}]}"#;
        let usage = usage(report).unwrap();
        let expected =
            Usage { input: 7, cache_read: 40, cache_write: 4, cache_write_1h: 6, output: 2, ..Usage::default() };
        assert_eq!(usage, expected);
        assert_eq!(usage.prompt_tokens(), 57);
    }

    #[test]
    fn nothing_is_invented() {
        assert_eq!(usage("{}"), None);
        assert_eq!(usage("null"), None);
        assert_eq!(usage(r#"{"inputTokens":null}"#), None);
        let partial = usage(r#"{"inputTokens":3,"cacheDetails":[{"ttl":"1h","inputTokens":6}]}"#).unwrap();
        assert_eq!((partial.input, partial.cache_write, partial.cache_write_1h), (3, 0, 6));
    }
}
