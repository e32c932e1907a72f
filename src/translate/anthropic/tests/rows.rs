//! The rows in `tests/golden/anthropic/rows`: each sends a request of one message with some fields changed, and says
//! what of Anthropic's request is different then, what is reported, or which error it is.

use super::*;

const MODEL: &str = "claude-sonnet-4-20250514";

fn check(file: &str) {
    let path = format!("{}/tests/golden/anthropic/rows/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let rows: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for row in &rows {
        let name = row["row"].as_str().unwrap();
        let model = row["model"].as_str().unwrap_or(MODEL);
        let simple = json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]});
        match encode(&anthropic(), &with(simple.clone(), &row["send"])) {
            Err(error) => {
                assert_eq!(error.status(), 400, "{name}");
                assert_eq!(json!([error.code(), error.param()]), row["error"], "{name}: {error}");
            }
            Ok((upstream, primed)) => {
                assert_eq!(row["error"], Value::Null, "{name}: {}", body(&upstream));
                assert_eq!(body(&upstream), normal(with(simple, &row["expect"])), "{name}");
                let dropped: Vec<&str> =
                    row["dropped"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                assert!(
                    dropped.iter().all(|field| upstream.dropped.iter().any(|other| other == *field)),
                    "{name}: {:?}",
                    upstream.dropped
                );
                assert_eq!(upstream.dropped.iter().count(), dropped.len(), "{name}: {:?}", upstream.dropped);
                let custom = row["primed"]["custom_tools"].as_array().map_or(0, Vec::len);
                assert_eq!(primed.custom_tools.len(), custom, "{name}");
                assert_eq!(primed.structured_tool.as_deref(), row["primed"]["structured_tool"].as_str(), "{name}");
            }
        }
    }
}

#[test]
fn fields() {
    check("fields");
}

#[test]
fn messages() {
    check("messages");
}

#[test]
fn thinking() {
    check("thinking");
}

#[test]
fn tools_and_formats() {
    check("tools");
}
