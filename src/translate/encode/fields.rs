//! What becomes of each field of a request: one table for each protocol, from which both the behaviour and the page
//! `docs/providers.md` come.

use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Raw, Text};
use crate::translate::Dropped;

/// A field and what becomes of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
    /// The provider's own field, or why there is none.
    #[allow(dead_code, reason = "read by the test that writes docs/providers.md")]
    pub(crate) becomes: &'static str,
}

/// What becomes of a field that is set. What is not in the table, OpenAI does not define: it is forwarded as it is.
pub(crate) enum Fate {
    /// Said in the provider's words.
    Mapped,
    /// The same; but some values are changed or left out, and then reported.
    Adjusted,
    /// Left out: no answer depends on it.
    Ignored,
    /// A hint: left out and reported, unless the value is OpenAI's default.
    Hint(Check),
    /// 400 `unsupported_parameter`, unless the value is OpenAI's default.
    Refused(Check),
    /// 400 that names what has replaced it, unless the value says nothing.
    Deprecated(Check, &'static str),
    /// It steers another gateway or an SDK, and would lead elsewhere: left out and reported.
    Steering,
}

/// Checks the range of a value, and says whether it is OpenAI's default.
pub(crate) type Check = fn(Raw<'_>, &'static str) -> Result<bool, ApiError>;

impl Row {
    /// Says why there is no field of the provider's own.
    pub(crate) const fn because(self, why: &'static str) -> Self {
        Self { becomes: why, ..self }
    }
}

pub(crate) const fn mapped(name: &'static str, becomes: &'static str) -> Row {
    Row { name, fate: Fate::Mapped, becomes }
}

pub(crate) const fn adjusted(name: &'static str, becomes: &'static str) -> Row {
    Row { name, fate: Fate::Adjusted, becomes }
}

pub(crate) const fn ignored(name: &'static str, why: &'static str) -> Row {
    Row { name, fate: Fate::Ignored, becomes: why }
}

pub(crate) const fn hint(name: &'static str, is_default: Check) -> Row {
    Row { name, fate: Fate::Hint(is_default), becomes: "" }
}

pub(crate) const fn refused(name: &'static str, is_default: Check) -> Row {
    Row { name, fate: Fate::Refused(is_default), becomes: "" }
}

pub(crate) const fn deprecated(name: &'static str, is_default: Check, instead: &'static str) -> Row {
    Row { name, fate: Fate::Deprecated(is_default, instead), becomes: "" }
}

/// What steers SDKs, LiteLLM, OpenRouter and other gateways. None of it may reach a provider from a client.
pub(crate) const STEERING: &[&str] = &[
    "additional_drop_params",
    "allowed_openai_params",
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "custom_llm_provider",
    "default_headers",
    "drop_params",
    "extra_body",
    "extra_headers",
    "extra_query",
    "fallbacks",
    "headers",
    "include_reasoning",
    "models",
    "num_retries",
    "organization",
    "plugins",
    "provider",
    "reasoning",
    "route",
    "timeout",
    "transforms",
    "usage",
];

/// Sends every field its way: hints are noted, and what the model cannot do is refused. The fields to forward are left.
pub(crate) fn sort<'a>(
    chat: &'a ChatRequest,
    table: &'static [Row],
    dropped: &mut Dropped,
) -> Result<Vec<(Text<'a>, Raw<'a>)>, ApiError> {
    let mut forwarded = Vec::new();
    for (name, value) in chat.fields().filter(|(_, value)| !value.is_null()) {
        let Some((field, fate)) = find(table, name) else {
            forwarded.push((name, value));
            continue;
        };
        match *fate {
            Fate::Mapped | Fate::Adjusted | Fate::Ignored => {}
            Fate::Steering => dropped.push(field),
            Fate::Hint(is_default) => {
                if !is_default(value, field)? {
                    dropped.push(field);
                }
            }
            Fate::Refused(is_default) => {
                if !is_default(value, field)? {
                    return Err(ApiError::unsupported_parameter(field));
                }
            }
            Fate::Deprecated(is_default, instead) => {
                if !is_default(value, field)? {
                    let reason = format!("it is deprecated and not supported for this model; use '{instead}'.");
                    return Err(ApiError::unsupported_value(field, reason));
                }
            }
        }
    }
    Ok(forwarded)
}

fn find(table: &'static [Row], name: Text<'_>) -> Option<(&'static str, &'static Fate)> {
    let row = table.iter().find(|row| name.eq_str(row.name)).map(|row| (row.name, &row.fate));
    row.or_else(|| STEERING.iter().find(|field| name.eq_str(field)).map(|field| (*field, &Fate::Steering)))
}

/// Checks that a table names every field that OpenAI documents, each once and nothing that steers.
#[cfg(test)]
pub(crate) fn assert_complete(table: &[Row]) {
    for (at, row) in table.iter().enumerate() {
        assert!(table[..at].iter().all(|other| other.name != row.name), "{} stands twice", row.name);
        assert!(!STEERING.contains(&row.name), "{} steers", row.name);
    }
    let has = |name| table.iter().any(|row| row.name == name);
    assert!(has("model") && has("messages"));
    let others = table.iter().filter(|row| !matches!(row.name, "model" | "messages"));
    let nulls: String = others.map(|row| format!(r#","{}":null"#, row.name)).collect();
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}]{nulls}}}"#);
    let chat = ChatRequest::from_bytes(body).unwrap();
    assert_eq!(chat.fields().count() - chat.extra().count(), 37, "the border knows the types of 37 documented fields");
}
