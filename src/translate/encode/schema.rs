//! JSON Schemas, as far as the grammars that Claude is held to can follow them.

use std::borrow::Cow;
use std::ops::Range;

use super::format::SCHEMA;
use crate::error::ApiError;
use crate::json::{Fault, Kind, Raw, Scanner, Text};
use crate::translate::Dropped;

/// A schema as it can be enforced. It is made in one pass over the text.
#[derive(Debug, Default)]
pub(crate) struct Grammar {
    /// The schema: every object closed with `additionalProperties: false`, as Anthropic demands.
    json: Vec<u8>,
    /// Whether it allows more than the original: a limit on lengths or numbers was left out, or `oneOf` became `anyOf`.
    looser: bool,
    /// Whether it allows less: an object that was open was closed.
    narrower: bool,
}

/// Why a schema cannot be enforced.
#[derive(Debug)]
enum Unsupported {
    /// A keyword that no grammar can follow.
    Keyword(String),
    /// An object with any keys: closed, it would always be empty.
    OpenObject,
}

impl From<Fault> for Unsupported {
    fn from(_: Fault) -> Self {
        Self::OpenObject
    }
}

/// The values of `format` that Anthropic knows: those of its SDK's `transform_schema`.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// What a keyword of JSON Schema holds, or what becomes of it.
enum Keyword {
    /// A schema, or a list of schemas.
    Schema,
    /// Schemas under names of the client's own.
    Named,
    /// Whether other keys are allowed.
    Additional,
    /// A limit that is left out.
    Limit,
    /// A limit that is left out unless its value is one that Anthropic knows.
    LimitUnless(fn(Raw<'_>) -> bool),
    /// `oneOf`: becomes `anyOf`.
    OneOf,
    /// Nothing that could be left out without changing what the schema means.
    Unsupported,
    /// Anything else: passed on.
    Other,
}

impl Keyword {
    /// The list is that of LiteLLM's `filter_anthropic_output_schema`; the rewriting of `oneOf` is that of Anthropic's
    /// SDK.
    fn of(key: &str) -> Self {
        match key {
            "items" | "anyOf" | "allOf" => Self::Schema,
            "properties" | "$defs" | "definitions" => Self::Named,
            "additionalProperties" => Self::Additional,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength"
            | "maxLength" | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" => Self::Limit,
            "minItems" => Self::LimitUnless(|value| matches!(value.text(), "0" | "1")),
            "format" => Self::LimitUnless(|value| value.as_str().is_some_and(|format| FORMATS.contains(&&*format))),
            "oneOf" => Self::OneOf,
            "contains"
            | "minContains"
            | "maxContains"
            | "prefixItems"
            | "additionalItems"
            | "patternProperties"
            | "propertyNames"
            | "dependencies"
            | "dependentRequired"
            | "dependentSchemas"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "if"
            | "then"
            | "else"
            | "not" => Self::Unsupported,
            _ => Self::Other,
        }
    }
}

/// What an object of the schema has turned out to be.
#[derive(Default)]
struct Seen {
    is_object: bool,
    has_properties: bool,
    is_combined: bool,
    is_closed: bool,
    has_schema_for_others: bool,
}

impl Grammar {
    /// Makes a grammar of a schema.
    ///
    /// # Errors
    /// If it says what no grammar can.
    fn of(schema: Raw<'_>) -> Result<Self, Unsupported> {
        let mut grammar = Self { json: Vec::with_capacity(schema.text().len() + 64), ..Self::default() };
        grammar.schema(schema.text(), &mut Scanner::checked(schema.text()))?;
        Ok(grammar)
    }

    /// Whether a schema can be enforced exactly as it stands.
    pub(crate) fn is_exactly(schema: Raw<'_>) -> bool {
        Self::of(schema).is_ok_and(|grammar| !grammar.looser && !grammar.narrower)
    }

    /// The grammar for `response_format`, with what it cannot follow as the error for the client.
    ///
    /// # Errors
    /// 400 `unsupported_value`.
    pub(crate) fn for_answer(schema: Raw<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let grammar = Self::of(schema).map_err(|unsupported| {
            let reason = match unsupported {
                Unsupported::Keyword(keyword) => format!("this model cannot be held to '{keyword}'."),
                Unsupported::OpenObject => {
                    "this model takes no objects with keys that the schema does not name.".into()
                }
            };
            ApiError::unsupported_value(SCHEMA, reason)
        })?;
        if grammar.looser {
            dropped.push(SCHEMA);
        }
        Ok(grammar.json)
    }

    /// A schema, or a list of them. It calls itself, but never deeper than the parser lets anything nest.
    fn schema(&mut self, text: &str, scanner: &mut Scanner<'_>) -> Result<(), Unsupported> {
        match scanner.kind()? {
            Kind::Object => self.object(text, scanner),
            Kind::Array => {
                self.json.push(b'[');
                scanner.array(|scanner| {
                    self.comma();
                    self.schema(text, scanner)
                })?;
                self.json.push(b']');
                Ok(())
            }
            _ => self.copy(text, scanner),
        }
    }

    fn object(&mut self, text: &str, scanner: &mut Scanner<'_>) -> Result<(), Unsupported> {
        let mut seen = Seen::default();
        self.json.push(b'{');
        scanner.object(|scanner, span| {
            let key = Text::escaped(&text[span.clone()]).to_str();
            match Keyword::of(&key) {
                Keyword::Schema => {
                    seen.is_combined |= key != "items";
                    self.key(&text[span]);
                    self.schema(text, scanner)
                }
                Keyword::OneOf => {
                    (seen.is_combined, self.looser) = (true, true);
                    self.key("anyOf");
                    self.schema(text, scanner)
                }
                Keyword::Named => {
                    seen.has_properties |= key == "properties";
                    self.key(&text[span]);
                    self.named(text, scanner)
                }
                Keyword::Additional => {
                    let value = &text[scanner.value()?];
                    seen.is_closed = value == "false";
                    seen.has_schema_for_others = Raw::checked(value).fields().next().is_some();
                    Ok(())
                }
                Keyword::Limit => {
                    self.looser = true;
                    Ok(scanner.value().map(drop)?)
                }
                Keyword::LimitUnless(is_known) => {
                    let value = scanner.value()?;
                    if is_known(Raw::checked(&text[value.clone()])) {
                        self.member(text, span, value);
                    } else {
                        self.looser = true;
                    }
                    Ok(())
                }
                Keyword::Unsupported => Err(Unsupported::Keyword(key.into_owned())),
                Keyword::Other => {
                    let value = scanner.value()?;
                    let known = Raw::checked(&text[value.clone()]);
                    seen.is_object |= key == "type" && names_object(known);
                    seen.is_combined |= key == "$ref";
                    self.member(text, span, value);
                    Ok(())
                }
            }
        })?;
        self.close(&seen)
    }

    /// The end of an object of the schema.
    fn close(&mut self, seen: &Seen) -> Result<(), Unsupported> {
        if seen.is_object || seen.has_properties {
            let is_open = !seen.has_properties && !seen.is_closed && !seen.is_combined;
            if seen.has_schema_for_others || is_open {
                return Err(Unsupported::OpenObject);
            }
            self.narrower |= !seen.is_closed;
            self.key("additionalProperties");
            self.json.extend_from_slice(b"false");
        }
        self.json.push(b'}');
        Ok(())
    }

    /// Schemas under names: the names are no keywords.
    fn named(&mut self, text: &str, scanner: &mut Scanner<'_>) -> Result<(), Unsupported> {
        if scanner.kind()? != Kind::Object {
            return self.copy(text, scanner);
        }
        self.json.push(b'{');
        scanner.object(|scanner, span| {
            self.key(&text[span]);
            self.schema(text, scanner)
        })?;
        self.json.push(b'}');
        Ok(())
    }

    fn comma(&mut self) {
        if !matches!(self.json.last(), Some(b'[' | b'{')) {
            self.json.push(b',');
        }
    }

    /// A key, as it stands between its quotes.
    fn key(&mut self, key: &str) {
        self.comma();
        self.json.push(b'"');
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(b"\":");
    }

    fn member(&mut self, text: &str, key: Range<usize>, value: Range<usize>) {
        self.key(&text[key]);
        self.json.extend_from_slice(text[value].as_bytes());
    }

    fn copy(&mut self, text: &str, scanner: &mut Scanner<'_>) -> Result<(), Unsupported> {
        let value = scanner.value()?;
        self.json.extend_from_slice(text[value].as_bytes());
        Ok(())
    }
}

/// Whether a `type` allows objects.
fn names_object(kind: Raw<'_>) -> bool {
    let is = |kind: Raw<'_>| kind.as_str() == Some(Cow::Borrowed("object"));
    is(kind) || kind.elements().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar(schema: &str) -> Result<(String, bool, bool), Unsupported> {
        let grammar = Grammar::of(Raw::parse(schema).unwrap())?;
        Ok((String::from_utf8(grammar.json).unwrap(), grammar.looser, grammar.narrower))
    }

    #[test]
    fn objects_are_closed_and_limits_left_out() {
        for (schema, expected, looser, narrower) in [
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
                r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
                false,
                false,
            ),
            (
                r#"{"properties":{"minimum":{"type":"number","minimum":1}},"$defs":{"not":{"properties":{}}}}"#,
                r#"{"properties":{"minimum":{"type":"number"}},"$defs":{"not":{"properties":{},"additionalProperties":false}},"additionalProperties":false}"#,
                true,
                true,
            ),
            (
                r#"{"type":"array","minItems":1,"items":{"oneOf":[{"const":{"minimum":1}},true]}}"#,
                r#"{"type":"array","minItems":1,"items":{"anyOf":[{"const":{"minimum":1}},true]}}"#,
                true,
                false,
            ),
            (r#"{"type":"array","minItems":2}"#, r#"{"type":"array"}"#, true, false),
            (r#"{"format":"date"}"#, r#"{"format":"date"}"#, false, false),
            (r#"{"type":"string","format":"regex"}"#, r#"{"type":"string"}"#, true, false),
            ("true", "true", false, false),
        ] {
            assert_eq!(grammar(schema).unwrap(), (expected.to_owned(), looser, narrower));
        }
    }

    #[test]
    fn what_no_grammar_can_say_is_refused() {
        assert!(matches!(grammar(r#"{"not":{}}"#), Err(Unsupported::Keyword(key)) if key == "not"));
        assert!(matches!(grammar(r#"{"items":[{"p\u0072efixItems":[]}]}"#), Err(Unsupported::Keyword(_))));
        for open in [
            r#"{"type":"object"}"#,
            r#"{"type":["object","null"],"additionalProperties":true}"#,
            r#"{"type":"object","properties":{},"additionalProperties":{"type":"string"}}"#,
        ] {
            assert!(matches!(grammar(open), Err(Unsupported::OpenObject)), "{open}");
        }
    }

    #[test]
    fn the_deepest_schema_that_parses_is_read() {
        let deep = format!("{}true{}", r#"{"items":"#.repeat(127), "}".repeat(127));
        assert_eq!(grammar(&deep).unwrap().0, deep);
    }
}
