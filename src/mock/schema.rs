//! The smallest thing that a JSON schema allows, or nearly.

use std::cell::Cell;

use serde_json::{Map, Value, json};

/// How deep schemas may nest and refer to themselves; below that, everything is null.
const MAX_DEPTH: usize = 16;

/// How many values are made for one schema; the rest is null. Schemas that branch into themselves would grow for ever.
const MAX_VALUES: usize = 10_000;

/// The longest string or list that a schema can make us write.
const MAX_LENGTH: u64 = 64;

/// An instance of the schema.
///
/// Only the usual words are understood: `type`, `properties` with `required`, `enum`, `const`, `anyOf`, `oneOf`, `allOf`,
/// `$ref` into the same document, the bounds of numbers, strings and lists, and a few string formats.
pub(super) fn instance(schema: &Value) -> Value {
    Generator { root: schema, values: Cell::new(0) }.value(schema, 0)
}

/// An instance of the schema of a tool's arguments, which are an object whatever the schema says.
pub(super) fn object(schema: &Value) -> Value {
    Some(instance(schema)).filter(Value::is_object).unwrap_or_else(|| json!({}))
}

struct Generator<'a> {
    root: &'a Value,
    values: Cell<usize>,
}

impl Generator<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        self.values.set(self.values.get() + 1);
        if depth > MAX_DEPTH || self.values.get() > MAX_VALUES {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str() {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, depth + 1));
        }
        if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        if let Some(variants) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            // Null is the smallest, and ends schemas that contain themselves.
            let variant = variants.iter().find(|variant| variant["type"] == "null").or_else(|| variants.first());
            return variant.map_or(Value::Null, |variant| self.value(variant, depth + 1));
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.all_of(parts, depth);
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" => json!(within(schema, 1.0) as i64),
            "number" => json!(within(schema, 1.5)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(string(schema)),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let field = |name: &str| (name.to_owned(), self.value(&schema["properties"][name], depth + 1));
        Value::Object(required.map(field).collect())
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        let length = schema["minItems"].as_u64().unwrap_or(0).min(MAX_LENGTH);
        Value::Array((0..length).map(|_| self.value(&schema["items"], depth + 1)).collect())
    }

    /// Objects are merged; of anything else the first counts.
    fn all_of(&self, parts: &[Value], depth: usize) -> Value {
        let mut merged = Map::new();
        for part in parts {
            match self.value(part, depth + 1) {
                Value::Object(fields) => merged.extend(fields),
                other if merged.is_empty() => return other,
                _ => {}
            }
        }
        Value::Object(merged)
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) if names.iter().any(|name| name == "null") => "null",
        Value::Array(names) => names.first().and_then(Value::as_str).unwrap_or_default(),
        _ if schema["properties"].is_object() => "object",
        _ if !schema["items"].is_null() => "array",
        _ => "string",
    }
}

fn within(schema: &Value, value: f64) -> f64 {
    let value = schema["minimum"].as_f64().map_or(value, |minimum| value.max(minimum));
    schema["maximum"].as_f64().map_or(value, |maximum| value.min(maximum))
}

fn string(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("date-time") => return "2000-01-01T00:00:00Z".to_owned(),
        Some("date") => return "2000-01-01".to_owned(),
        Some("time") => return "00:00:00Z".to_owned(),
        Some("email") => return "mock@example.com".to_owned(),
        Some("uri") => return "https://example.com/mock".to_owned(),
        Some("uuid") => return "00000000-0000-4000-8000-000000000000".to_owned(),
        _ => {}
    }
    let least = schema["minLength"].as_u64().unwrap_or(0).clamp(4, MAX_LENGTH);
    let length = schema["maxLength"].as_u64().map_or(least, |most| most.min(least));
    "mock".chars().cycle().take(length as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_smallest_value() {
        let schema = json!({
            "type": "object",
            "properties": {
                "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
                "a": {"type": "array", "items": {"type": "object"}}, "o": {"type": "object"}, "e": {"enum": ["x", "y"]},
                "c": {"const": 7}, "nullable": {"type": ["string", "null"]}, "optional": {"type": "string"},
                "nested": {"type": "object", "properties": {"in": {"type": "integer", "minimum": 5}}, "required": ["in"]},
                "list": {"type": "array", "minItems": 2, "items": {"type": "boolean"}},
                "day": {"type": "string", "format": "date"}, "short": {"type": "string", "maxLength": 2},
            },
            "required": ["s", "i", "n", "b", "a", "o", "e", "c", "nullable", "nested", "list", "day", "short"],
        });
        let expected = json!({
            "s": "mock", "i": 1, "n": 1.5, "b": true, "a": [], "o": {}, "e": "x", "c": 7, "nullable": null,
            "nested": {"in": 5}, "list": [true, true], "day": "2000-01-01", "short": "mo",
        });
        assert_eq!(instance(&schema), expected);
    }

    #[test]
    fn references_are_followed_but_not_for_ever() {
        let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"]});
        let endless = instance(&json!({"$ref": "#/$defs/node", "$defs": {"node": node}}));
        assert!(endless["next"]["next"].is_object());

        let node = json!({
            "type": "object",
            "properties": {"id": {"$ref": "#/$defs/id"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["id", "next"],
        });
        let list = instance(&json!({"$ref": "#/$defs/node", "$defs": {"node": node, "id": {"type": "integer"}}}));
        assert_eq!(list, json!({"id": 1, "next": null}));
        assert_eq!(instance(&json!({"$ref": "#/$defs/nowhere"})), Value::Null);
    }

    #[test]
    fn arguments_are_always_an_object() {
        assert_eq!(object(&Value::Null), json!({}));
        assert_eq!(object(&json!({"type": "string"})), json!({}));
    }

    #[test]
    fn a_schema_that_branches_into_itself_stays_small() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let properties: Map<_, _> = names.iter().map(|name| (name.to_string(), json!({"$ref": "#"}))).collect();
        let tree = json!({"type": "object", "properties": properties, "required": names});
        assert!(instance(&tree).to_string().len() < 500_000);
        let mut lists = json!({"type": "boolean"});
        for _ in 0..8 {
            lists = json!({"type": "array", "minItems": 1_000_000, "items": lists});
        }
        assert!(instance(&lists).to_string().len() < 500_000);
    }
}
