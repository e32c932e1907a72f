//! OpenAI's ranges: what is outside of them never goes upstream.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::error::ApiError;
use crate::json::{Kind, Raw};

/// A number in a range.
pub(crate) fn number(value: Raw<'_>, name: &'static str, range: RangeInclusive<f64>) -> Result<f64, ApiError> {
    let number = value.as_f64().ok_or_else(|| wrong_type(value, name, "a number"))?;
    if range.contains(&number) {
        return Ok(number);
    }
    Err(ApiError::invalid_value(name, format!("use a number from {} to {}.", range.start(), range.end())))
}

/// A whole number in a range.
pub(crate) fn whole(value: Raw<'_>, name: &'static str, range: RangeInclusive<u64>) -> Result<u64, ApiError> {
    if value.kind() != Kind::Number {
        return Err(wrong_type(value, name, "a whole number"));
    }
    let number = value.as_u64().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (start, end) = (range.start(), range.end());
        let reason = match *end {
            u64::MAX => format!("use a whole number, at least {start}."),
            _ => format!("use a whole number from {start} to {end}."),
        };
        ApiError::invalid_value(name, reason)
    })
}

/// One of some words.
pub(crate) fn word(value: Raw<'_>, name: &'static str, words: &[&'static str]) -> Result<&'static str, ApiError> {
    let word = value.as_str().ok_or_else(|| wrong_type(value, name, "a string"))?;
    let known = words.iter().copied().find(|known| *known == word);
    known.ok_or_else(|| ApiError::invalid_value(name, format!("use one of '{}'.", words.join("', '"))))
}

/// A string under a name of the model's own: `[A-Za-z0-9_-]`, up to some length.
pub(crate) fn identifier(text: &str, max_len: usize, path: impl FnOnce() -> String) -> Result<(), ApiError> {
    let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if legal && (1..=max_len).contains(&text.len()) {
        return Ok(());
    }
    let reason = format!("use 1 to {max_len} letters, digits, underscores and hyphens.");
    Err(ApiError::invalid_value(path(), reason))
}

pub(crate) fn wrong_type(value: Raw<'_>, path: impl Display, expected: &str) -> ApiError {
    ApiError::invalid_type(path.to_string(), expected, value.kind())
}
