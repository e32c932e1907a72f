//! JSON Schemas as the part of OpenAPI's schemas that older models know (`parameters`, `responseSchema`).
//!
//! The list of keywords is that of the [API](https://ai.google.dev/api/caching#Schema); others get a 400 there. A `$ref` is
//! replaced by what it refers to, `oneOf` becomes `anyOf`, `const` an `enum` of one, and a type of `null` is `nullable`.

use std::collections::HashMap;

use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};

/// The longest schema that is read, and that is made of one: references can multiply.
const MAX_LEN: usize = 256 * 1024;

/// How many different references are looked up. Each look goes through the schema.
const MAX_REFS: usize = 1_000;

/// A schema as older models know it.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) json: Vec<u8>,
    /// Whether it allows more than the original, because a keyword was left out.
    pub(super) is_looser: bool,
    /// Whether it is more than an object without properties.
    pub(super) has_members: bool,
}

/// Rewrites a schema, which stands at a path of the request.
///
/// # Errors
/// 400 `unsupported_value` if it refers to itself, to nothing or to something outside of it, or needs `allOf`.
pub(super) fn lower(schema: Raw<'_>, path: impl FnOnce() -> String) -> Result<Lowered, ApiError> {
    let mut lowering =
        Lowering { root: schema, refs: Vec::new(), targets: HashMap::new(), lowered: Lowered::default() };
    let lowered = if schema.text().len() > MAX_LEN { Err(TOO_LONG) } else { lowering.schema(schema, false) };
    match lowered {
        Ok(()) => Ok(lowering.lowered),
        Err(reason) => Err(ApiError::unsupported_value(path(), reason)),
    }
}

struct Lowering<'a> {
    root: Raw<'a>,
    /// The references on the way to where it is.
    refs: Vec<&'a str>,
    /// What they refer to.
    targets: HashMap<&'a str, Raw<'a>>,
    lowered: Lowered,
}

/// What cannot be rewritten, as the reason in an error.
type Reason = &'static str;

const TOO_LONG: Reason = "this model takes no references, and without them the schema is too long.";

/// What becomes of a keyword that stands beside the type.
enum Keyword {
    Kept,
    /// It limits nothing, or what it limits is said in another way.
    Silent,
    /// Left out, and more is allowed without it.
    Limit,
}

impl Keyword {
    fn of(name: &str) -> Self {
        match name {
            "title" | "description" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minimum"
            | "maximum" | "minLength" | "maxLength" | "pattern" | "default" | "example" | "propertyOrdering" => {
                Self::Kept
            }
            "type"
            | "nullable"
            | "enum"
            | "const"
            | "format"
            | "items"
            | "properties"
            | "required"
            | "anyOf"
            | "oneOf"
            | "$ref"
            | "$defs"
            | "definitions"
            | "$schema"
            | "$id"
            | "$comment"
            | "examples"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "additionalProperties" => Self::Silent,
            _ => Self::Limit,
        }
    }
}

impl<'a> Lowering<'a> {
    /// A schema. It calls itself, but never deeper than references and the parser let anything nest.
    fn schema(&mut self, schema: Raw<'a>, nullable: bool) -> Result<(), Reason> {
        if self.lowered.json.len() > MAX_LEN {
            return Err(TOO_LONG);
        }
        if schema.kind() != Kind::Object {
            self.put("{}");
            return Ok(());
        }
        if let Some(reference) = schema.get("$ref") {
            return self.reference(reference, nullable);
        }
        if schema.get("allOf").is_some() {
            return Err("this model takes no 'allOf'.");
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        match alternatives.filter(|alternatives| alternatives.kind() == Kind::Array) {
            Some(alternatives) => self.alternatives(alternatives, nullable),
            None => self.one(schema, nullable),
        }
    }

    fn reference(&mut self, reference: Raw<'a>, nullable: bool) -> Result<(), Reason> {
        if self.refs.contains(&reference.text()) {
            return Err("this model takes no schema that refers to itself.");
        }
        let target = self.target(reference)?;
        self.refs.push(reference.text());
        self.schema(target, nullable)?;
        self.refs.pop();
        Ok(())
    }

    fn target(&mut self, reference: Raw<'a>) -> Result<Raw<'a>, Reason> {
        if let Some(known) = self.targets.get(reference.text()) {
            return Ok(*known);
        }
        if self.targets.len() == MAX_REFS {
            return Err(TOO_LONG);
        }
        let target = reference.as_str().and_then(|path| {
            let names = path.strip_prefix("#/")?.split('/');
            names.map(|name| name.replace("~1", "/").replace("~0", "~")).try_fold(self.root, |at, name| at.get(&name))
        });
        let target = target.ok_or("it refers to something that it does not hold.")?;
        self.targets.insert(reference.text(), target);
        Ok(target)
    }

    /// `anyOf`, which has no siblings. One that is `null` says that all others may be.
    fn alternatives(&mut self, alternatives: Raw<'a>, nullable: bool) -> Result<(), Reason> {
        let is_null = |schema: &Raw<'a>| is_word(schema.get("type"), "null");
        let nullable = nullable || alternatives.elements().any(|schema| is_null(&schema));
        let others: Vec<Raw<'a>> = alternatives.elements().filter(|schema| !is_null(schema)).collect();
        if let [only] = others[..] {
            return self.schema(only, nullable);
        }
        self.lowered.has_members = true;
        self.put(r#"{"anyOf":["#);
        for schema in others {
            self.comma();
            self.schema(schema, nullable)?;
        }
        self.put("]}");
        Ok(())
    }

    /// A schema without alternatives.
    fn one(&mut self, schema: Raw<'a>, nullable: bool) -> Result<(), Reason> {
        let kind = schema.get("type");
        let words = kind.into_iter().flat_map(Raw::elements).chain(kind.filter(|kind| kind.kind() == Kind::String));
        let words: Vec<Text<'a>> = words.filter_map(Raw::as_text).collect();
        let nullable = nullable
            || words.iter().any(|word| word.eq_str("null"))
            || schema.get("nullable").and_then(Raw::as_bool) == Some(true);
        let words: Vec<Text<'a>> = words.into_iter().filter(|word| !word.eq_str("null")).collect();
        if words.len() > 1 {
            return self.kinds(&words, nullable);
        }
        self.put("{");
        let word = words.first().map(|word| word.to_str()).or_else(|| implied(schema).map(Into::into));
        if let Some(word) = &word {
            self.key("type");
            self.quoted(Text::plain(word));
        }
        self.lowered.has_members |= word.as_deref() != Some("object");
        if nullable {
            self.key("nullable");
            self.put("true");
        }
        for (name, value) in schema.fields() {
            let name = name.to_str();
            match Keyword::of(&name) {
                Keyword::Kept => {
                    self.key(&name);
                    self.put(value.text());
                }
                Keyword::Silent => self.member(&name, value, word.as_deref())?,
                Keyword::Limit => self.lowered.is_looser = true,
            }
        }
        // An array must say of what.
        if word.as_deref() == Some("array") && schema.get("items").is_none() {
            self.key("items");
            self.put(r#"{"type":"string"}"#);
        }
        self.put("}");
        Ok(())
    }

    /// Several types, of which what else the schema says cannot be told apart.
    fn kinds(&mut self, words: &[Text<'a>], nullable: bool) -> Result<(), Reason> {
        (self.lowered.is_looser, self.lowered.has_members) = (true, true);
        self.put(r#"{"anyOf":["#);
        for word in words {
            self.comma();
            self.put(r#"{"type":"#);
            self.quoted(*word);
            if word.eq_str("array") {
                self.put(r#","items":{"type":"string"}"#);
            }
            self.put(if nullable { r#","nullable":true}"# } else { "}" });
        }
        self.put("]}");
        Ok(())
    }

    /// The keywords that are said in another way.
    fn member(&mut self, name: &str, value: Raw<'a>, kind: Option<&str>) -> Result<(), Reason> {
        match name {
            "items" => {
                self.key("items");
                self.schema(value, false)?;
            }
            "properties" if value.fields().next().is_some() => {
                self.lowered.has_members = true;
                self.key("properties");
                self.put("{");
                for (name, schema) in value.fields() {
                    self.comma();
                    self.quoted(name);
                    self.put(":");
                    self.schema(schema, false)?;
                }
                self.put("}");
            }
            "required" if value.elements().next().is_some() => {
                self.key("required");
                self.put(value.text());
            }
            "enum" if kind.is_none_or(|kind| kind == "string") => self.values(value.elements()),
            "const" if value.kind() == Kind::String => self.values(std::iter::once(value)),
            "enum" | "const" => self.lowered.is_looser = true,
            "format" => {
                let known = ["date-time", "enum", "float", "double", "int32", "int64"];
                if known.iter().any(|known| is_word(Some(value), known)) {
                    self.key("format");
                    self.put(value.text());
                } else {
                    self.lowered.is_looser = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `enum`: strings that are not empty.
    fn values(&mut self, values: impl Iterator<Item = Raw<'a>>) {
        self.key("enum");
        self.put("[");
        for value in values.filter_map(Raw::as_text).filter(|text| !text.is_empty()) {
            self.comma();
            self.quoted(value);
        }
        self.put("]");
    }

    fn key(&mut self, name: &str) {
        self.comma();
        self.put("\"");
        self.put(name);
        self.put("\":");
    }

    fn comma(&mut self) {
        if !matches!(self.lowered.json.last(), Some(b'[' | b'{')) {
            self.lowered.json.push(b',');
        }
    }

    fn put(&mut self, json: &str) {
        self.lowered.json.extend_from_slice(json.as_bytes());
    }

    fn quoted(&mut self, text: Text<'_>) {
        text.write_quoted(&mut self.lowered.json);
    }
}

fn is_word(value: Option<Raw<'_>>, word: &str) -> bool {
    value.and_then(Raw::as_text).is_some_and(|text| text.eq_str(word))
}

/// The type that a schema without one means.
fn implied(schema: Raw<'_>) -> Option<&'static str> {
    let has = |name| schema.get(name).is_some();
    match () {
        () if has("properties") => Some("object"),
        () if has("items") => Some("array"),
        () if has("enum") || has("const") => Some("string"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowered(schema: &str) -> Result<(String, bool), ApiError> {
        let lowered = lower(Raw::parse(schema).unwrap(), || "p".into())?;
        Ok((String::from_utf8(lowered.json).unwrap(), lowered.is_looser))
    }

    #[test]
    fn keywords_are_rewritten() {
        for (schema, expected, is_looser) in [
            (
                r##"{"$schema":"x","type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"required":["a"],"$defs":{"A":{"const":"x"}}}"##,
                r#"{"type":"object","properties":{"a":{"type":"string","enum":["x"]}},"required":["a"]}"#,
                false,
            ),
            (
                r#"{"type":["string","null"],"minLength":1}"#,
                r#"{"type":"string","nullable":true,"minLength":1}"#,
                false,
            ),
            (r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, r#"{"type":"integer","nullable":true}"#, false),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"array"}]}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}"#,
                false,
            ),
            (
                r#"{"type":["string","array"]}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}"#,
                true,
            ),
            (r#"{"type":"string","enum":["a",""],"format":"uri"}"#, r#"{"type":"string","enum":["a"]}"#, true),
            (r#"{"type":"integer","enum":[1],"multipleOf":2}"#, r#"{"type":"integer"}"#, true),
            (
                r#"{"properties":{"type":{"type":"string"},"not":true}}"#,
                r#"{"type":"object","properties":{"type":{"type":"string"},"not":{}}}"#,
                false,
            ),
        ] {
            assert_eq!(lowered(schema).unwrap(), (expected.to_owned(), is_looser), "{schema}");
        }
    }

    #[test]
    fn an_object_without_properties_is_told() {
        let has_members = |schema| lower(Raw::parse(schema).unwrap(), || "p".into()).unwrap().has_members;
        assert!(!has_members(r#"{"type":"object","properties":{}}"#));
        assert!(has_members(r#"{"type":"object","properties":{"a":{}}}"#) && has_members(r#"{"type":"string"}"#));
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for schema in [
            r##"{"$ref":"#/$defs/A","$defs":{"A":{"items":{"$ref":"#/$defs/A"}}}}"##,
            r##"{"$ref":"#/$defs/B"}"##,
            r#"{"$ref":"https://example.com/schema"}"#,
            r#"{"allOf":[{}]}"#,
        ] {
            assert_eq!(lowered(schema).unwrap_err().param(), Some("p"), "{schema}");
        }
    }

    #[test]
    fn references_do_not_multiply_without_end() {
        let level = |at: usize| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
            format!(r#""d{at}":{{"properties":{{"a":{next},"b":{next}}}}}"#)
        };
        let levels: Vec<String> = (0..40).map(level).collect();
        let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d40":true}}}}"##, levels.join(","));
        assert!(lowered(&schema).unwrap_err().message().contains("too long"));
    }

    /// There is no clock in it: a look through the whole for each of them would take minutes.
    #[test]
    fn many_references_are_not_looked_up_one_by_one() {
        let name = |at: usize| format!(r##""p{at}":{{"$ref":"#/$defs/d{}"}}"##, at % 500);
        let names: Vec<String> = (0..6_000).map(name).collect();
        let defs: Vec<String> = (0..500).map(|at| format!(r#""d{at}":{{"type":"string"}}"#)).collect();
        let schema = |defs: String| format!(r#"{{"properties":{{{}}},"$defs":{{{defs}}}}}"#, names.join(","));
        assert!(lowered(&schema(defs.join(","))).is_ok());
        let long = schema(format!(r#"{},"x":{{"title":"{}"}}"#, defs.join(","), "x".repeat(300_000)));
        assert!(lowered(&long).unwrap_err().message().contains("too long"));
        let many: Vec<String> = (0..2_000).map(|at| format!(r##""p{at}":{{"$ref":"#/$defs/d{at}"}}"##)).collect();
        let defs: Vec<String> = (0..2_000).map(|at| format!(r#""d{at}":{{}}"#)).collect();
        let many = format!(r#"{{"properties":{{{}}},"$defs":{{{}}}}}"#, many.join(","), defs.join(","));
        assert!(lowered(&many).unwrap_err().message().contains("too long"));
    }
}
