//! Writes the page.

use std::fmt::Write;

use super::samples::SAMPLES;
use super::{Others, STEERING, Table};
use crate::translate::encode::fields::{Fate, Row};

const HEAD: &str = "\
# What becomes of a request

<!-- Written from the tables of the dialects. Do not edit: UPDATE_DOCS=1 cargo test --lib translate::docs -->

Every field of a chat completion request has one fate with each provider. Each row of this page is sent through the library
by its tests, so that the page says what happens.

| word | what it means |
|---|---|
| as is | the client's own bytes go out |
| mapped | said in the provider's words |
| adjusted | the same; but some values are changed or left out, and then named in the response header `x-dropped-params` |
| left out | in silence: no answer depends on it |
| reported | a hint that is left out and named in `x-dropped-params` |
| refused | 400 `unsupported_parameter` that names the field: without it the answer would mean something else |
| deprecated | 400 that names what has replaced it |
| withheld | it steers gateways and SDKs, and would lead elsewhere: left out and reported |
| forwarded | OpenAI does not define it: it goes out as it is |

A value that is OpenAI's default is never reported or refused. With `TranslateLayer::strict` what would be reported is refused.

## All fields
";

const RULES: &str = "What models take. Of two rules that say different things the later one holds:";

const PROFILES: &str = "\
Some servers say some things in another way. A profile is data that says which; it is chosen by the host of the base URL or
by its name, `OpenAi::profile`, and a host may change any of it. What it leaves out is reported:";

pub(super) fn write(tables: &[Table]) -> String {
    let mut page = String::from(HEAD);
    matrix(&mut page, tables);
    for table in tables {
        let _ = write!(page, "\n## {}\n\n{}\n", table.title, table.intro);
        heading(&mut page, &["field", "fate", "what becomes of it"]);
        for row in table.fields {
            line(&mut page, &[&code(row.name), &fate(row), &becomes(row)]);
        }
        if !table.nested.is_empty() {
            page.push_str("\nInside of fields:\n");
            heading(&mut page, &["field", "fate", "what becomes of it"]);
            for nested in &table.nested {
                line(&mut page, &[&code(nested.row.name), &fate(&nested.row), &becomes(&nested.row)]);
            }
        }
        three(&mut page, RULES, &["models", "what holds", "source"], &table.rules);
        three(&mut page, PROFILES, &["profile", "what is different", "chosen for"], &table.profiles);
    }
    page
}

fn three(page: &mut String, intro: &str, heads: &[&str; 3], rows: &[[String; 3]]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(page, "\n{intro}\n");
    heading(page, heads);
    for row in rows {
        line(page, &row.each_ref().map(String::as_str));
    }
}

/// Field by provider: OpenAI's in the order of its reference, then the others.
fn matrix(page: &mut String, tables: &[Table]) {
    let titles: Vec<&str> = tables.iter().map(|table| table.title).collect();
    heading(page, &[&["field"], &titles[..]].concat());
    let mut names: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
    for row in tables.iter().flat_map(|table| table.fields) {
        if !names.contains(&row.name) {
            names.push(row.name);
        }
    }
    for name in names {
        let cells = tables.iter().map(|table| match table.fields.iter().find(|row| row.name == name) {
            Some(row) => fate(row),
            None if table.others.translates() => "forwarded".to_owned(),
            None => "as is".to_owned(),
        });
        row(page, code(name), cells);
    }
    let words = |word: fn(Others) -> &'static str| tables.iter().map(move |table| word(table.others).to_owned());
    row(
        page,
        "what steers gateways".to_owned(),
        words(|others| if others == Others::Patched { "as is" } else { "withheld" }),
    );
    row(page, "anything else".to_owned(), words(|others| if others.translates() { "forwarded" } else { "as is" }));
    let steering: Vec<String> = STEERING.iter().map(|name| code(name)).collect();
    let _ = write!(page, "\nWhat steers gateways: {}.\n", steering.join(", "));
}

fn fate(row: &Row) -> String {
    match row.fate {
        Fate::Mapped => "mapped",
        Fate::Adjusted => "adjusted",
        Fate::Ignored => "left out",
        Fate::Hint(_) => "reported",
        Fate::Refused(_) => "refused",
        Fate::Deprecated(..) => "deprecated",
        Fate::Steering => "withheld",
    }
    .to_owned()
}

fn becomes(row: &Row) -> String {
    let mut text = match row.fate {
        Fate::Deprecated(_, instead) => format!("use {}", code(instead)),
        _ => row.becomes.to_owned(),
    };
    let default = SAMPLES.iter().find(|sample| sample.name == row.name).and_then(|sample| sample.default);
    if let (Fate::Hint(_) | Fate::Refused(_) | Fate::Deprecated(..), Some(default)) = (&row.fate, default) {
        let _ = write!(text, "{}{} is fine", if text.is_empty() { "" } else { "; " }, code(default));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(page: &mut String, first: String, others: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = std::iter::once(first).chain(others).collect();
    line(page, &cells.iter().map(String::as_str).collect::<Vec<_>>());
}

fn heading(page: &mut String, cells: &[&str]) {
    page.push('\n');
    line(page, cells);
    let _ = writeln!(page, "|{}", "---|".repeat(cells.len()));
}

fn line(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}
