//! Which values of a field are OpenAI's default, and so no reason to refuse or report anything. Ranges are checked on
//! the way.

use super::check;
use crate::error::ApiError;
use crate::json::{Kind, Raw};

/// No value says what its absence does.
pub(crate) fn never(_: Raw<'_>, _: &'static str) -> Result<bool, ApiError> {
    Ok(false)
}

/// `false`.
pub(crate) fn is_false(value: Raw<'_>, _: &'static str) -> Result<bool, ApiError> {
    Ok(value.as_bool() == Some(false))
}

/// `{}` or `[]`.
pub(crate) fn empty(value: Raw<'_>, _: &'static str) -> Result<bool, ApiError> {
    Ok(value.fields().next().is_none() && value.elements().next().is_none())
}

/// 0, of -2 to 2.
pub(crate) fn penalty(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    check::number(value, name, -2.0..=2.0).map(|number| number == 0.0)
}

/// 1, of 1 to 128.
pub(crate) fn one(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    check::whole(value, name, 1..=128).map(|number| number == 1)
}

/// 0, of 0 to 20.
pub(crate) fn zero(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    check::whole(value, name, 0..=20).map(|number| number == 0)
}

/// No value; but it must be a whole number.
pub(crate) fn seed(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 => Ok(false),
        _ => Err(ApiError::invalid_value(name, "use a whole number.")),
    }
}

/// `medium`.
pub(crate) fn medium(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    check::word(value, name, &["low", "medium", "high"]).map(|word| word == "medium")
}

/// `auto` or `none`, without functions to choose from.
pub(crate) fn says_nothing(value: Raw<'_>, _: &'static str) -> Result<bool, ApiError> {
    Ok(value.as_text().is_some_and(|word| word.eq_str("auto") || word.eq_str("none")))
}

/// `["text"]`.
pub(crate) fn text_only(value: Raw<'_>, name: &'static str) -> Result<bool, ApiError> {
    let mut text_only = true;
    for modality in value.elements() {
        let word = modality.as_str().ok_or_else(|| check::wrong_type(modality, name, "an array of strings"))?;
        match &*word {
            "text" => {}
            "audio" => text_only = false,
            _ => return Err(ApiError::invalid_value(name, "use 'text' or 'audio'.")),
        }
    }
    Ok(text_only && value.kind() == Kind::Array)
}
