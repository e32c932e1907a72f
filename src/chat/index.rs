//! The one pass over a request body: where each top-level field and each message lies, and whether they are what they must be.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::documented::{BOOL, STRING, STRING_OR_ARRAY, check_type, is_documented, respelled};
use crate::error::ApiError;
use crate::json::{Fault, FaultKind, Kind, Raw, Scanner, Text};

/// A piece of the body. Bodies are far below 4 GiB, so half the size of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(range: Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A top-level field: its key inside the quotes, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    key: Span,
    value: Span,
    /// Whether the key is written with escapes.
    is_escaped: bool,
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
            (self.key.end - self.key.start) as usize == name.len()
                && text.as_bytes().get(self.key()) == Some(name.as_bytes())
        }
    }
}

/// What one pass has found in a body: each place in it is a piece of `text`.
pub(super) struct Index {
    pub(super) text: String,
    pub(super) fields: Vec<Field>,
    pub(super) messages: Vec<Span>,
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
        if messages.spans.is_empty() && is_messages(&text[key.clone()]) && scanner.kind()? == Kind::Array {
            conversation = read_messages(text, scanner, &mut messages)?;
        } else {
            scanner.value()?;
        }
        too_many |= fields.len() == MAX_FIELDS;
        if !too_many {
            let is_escaped = memchr::memchr(b'\\', text[key.clone()].as_bytes()).is_some();
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
    Ok(Index { text: owned, model, stream, include_usage, fields, messages, prompt_tokens, has_parts, has_more })
}

/// Where the messages are, and what is in any of them.
#[derive(Default)]
struct Messages {
    spans: Vec<Span>,
    has_parts: bool,
    has_more: bool,
}

fn is_messages(key: &str) -> bool {
    Text::escaped(key).eq_str("messages")
}

type Checked = Result<(), ApiError>;

/// Reads the messages array. The outer error says that it is not JSON; the inner one that it is not a conversation,
/// which is only worth saying once the whole body has turned out to be JSON.
fn read_messages(text: &str, scanner: &mut Scanner<'_>, messages: &mut Messages) -> Result<Checked, Fault> {
    let mut checked = Ok(());
    scanner.array(|scanner| {
        let start = scanner.at();
        let at = messages.spans.len();
        match scanner.kind()? {
            // Of a million messages that are none, only the first is worth an error.
            _ if checked.is_err() => {
                scanner.value()?;
            }
            Kind::Object => checked = read_message(text, scanner, at, messages)?,
            other => {
                scanner.value()?;
                checked = Err(ApiError::invalid_type(format!("messages[{at}]"), "an object", other));
            }
        }
        messages.spans.push(Span::new(start..scanner.at()));
        Ok::<(), Fault>(())
    })?;
    Ok(checked)
}

fn read_message(text: &str, scanner: &mut Scanner<'_>, at: usize, messages: &mut Messages) -> Result<Checked, Fault> {
    let mut checked = Ok(());
    let mut seen = [false; 2];
    scanner.object(|scanner, key| {
        let kind = scanner.kind()?;
        let (slot, name, shape) = match &*Text::escaped(&text[key]).to_str() {
            "role" => (0, "role", STRING),
            "content" => {
                messages.has_parts |= kind == Kind::Array;
                (1, "content", STRING_OR_ARRAY)
            }
            name => {
                messages.has_more |= name != "name";
                return scanner.value().map(drop);
            }
        };
        let path = || format!("messages[{at}].{name}");
        let is_second = std::mem::replace(&mut seen[slot], true);
        if checked.is_ok() && is_second {
            checked = Err(duplicate(path()));
        } else if checked.is_ok() && !shape.kinds.contains(&kind) && (slot == 0 || kind != Kind::Null) {
            checked = Err(ApiError::invalid_type(path(), shape.text, kind));
        }
        scanner.value().map(drop)
    })?;
    if checked.is_ok() && !seen[0] {
        checked = Err(ApiError::missing_parameter(format!("messages[{at}].role")));
    }
    Ok(checked)
}

/// The fields that decide where a request goes and what comes back.
#[derive(Default)]
struct Known<'a> {
    model: Option<Raw<'a>>,
    has_messages: bool,
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
            check_name(&name)?;
            check_type(&name, value.kind())?;
            match &*name {
                "model" => known.model = Some(value),
                "messages" => known.has_messages = true,
                "stream" => known.stream = Some(value),
                "stream_options" => known.stream_options = Some(value),
                _ => {}
            }
            names.push(name);
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(duplicate(pair[0].clone().into_owned())),
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

    fn check_messages(&self, messages: &[Span]) -> Result<(), ApiError> {
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

fn duplicate(param: String) -> ApiError {
    ApiError::invalid_request(format!("The field '{param}' stands twice in the request; send it once."))
        .with_param(param)
        .with_code("duplicate_parameter")
}

fn check_name(name: &str) -> Checked {
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
        let spans: Vec<_> = index.messages.iter().map(|span| &body[span.range()]).collect();
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
