//! The page `docs/providers.md`: written from the tables that the dialects themselves go by, and checked by sending every row
//! of them through the dialect, so that it cannot say what is not so.
//!
//! `cargo test` fails where the page or a row is wrong; `UPDATE_DOCS=1 cargo test --lib translate::docs` writes the page anew.

pub(in crate::translate) mod cases;
mod drive;
mod openai;
mod page;
mod samples;

use serde_json::Value;

#[cfg(feature = "bedrock")]
use super::bedrock;
use super::dialect::{Dialect, Upstream};
use super::encode::fields::{Row, STEERING};
use super::{anthropic, gemini};
use crate::chat::ChatRequest;
use crate::error::ApiError;

/// What the page says of one provider, in the order of its columns. A new dialect adds a line.
fn tables() -> Vec<Table> {
    vec![
        openai::table(),
        openai::azure(),
        anthropic::tests::table(),
        gemini::tests::table(),
        #[cfg(feature = "bedrock")]
        bedrock::tests::table(),
    ]
}

type Encode = Box<dyn Fn(&ChatRequest) -> Result<Upstream, ApiError>>;

/// All that the page says of one provider, and what is needed to check it.
pub(in crate::translate) struct Table {
    /// The provider's name, which heads its column.
    pub(in crate::translate) title: &'static str,
    /// What has to be said before its table.
    pub(in crate::translate) intro: &'static str,
    /// What becomes of a field that no row is about.
    pub(in crate::translate) others: Others,
    /// The model with which the rows are checked.
    pub(in crate::translate) model: &'static str,
    pub(in crate::translate) encode: Encode,
    pub(in crate::translate) fields: &'static [Row],
    /// What stands inside of fields.
    pub(in crate::translate) nested: Vec<Nested>,
    /// Values for the fields of the provider's own.
    pub(in crate::translate) samples: &'static [Sample],
    /// What models take: which, what, and where that is known from.
    pub(in crate::translate) rules: Vec<[String; 3]>,
    /// Profiles of servers: which, what is different, and by which hosts it is known.
    pub(in crate::translate) profiles: Vec<[String; 3]>,
}

impl Table {
    pub(in crate::translate) fn new<D: Dialect + 'static>(
        title: &'static str,
        model: &'static str,
        dialect: D,
        fields: &'static [Row],
    ) -> Self {
        let encode = Box::new(move |chat: &ChatRequest| dialect.encode(chat).map(|(upstream, _)| upstream));
        let (nested, rules, profiles) = (Vec::new(), Vec::new(), Vec::new());
        let others = Others::Translated { inside: None };
        Self { title, intro: "", others, model, encode, fields, nested, samples: &[], rules, profiles }
    }
}

/// What becomes of a field that no row is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) enum Others {
    /// The client's bytes go out: it stays as it is, whatever it is.
    Patched,
    /// The same, but for what steers gateways, which is withheld.
    Filtered,
    /// What OpenAI does not define is forwarded; what steers gateways is withheld.
    Translated {
        /// The field that holds what is forwarded, if it is not the request itself.
        inside: Option<&'static str>,
    },
}

impl Others {
    fn translates(self) -> bool {
        matches!(self, Self::Translated { .. })
    }

    fn inside(self) -> Option<&'static str> {
        let Self::Translated { inside } = self else { return None };
        inside
    }
}

/// A value for a field, other than the default, and what a request with it needs besides.
pub(in crate::translate) struct Sample {
    pub(in crate::translate) name: &'static str,
    pub(in crate::translate) value: &'static str,
    /// OpenAI's default, if there is one that clients send.
    pub(in crate::translate) default: Option<&'static str>,
    /// Other fields, as an object.
    pub(in crate::translate) beside: &'static str,
}

pub(in crate::translate) const fn sample(name: &'static str, value: &'static str) -> Sample {
    Sample { name, value, default: None, beside: "{}" }
}

impl Sample {
    pub(in crate::translate) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(in crate::translate) const fn beside(self, beside: &'static str) -> Self {
        Self { beside, ..self }
    }
}

/// A row about something inside a field, and a request without and with it.
pub(in crate::translate) struct Nested {
    pub(in crate::translate) row: Row,
    pub(in crate::translate) without: Value,
    pub(in crate::translate) with: Value,
}

pub(in crate::translate) fn nested(row: Row, without: Value, with: Value) -> Nested {
    Nested { row, without, with }
}

#[test]
fn the_tables_say_what_happens() {
    for table in tables() {
        drive::check(&table);
    }
}

#[test]
fn the_page_is_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/providers.md");
    let page = page::write(&tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page, "docs/providers.md is not up to date: UPDATE_DOCS=1 cargo test --lib translate::docs");
}
