//! The one pass over a request body: where each top-level field and each message lies, and whether they are what they must be.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::documented::{BOOL, is_documented, is_typed, respelled};
use super::spans::{MessageSpans, Messages, Span};
use crate::error::ApiError;
use crate::json::{Fault, FaultKind, Kind, Raw, Scanner, Text};

/// A top-level field: its key inside the quotes, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    key: Span,
    value: Span,
    /// Whether the key is written with escapes.
    is_escaped: bool,
}

/// One bit for a name, by its length and ends: without it, no field has the name. Most fields that are asked for are not there.
pub(super) fn trait_of(name: &str) -> u64 {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| u32::from(*byte));
    let (first, last) = (end(name.as_bytes().first()), end(name.as_bytes().last()));
    1 << (((name.len() as u32).wrapping_mul(7) ^ (first * 3) ^ (last * 13)) % u64::BITS)
}

impl Field {
    pub(super) fn key(self) -> Range<usize> {
        self.key.range()
    }

    pub(super) fn value(self) -> Range<usize> {
        self.value.range()
    }

    pub(super) fn name(self, text: &str) -> Text<'_> {
        let key = &text[self.key()];
        if self.is_escaped { Text::escaped(key) } else { Text::plain_json(key) }
    }

    pub(super) fn is(self, text: &str, name: &str) -> bool {
        if self.is_escaped {
            self.name(text).eq_str(name)
        } else {
            // Most fields are told apart by their lengths.
            self.key.len() == name.len() && text.as_bytes().get(self.key()) == Some(name.as_bytes())
        }
    }
}

/// What one pass has found in a body: each place in it is a piece of `text`.
pub(super) struct Index {
    pub(super) text: String,
    pub(super) fields: Vec<Field>,
    /// The traits of their names: see [`trait_of`].
    pub(super) traits: u64,
    pub(super) messages: Vec<MessageSpans>,
    pub(super) model: Arc<str>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// What the prompt is worth, once somebody has asked.
    pub(super) prompt_tokens: OnceLock<u64>,
    /// Whether a message has its content in parts.
    pub(super) has_parts: bool,
    /// Whether a message has another field than `role`, `content` and `name`.
    pub(super) has_more: bool,
}

/// How many top-level fields a request may have. OpenAI documents fewer than 50.
const MAX_FIELDS: usize = 1024;

pub(super) fn read(bytes: Vec<u8>) -> Result<Index, ApiError> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(ApiError::request_too_large(u64::from(u32::MAX)));
    }
    let owned = String::from_utf8(bytes)
        .map_err(|error| invalid_json(format_args!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to())))?;
    let text = owned.as_str();
    let mut scanner = Scanner::new(text);
    scanner.space();
    if scanner.kind().map_err(not_json)? != Kind::Object {
        let value = scanner.value().map_err(not_json)?;
        scanner.end().map_err(not_json)?;
        let found = Raw::checked(&text[value]).kind();
        return Err(ApiError::invalid_request(format!("The request body must be a JSON object, but it is {found}.")));
    }
    let mut fields = Vec::with_capacity(16);
    let mut too_many = false;
    let mut messages = Messages::default();
    let mut conversation = Ok(());
    let walked = scanner.object(|scanner, key| {
        let start = scanner.at();
        let name = scanner.last_string(&text[key.clone()]);
        if messages.spans.is_empty() && name.eq_str("messages") && scanner.kind()? == Kind::Array {
            conversation = messages.read(text, scanner)?;
        } else {
            scanner.skip()?;
        }
        too_many |= fields.len() == MAX_FIELDS;
        if !too_many {
            let is_escaped = name.as_escaped().is_some();
            fields.push(Field { key: Span::new(key), value: Span::new(start..scanner.at()), is_escaped });
        }
        Ok::<(), Fault>(())
    });
    walked.and_then(|()| scanner.end()).map_err(not_json)?;
    if too_many {
        return Err(ApiError::invalid_request(format!("The request has more than {MAX_FIELDS} top-level fields.")));
    }
    let known = Known::check(text, &fields)?;
    conversation?;
    let (model, stream, include_usage) = (known.model()?, known.stream(), known.include_usage()?);
    known.check_messages(&messages.spans)?;
    let Messages { spans: messages, has_parts, has_more } = messages;
    let prompt_tokens = OnceLock::new();
    let traits = known.traits;
    Ok(Index {
        text: owned,
        model,
        stream,
        include_usage,
        fields,
        traits,
        messages,
        prompt_tokens,
        has_parts,
        has_more,
    })
}

/// The fields that decide where a request goes and what comes back.
#[derive(Default)]
struct Known<'a> {
    model: Option<Raw<'a>>,
    has_messages: bool,
    traits: u64,
    stream: Option<Raw<'a>>,
    stream_options: Option<Raw<'a>>,
}

impl<'a> Known<'a> {
    /// Looks at each field once: none stands twice or in another case, and each is of the type that OpenAI documents.
    fn check(text: &'a str, fields: &[Field]) -> Result<Self, ApiError> {
        let mut known = Self::default();
        let mut names = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.name(text).to_str();
            let value = Raw::checked(&text[field.value()]);
            if !is_typed(&name, value.kind())? {
                check_name(&name)?;
            }
            match &*name {
                "model" => known.model = Some(value),
                "messages" => known.has_messages = true,
                "stream" => known.stream = Some(value),
                "stream_options" => known.stream_options = Some(value),
                _ => {}
            }
            known.traits |= trait_of(&name);
            names.push(name);
        }
        match second(&mut names) {
            Some(name) => Err(duplicate(name)),
            None => Ok(known),
        }
    }

    fn model(&self) -> Result<Arc<str>, ApiError> {
        match self.model.and_then(Raw::as_str).as_deref() {
            None => Err(ApiError::missing_parameter("model")),
            Some("") => Err(ApiError::invalid_value("model", "it must not be empty.")),
            Some(model) => Ok(model.into()),
        }
    }

    fn stream(&self) -> bool {
        self.stream.and_then(Raw::as_bool).unwrap_or(false)
    }

    fn check_messages(&self, messages: &[MessageSpans]) -> Result<(), ApiError> {
        if !self.has_messages {
            return Err(ApiError::missing_parameter("messages"));
        }
        if messages.is_empty() {
            return Err(ApiError::invalid_value("messages", "it must hold at least one message."));
        }
        Ok(())
    }

    fn include_usage(&self) -> Result<bool, ApiError> {
        let mut asked = None;
        let param = "stream_options.include_usage";
        for (name, value) in self.stream_options.into_iter().flat_map(Raw::fields) {
            if !name.eq_str("include_usage") {
                let name = name.to_str();
                if respelled(&name, |right| right == "include_usage").is_some() {
                    return Err(misspelt(format!("stream_options.{name}"), param));
                }
                continue;
            }
            if asked.is_some() {
                return Err(duplicate(param.to_owned()));
            }
            if !matches!(value.kind(), Kind::Bool | Kind::Null) {
                return Err(ApiError::invalid_type(param, BOOL.text, value.kind()));
            }
            asked = value.as_bool().or(Some(false));
        }
        Ok(asked.unwrap_or(false))
    }
}

pub(super) fn duplicate(param: String) -> ApiError {
    ApiError::invalid_request(format!("The field '{param}' stands twice in the request; send it once."))
        .with_param(param)
        .with_code("duplicate_parameter")
}

/// A name that stands there twice.
fn second(names: &mut [Cow<'_, str>]) -> Option<String> {
    /// So many are compared with each other sooner than they are sorted.
    const FEW: usize = 24;
    let found = if names.len() <= FEW {
        (1..names.len()).find(|&at| names[..at].contains(&names[at]))
    } else {
        names.sort_unstable();
        (1..names.len()).find(|&at| names[at - 1] == names[at])
    };
    found.map(|at| names[at].clone().into_owned())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    match respelled(name, is_documented) {
        Some(right) => Err(misspelt(name.to_owned(), &right)),
        None => Ok(()),
    }
}

/// OpenAI refuses every field that it does not know; here only those that an upstream could take for one that counts.
fn misspelt(param: String, right: &str) -> ApiError {
    ApiError::invalid_request(format!("Unknown parameter: '{param}'. Did you mean '{right}'?"))
        .with_param(param)
        .with_code("unknown_parameter")
}

fn invalid_json(reason: impl std::fmt::Display) -> ApiError {
    ApiError::invalid_request(format!("The request body is not valid JSON: {reason}.")).with_code("invalid_json")
}

/// No `From<Fault>`: with it, `?` in a reader of answers would blame the client for what a provider sent.
fn not_json(fault: Fault) -> ApiError {
    match fault.kind {
        FaultKind::Truncated if fault.at == 0 => invalid_json("it is empty"),
        _ => invalid_json(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> (Option<String>, Option<String>) {
        let error = read(body.into()).err().unwrap();
        (error.param().map(str::to_owned), error.code().map(str::to_owned))
    }

    fn named(param: &str, code: &str) -> (Option<String>, Option<String>) {
        (Some(param.to_owned()), Some(code.to_owned()))
    }

    #[test]
    fn finds_fields_and_messages() {
        let body = r#"{"messages" : [ {"role":"user"}, {"r\u006fle":"user"} ],"mod\u0065l":"a\nb","stream":true}"#;
        let index = read(body.into()).unwrap();
        assert_eq!((&*index.model, index.stream, index.include_usage), ("a\nb", true, false));
        let spans: Vec<_> = index.messages.iter().map(|spans| spans.whole(body).text()).collect();
        assert_eq!(spans, [r#"{"role":"user"}"#, r#"{"r\u006fle":"user"}"#]);
        let keys: Vec<_> = index.fields.iter().map(|field| &body[field.key()]).collect();
        assert_eq!(keys, ["messages", r"mod\u0065l", "stream"]);
    }

    #[test]
    fn json_comes_before_types_and_types_before_what_is_missing() {
        assert_eq!(fault(r#"{"stream":1,"messages":[1]"#).1.as_deref(), Some("invalid_json"));
        assert_eq!(fault(r#"{"messages":[1],"stream":1}"#), named("stream", "invalid_type"));
        assert_eq!(fault(r#"{"messages":[1]}"#), named("messages[0]", "invalid_type"));
        assert_eq!(fault(r#"{"messages":[]}"#), named("model", "missing_required_parameter"));
        assert_eq!(fault(r#"{"model":"m","messages":[]}"#), named("messages", "invalid_value"));
    }

    #[test]
    fn so_many_fields_and_no_more() {
        let request = |count: usize| {
            let others: String = (2..count).map(|at| format!(r#","x{at}":1"#)).collect();
            read(format!(r#"{{"model":"m","messages":[{{"role":"user"}}]{others}}}"#).into())
        };
        assert_eq!(request(MAX_FIELDS).unwrap().fields.len(), MAX_FIELDS);
        assert!(request(MAX_FIELDS + 1).err().unwrap().message().contains("more than 1024 top-level fields"));
    }

    #[test]
    fn what_is_empty_is_told_from_what_is_cut_off() {
        let message = |body: &str| read(body.into()).err().unwrap().message().to_owned();
        assert!(message("").contains("it is empty"));
        assert!(message("{").contains("ends too early, at byte 1"));
        assert!(message("x").contains("invalid JSON at byte 0"));
    }

    #[test]
    fn a_second_field_is_found_among_few_and_among_many() {
        for count in [1, 20, 21, 22, 23, 40] {
            let others: String = (0..count).map(|at| format!(r#","x{at}":1"#)).collect();
            let request = |more: &str| format!(r#"{{"model":"m","messages":[{{"role":"user"}}],"x":0{others}{more}}}"#);
            assert!(read(request("").into()).is_ok(), "{count}");
            let last = format!("x{}", count - 1);
            assert_eq!(fault(&request(&format!(r#","{last}":2"#))), named(&last, "duplicate_parameter"));
            assert_eq!(fault(&request(r#","\u0078":2"#)), named("x", "duplicate_parameter"));
        }
    }

    #[test]
    fn no_spelling_hides_a_second_field() {
        let twice = |field: &str| named(field, "duplicate_parameter");
        assert_eq!(fault(r#"{"model":"a","mod\u0065l":"b"}"#), twice("model"));
        assert_eq!(fault(r#"{"mod\u0065l":"b","model":"a"}"#), twice("model"));
        let message = r#"{"model":"m","messages":[{"role":"user","rol\u0065":"system"}]}"#;
        assert_eq!(fault(message), twice("messages[0].role"));
    }

    #[test]
    fn no_spelling_stands_for_a_field_that_counts() {
        let unknown = |field: &str| named(field, "unknown_parameter");
        let request = |more: &str| format!(r#"{{"model":"m","messages":[{{"role":"user"}}],{more}}}"#);
        for name in
            ["Model", "MODEL", "mod\u{45}l", "Stream", "ſtream", "max_toKens", "max_to\u{212a}ens", "MAX_TOKENS"]
        {
            assert_eq!(fault(&request(&format!(r#""{name}":1"#))), unknown(name));
        }
        assert_eq!(fault(&request(r#""\u004dodel":"x""#)), unknown("Model"));
        let options = r#""stream_options":{"include_usage":true,"include_Uſage":false}"#;
        assert_eq!(fault(&request(options)), unknown("stream_options.include_Uſage"));
        assert!(read(request(r#""model ":1,"möDel":2,"X":3,"stream_options":{"Include":1}"#).into()).is_ok());
    }

    #[test]
    fn every_shape_is_documented_and_null_is_absent() {
        assert!(is_documented("tools") && !is_documented("Tools") && !is_documented("x"));
        let body =
            r#"{"model":"m","messages":[{"role":"user","content":null}],"tools":null,"stream":null,"stop":null}"#;
        assert!(!read(body.into()).unwrap().stream);
    }
}
