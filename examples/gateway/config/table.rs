//! TOML, field by field. What goes wrong is told with its line and its name, and never with its value: that may be a secret.

use std::fmt;
use std::time::Duration;

use toml::de::{DeTable, DeValue};
use tower_completions::Secret;

/// Why the file cannot be used, and where.
#[derive(Debug)]
pub(crate) struct Refusal {
    line: usize,
    field: String,
    reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.reason)
    }
}

fn line(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// A table, from which each field is taken once. What is left at the end is unknown.
pub(super) struct Table<'a> {
    source: &'a str,
    name: String,
    line: usize,
    fields: DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn parse(source: &'a str) -> Result<Self, Refusal> {
        let fields = DeTable::parse(source).map_err(|error| Refusal {
            line: line(source, error.span().map_or(0, |span| span.start)),
            field: String::new(),
            reason: format!("not TOML: {}", error.message()),
        })?;
        Ok(Self { source, name: String::new(), line: 1, fields: fields.into_inner() })
    }

    pub(super) fn take(&mut self, field: &str) -> Option<Value<'a>> {
        let (key, value) = self.fields.remove_entry(field)?;
        Some(Value {
            source: self.source,
            name: self.path(field),
            line: line(self.source, key.span().start),
            value: value.into_inner(),
        })
    }

    pub(super) fn require(&mut self, field: &str) -> Result<Value<'a>, Refusal> {
        self.take(field).ok_or_else(|| self.refuse(field, "is missing"))
    }

    /// The tables of `[[field]]`; none if there is no such field.
    pub(super) fn tables(&mut self, field: &str) -> Result<Vec<Table<'a>>, Refusal> {
        self.take(field).map_or(Ok(Vec::new()), Value::tables)
    }

    /// Refuses the first field that nobody took.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let Some(key) = self.fields.keys().min_by_key(|key| key.span().start) else { return Ok(()) };
        let line = line(self.source, key.span().start);
        Err(Refusal { line, field: self.path(key.get_ref()), reason: "unknown field".to_owned() })
    }

    /// Says what is wrong with a field that is not there.
    pub(super) fn refuse(&self, field: &str, reason: &str) -> Refusal {
        Refusal { line: self.line, field: self.path(field), reason: reason.to_owned() }
    }

    fn path(&self, field: &str) -> String {
        if self.name.is_empty() { field.to_owned() } else { format!("{}.{field}", self.name) }
    }
}

/// The value of a field, not yet of any type.
pub(super) struct Value<'a> {
    source: &'a str,
    name: String,
    line: usize,
    value: DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Says what is wrong with it.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal { line: self.line, field: self.name.clone(), reason: reason.into() }
    }

    fn mistyped(&self, expected: &str) -> Refusal {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "another number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("expected {expected}, found {found}"))
    }

    /// A string that is not empty.
    pub(super) fn text(&self) -> Result<&str, Refusal> {
        match &self.value {
            DeValue::String(text) if text.is_empty() => Err(self.refuse("is empty")),
            DeValue::String(text) => Ok(text),
            DeValue::Integer(_) | DeValue::Float(_) => Err(self.refuse("expected a string, found a number")),
            _ => Err(self.mistyped("a string")),
        }
    }

    /// A string that can be sent as a credential.
    pub(super) fn secret(&self) -> Result<Secret, Refusal> {
        credential(self.text()?).ok_or_else(|| self.refuse("may hold visible ASCII characters only"))
    }

    /// An array of strings that are not empty.
    pub(super) fn texts(self) -> Result<Vec<String>, Refusal> {
        let DeValue::Array(_) = &self.value else { return Err(self.mistyped("an array of strings")) };
        self.items().map(|item| item.text().map(str::to_owned)).collect()
    }

    /// An array of values of any type.
    pub(super) fn list(self) -> Result<Vec<Value<'a>>, Refusal> {
        let DeValue::Array(_) = &self.value else { return Err(self.mistyped("an array of strings")) };
        Ok(self.items().collect())
    }

    /// A time of at least one millisecond.
    pub(super) fn millis(&self) -> Result<Duration, Refusal> {
        let DeValue::Integer(integer) = &self.value else {
            return Err(self.mistyped("a whole number of milliseconds"));
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(millis @ 1..=MAX_MILLIS) => Ok(Duration::from_millis(millis)),
            _ => Err(self.refuse(format!("must be between 1 and {MAX_MILLIS} milliseconds"))),
        }
    }

    /// A whole number, which may be 0.
    pub(super) fn count(&self) -> Result<u64, Refusal> {
        let DeValue::Integer(integer) = &self.value else { return Err(self.mistyped("a whole number")) };
        let number = u64::from_str_radix(integer.as_str(), integer.radix());
        number.map_err(|_| self.refuse("must be a whole number of at least 0"))
    }

    /// An amount of money, which may be 0.
    pub(super) fn dollars(&self) -> Result<f64, Refusal> {
        let number = match &self.value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse(),
            DeValue::Float(float) => float.as_str().parse(),
            DeValue::Integer(_) => return Err(self.refuse("must be a decimal number")),
            _ => return Err(self.mistyped("a number")),
        };
        let dollars = number.ok().filter(|dollars: &f64| dollars.is_finite() && *dollars >= 0.0);
        dollars.ok_or_else(|| self.refuse("must be a number of at least 0"))
    }

    pub(super) fn table(self) -> Result<Table<'a>, Refusal> {
        match self.value {
            DeValue::Table(fields) => Ok(Table { source: self.source, name: self.name, line: self.line, fields }),
            _ => Err(self.mistyped("a table")),
        }
    }

    fn tables(self) -> Result<Vec<Table<'a>>, Refusal> {
        let DeValue::Array(_) = &self.value else { return Err(self.mistyped("an array of tables")) };
        self.items().map(Value::table).collect()
    }

    fn items(self) -> impl Iterator<Item = Value<'a>> {
        let Self { source, name, value, .. } = self;
        let items = if let DeValue::Array(items) = value { Some(items) } else { None };
        items.into_iter().flatten().map(move |item| Value {
            source,
            name: name.clone(),
            line: line(source, item.span().start),
            value: item.into_inner(),
        })
    }
}

/// A day. Far above it, clocks overflow.
const MAX_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// What can be sent in a header as a key.
pub(super) fn credential(text: &str) -> Option<Secret> {
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| Secret::new(text))
}
