//! The constraints that Amazon's models of its services are made of.

use serde_json::Value;

use crate::mock::protocol::Refusal;

pub(super) type Outcome = Result<(), Refusal>;

pub(super) fn ensure(holds: bool, refusal: impl FnOnce() -> Refusal) -> Outcome {
    if holds { Ok(()) } else { Err(refusal()) }
}

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, message).code("ValidationException")
}

/// A number, if it is there, is not less than this.
pub(super) fn at_least(value: &Value, least: u32, at: &str) -> Outcome {
    ensure(value.is_null() || value.as_f64().is_some_and(|value| value >= least.into()), || {
        broken(value, at, format!("Member must have value greater than or equal to {least}"))
    })
}

/// A number, if it is there, is not more than this.
pub(super) fn at_most(value: &Value, most: u32, at: &str) -> Outcome {
    ensure(value.is_null() || value.as_f64().is_some_and(|value| value <= most.into()), || {
        broken(value, at, format!("Member must have value less than or equal to {most}"))
    })
}

pub(super) fn one_value(value: &Value, values: &[&str], at: &str) -> Outcome {
    ensure(value.as_str().is_some_and(|value| values.contains(&value)), || {
        broken(value, at, format!("Member must satisfy enum value set: [{}]", values.join(", ")))
    })
}

pub(super) fn not_null(value: &Value, at: &str) -> Outcome {
    ensure(!value.is_null(), || broken(value, at, "Member must not be null".to_owned()))
}

/// At most 64 letters that fit; `pattern` says the same to a reader.
pub(super) fn pattern(value: &Value, pattern: &str, fits: fn(char) -> bool, at: &str) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    ensure((1..=64).contains(&text.len()) && text.chars().all(fits), || {
        broken(value, at, format!("Member must satisfy regular expression pattern: {pattern}"))
    })
}

/// Exactly one member of a union is set.
pub(super) fn one_of(value: &Value, union: &str, members: &[&str], at: &str) -> Outcome {
    let set = members.iter().filter(|member| value.get(member).is_some()).count();
    ensure(set == 1, || {
        invalid(format!("{union} object at {at} must set one of the following keys: {}.", members.join(", ")))
    })
}

pub(super) fn not_blank(block: &Value, kind: &str, at: &str) -> Outcome {
    ensure(block["text"].as_str().is_none_or(|text| !text.trim().is_empty()), || {
        invalid(format!(
            "The text field in the {kind} object at {at} is blank. Add text to the text field, and try again."
        ))
    })
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn broken(value: &Value, at: &str, constraint: String) -> Refusal {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: {constraint}"
    ))
}
