//! Sends every row of a table through its dialect, and compares what happens with what the row says.

use bytes::Bytes;
use serde_json::{Value, json};

use super::samples::SAMPLES;
use super::{Others, STEERING, Sample, Table};
use crate::chat::ChatRequest;
use crate::translate::encode::fields::{Fate, Row};

/// What happened to a request.
enum Outcome {
    /// What was sent (the URL too: some providers say `stream` there), and what was reported.
    Sent { request: (String, Bytes), reported: Vec<String> },
    /// 400, and which field it names.
    Refused(String),
}

use Outcome::{Refused, Sent};

/// A row with OpenAI's default, if it has one.
struct Case<'a> {
    row: &'a Row,
    without: Outcome,
    with: Outcome,
    default: Option<Outcome>,
}

pub(super) fn check(table: &Table) {
    for row in table.fields {
        let sample = find(table, row.name);
        let sent = |value: Option<&str>| run(table, &request(table, sample, value));
        Case {
            row,
            without: sent(None),
            with: sent(Some(sample.value)),
            default: sample.default.map(|value| sent(Some(value))),
        }
        .check(table.title);
    }
    for nested in &table.nested {
        let (without, with) = (run(table, &nested.without), run(table, &nested.with));
        Case { row: &nested.row, without, with, default: None }.check(table.title);
    }
    let documented = SAMPLES.iter().filter(|sample| table.fields.iter().all(|row| row.name != sample.name));
    for sample in documented {
        assert!(!table.others.translates(), "{}: there is no row for {}", table.title, sample.name);
        check_untouched(table, sample);
    }
    let mut own = super::sample("x_of_the_providers_own", r#"{"a":1e3}"#);
    check_untouched(table, &own);
    for name in STEERING {
        own.name = name;
        match table.others {
            Others::Patched => check_untouched(table, &own),
            Others::Filtered | Others::Translated { .. } => {
                let row = Row { name, fate: Fate::Steering, becomes: "" };
                let sent = |value| run(table, &request(table, &own, value));
                Case { row: &row, without: sent(None), with: sent(Some(own.value)), default: None }.check(table.title);
            }
        }
    }
}

fn find<'a>(table: &'a Table, name: &str) -> &'a Sample {
    let sample = table.samples.iter().chain(SAMPLES).find(|sample| sample.name == name);
    sample.unwrap_or_else(|| panic!("{}: there is no sample for {name}: add one to the table's", table.title))
}

fn request(table: &Table, sample: &Sample, value: Option<&str>) -> Value {
    let mut request = json!({"model": table.model, "messages": [{"role": "user", "content": "A question"}]});
    let beside: Value = serde_json::from_str(sample.beside).unwrap();
    for (name, value) in beside.as_object().unwrap() {
        request[name] = value.clone();
    }
    if let Some(value) = value {
        request[sample.name] = serde_json::from_str(value).unwrap();
    }
    request
}

fn run(table: &Table, request: &Value) -> Outcome {
    let mut request = request.clone();
    if request["model"].is_null() {
        request["model"] = table.model.into();
    }
    let chat = ChatRequest::from_bytes(request.to_string()).unwrap();
    match (table.encode)(&chat) {
        Ok(upstream) => Sent {
            request: (upstream.uri.to_string(), upstream.body.clone()),
            reported: upstream.dropped.iter().map(plain).collect(),
        },
        Err(error) => {
            assert_eq!(error.status(), 400, "{}: {error}", table.title);
            Refused(plain(error.param().unwrap_or_default()))
        }
    }
}

/// A path without its places: `messages[0].content[1]` is `messages.content`.
fn plain(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|character| {
            inside |= *character == '[';
            let keep = !inside;
            inside &= *character != ']';
            keep
        })
        .collect()
}

fn check_untouched(table: &Table, sample: &Sample) {
    let Sent { request: (_, body), reported } = run(table, &request(table, sample, Some(sample.value))) else {
        panic!("{}: {} is refused", table.title, sample.name);
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    let fields = table.others.inside().map_or(&body, |field| &body[field]);
    assert_eq!(fields[sample.name], serde_json::from_str::<Value>(sample.value).unwrap(), "{}", sample.name);
    assert!(reported.is_empty(), "{}: {reported:?}", sample.name);
}

impl Case<'_> {
    fn check(&self, title: &str) {
        let name = format!("{title}: {}", self.row.name);
        let path = plain(self.row.name);
        let Sent { request: before, reported: none } = &self.without else { panic!("{name}: refused without it") };
        assert!(none.iter().all(|field| *field != path), "{name}: reported without it");
        match (&self.row.fate, &self.with) {
            (Fate::Mapped, Sent { request, reported }) => {
                assert!(request != before, "{name}: nothing comes of it");
                assert!(reported == none, "{name}: {reported:?}");
            }
            (Fate::Adjusted, Sent { request, reported }) => {
                assert!(request != before || reported.contains(&path), "{name}: nothing comes of it");
            }
            (Fate::Ignored, Sent { request, reported }) => {
                assert!(request == before, "{name}: something comes of it");
                assert!(reported == none, "{name}: {reported:?}");
            }
            (Fate::Hint(_) | Fate::Steering, Sent { request, reported }) => {
                assert!(request == before, "{name}: something comes of it");
                assert!(reported.contains(&path), "{name}: {reported:?}");
            }
            (Fate::Refused(_) | Fate::Deprecated(..), Refused(param)) => {
                let is_named = path.starts_with(param.as_str()) || param.starts_with(&path);
                assert!(
                    !param.is_empty() && is_named && param.contains('.') == path.contains('.'),
                    "{name}: the error names {param:?}"
                );
            }
            (_, Refused(param)) => panic!("{name}: refused, with {param:?}"),
            (_, Sent { .. }) => panic!("{name}: it is not refused"),
        }
        match &self.default {
            Some(Sent { request, reported }) => {
                assert!(request == before && reported == none, "{name}: its default makes a difference");
            }
            Some(Refused(_)) => panic!("{name}: its default is refused"),
            None => {}
        }
    }
}

#[test]
fn places_are_left_out_of_paths() {
    assert_eq!(plain("messages[0].content[12].file.file_id"), "messages.content.file.file_id");
    assert_eq!(plain("tools[].function"), "tools.function");
}

/// A row that says something else than what happens is found.
#[test]
fn a_row_that_lies_is_found() {
    use crate::translate::encode::defaults::never;

    let truths = ["temperature", "seed", "metadata", "n", "functions"];
    let fates: [fn() -> Fate; 5] = [
        || Fate::Mapped,
        || Fate::Hint(never),
        || Fate::Ignored,
        || Fate::Refused(never),
        || Fate::Deprecated(never, "x"),
    ];
    let table = crate::translate::anthropic::tests::table();
    for (true_of, name) in truths.iter().enumerate() {
        for (at, fate) in fates.iter().enumerate() {
            let sample = find(&table, name);
            let row = Row { name, fate: fate(), becomes: "" };
            let sent = |value| run(&table, &request(&table, sample, value));
            let case = Case { row: &row, without: sent(None), with: sent(Some(sample.value)), default: None };
            let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case.check("a lie")));
            let is_true = at == true_of || (at >= 3 && true_of >= 3);
            assert_eq!(found.is_ok(), is_true, "{name} as fate {at}");
        }
    }
}
