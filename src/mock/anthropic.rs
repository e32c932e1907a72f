//! Anthropic's messages, as the provider speaks them.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Recorded;
use super::protocol::{Draft, Protocol, Refusal, Reply, last_user_text, messages, pieces, text_of};
use super::schema;

#[derive(Debug)]
pub(super) struct Anthropic;

impl Protocol for Anthropic {
    fn serves(&self, path: &str) -> bool {
        path.ends_with("/v1/messages")
    }

    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal> {
        let headers = &request.headers;
        if headers.get("x-api-key").is_none_or(|sent| sent.as_bytes() != key.as_bytes()) {
            return Err(Refusal::new(401, "invalid x-api-key (for a mock)"));
        }
        if !headers.contains_key("anthropic-version") {
            return Err(Refusal::new(400, "anthropic-version: header is required"));
        }
        Ok(())
    }

    fn check(&self, request: &Value) -> Result<(), Refusal> {
        if !request.is_object() {
            return Err(Refusal::new(400, "The request body is not valid JSON."));
        }
        let present = [
            ("model", request["model"].is_string()),
            ("messages", !messages(request).is_empty()),
            ("max_tokens", request["max_tokens"].is_u64()),
        ];
        match present.iter().find(|(_, present)| !present) {
            Some((field, _)) => Err(Refusal::new(400, format!("{field}: Field required"))),
            None => Ok(()),
        }
    }

    fn reply(&self, request: &Value) -> Reply {
        if let Some(result) = tool_results(request) {
            return Reply::remark("The tool said", &result);
        }
        if let Some(name) = forced_tool(request) {
            let parameters = &tools(request).find(|tool| tool["name"] == name).unwrap_or(&Value::Null)["input_schema"];
            return Reply::Tool { name: name.to_owned(), arguments: schema::object(parameters) };
        }
        let format = &request["output_config"]["format"];
        if format["type"] == "json_schema" {
            return Reply::Text(schema::instance(&format["schema"]).to_string());
        }
        Reply::remark("You said", &last_user_text(request))
    }

    fn prompt(&self, request: &Value) -> String {
        text_of(&request["system"]) + &text_of(&request["messages"])
    }

    fn unary(&self, draft: &Draft<'_>) -> Value {
        let block = match &draft.reply {
            Reply::Text(text) => json!({"type": "text", "text": text}),
            Reply::Tool { name, arguments } => tool_use(draft, name, arguments),
        };
        message(draft, json!([block]), json!(stop_reason(draft)), draft.output_tokens)
    }

    fn stream(&self, draft: &Draft<'_>) -> Bytes {
        let mut out = String::new();
        let start = message(draft, json!([]), Value::Null, 1);
        event(&mut out, json!({"type": "message_start", "message": start}));
        let (block, deltas): (Value, Vec<Value>) = match &draft.reply {
            Reply::Text(text) => (
                json!({"type": "text", "text": ""}),
                pieces(text).map(|piece| json!({"type": "text_delta", "text": piece})).collect(),
            ),
            Reply::Tool { name, arguments } => (
                tool_use(draft, name, &json!({})),
                std::iter::once("")
                    .chain(pieces(&arguments.to_string()))
                    .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                    .collect(),
            ),
        };
        event(&mut out, json!({"type": "content_block_start", "index": 0, "content_block": block}));
        event(&mut out, json!({"type": "ping"}));
        for delta in deltas {
            event(&mut out, json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        }
        event(&mut out, json!({"type": "content_block_stop", "index": 0}));
        let delta = json!({"stop_reason": stop_reason(draft), "stop_sequence": null});
        let usage = json!({"output_tokens": draft.output_tokens});
        event(&mut out, json!({"type": "message_delta", "delta": delta, "usage": usage}));
        event(&mut out, json!({"type": "message_stop"}));
        out.into()
    }

    fn error(&self, refusal: &Refusal, number: usize) -> Value {
        let kind = match refusal.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        let request_id = format!("req_mock_{number}");
        json!({"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": request_id})
    }

    fn id_header(&self) -> &'static str {
        "request-id"
    }
}

fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    request["tools"].as_array().into_iter().flatten()
}

/// The name of the tool that `tool_choice` demands.
fn forced_tool(request: &Value) -> Option<&str> {
    let choice = &request["tool_choice"];
    match choice["type"].as_str()? {
        "tool" => choice["name"].as_str(),
        "any" => tools(request).next()?["name"].as_str(),
        _ => None,
    }
}

/// The text of the tool results in the last message, if it holds any.
fn tool_results(request: &Value) -> Option<String> {
    let parts = messages(request).last()?["content"].as_array()?;
    let mut results = parts.iter().filter(|part| part["type"] == "tool_result").peekable();
    results.peek()?;
    Some(results.map(text_of).collect())
}

fn message(draft: &Draft<'_>, content: Value, stop_reason: Value, output_tokens: u64) -> Value {
    json!({
        "id": format!("msg_mock_{}", draft.number),
        "type": "message",
        "role": "assistant",
        "model": draft.model(),
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": draft.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        },
    })
}

fn tool_use(draft: &Draft<'_>, name: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_mock_{}", draft.number), "name": name, "input": input})
}

fn stop_reason(draft: &Draft<'_>) -> &'static str {
    match draft.reply {
        Reply::Text(_) => "end_turn",
        Reply::Tool { .. } => "tool_use",
    }
}

/// One event, named by its `type`.
fn event(out: &mut String, data: Value) {
    let _ = write!(out, "event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tower::ServiceExt;

    use super::super::Mock;
    use super::super::testing::{ask, bytes, events, json, with};
    use super::*;

    const PATH: &str = "/v1/messages";

    fn hello() -> Value {
        let messages = json!([{"role": "user", "content": [{"type": "text", "text": "Hello there"}]}]);
        json!({"model": "claude", "max_tokens": 9, "system": "Be terse.", "messages": messages})
    }

    async fn say(request: &Value) -> Value {
        json(ask(&Mock::anthropic(), PATH, request).await).await
    }

    async fn stream(request: &Value) -> Vec<Value> {
        let response = ask(&Mock::anthropic(), PATH, &with(request.clone(), json!({"stream": true}))).await;
        let events = events(&bytes(response).await.unwrap());
        let parsed = events.iter().map(|(name, data)| {
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"], **name);
            data
        });
        parsed.collect()
    }

    #[tokio::test]
    async fn the_default_answer_repeats_the_user() {
        let answer = say(&hello()).await;
        let text = "This is a mock: no model was asked. You said: Hello there";
        assert_eq!(answer["content"], json!([{"type": "text", "text": text}]));
        assert_eq!((&answer["stop_reason"], &answer["model"]), (&json!("end_turn"), &json!("claude")));
        assert_eq!((&answer["usage"]["input_tokens"], &answer["usage"]["output_tokens"]), (&json!(5), &json!(15)));
    }

    #[tokio::test]
    async fn a_stream_says_the_same() {
        let events = stream(&hello()).await;
        let names: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
        assert_eq!(names[names.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
        assert_eq!(events[0]["message"]["usage"]["input_tokens"], 5);
        let deltas = &events[3..events.len() - 3];
        assert!(deltas.len() > 5);
        let text: String = deltas.iter().map(|event| event["delta"]["text"].as_str().unwrap()).collect();
        assert_eq!(text, "This is a mock: no model was asked. You said: Hello there");
        let end = &events[events.len() - 2];
        assert_eq!((&end["delta"]["stop_reason"], &end["usage"]["output_tokens"]), (&json!("end_turn"), &json!(15)));
    }

    fn with_tools(choice: Value) -> Value {
        let schema = json!({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]});
        let tools =
            json!([{"name": "clock", "input_schema": {"type": "object"}}, {"name": "weather", "input_schema": schema}]);
        with(hello(), json!({"tools": tools, "tool_choice": choice}))
    }

    #[tokio::test]
    async fn a_forced_tool_is_called() {
        for (choice, name, input) in [
            (json!({"type": "any"}), "clock", json!({})),
            (json!({"type": "tool", "name": "weather"}), "weather", json!({"town": "mock"})),
        ] {
            let request = with_tools(choice);
            let answer = say(&request).await;
            assert_eq!(answer["stop_reason"], "tool_use");
            assert_eq!(
                answer["content"][0],
                json!({"type": "tool_use", "id": "toolu_mock_1", "name": name, "input": input})
            );

            let events = stream(&request).await;
            assert_eq!(
                (&events[1]["content_block"]["name"], &events[1]["content_block"]["input"]),
                (&json!(name), &json!({}))
            );
            let streamed: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
            assert_eq!(streamed, input.to_string());
        }
        assert_eq!(say(&with_tools(json!({"type": "auto"}))).await["stop_reason"], "end_turn");
    }

    #[tokio::test]
    async fn a_tool_result_is_told() {
        let mut request = with_tools(json!({"type": "any"}));
        let result = json!({"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": "sunny"}]});
        request["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": [result]}));
        assert_eq!(
            say(&request).await["content"][0]["text"],
            "This is a mock: no model was asked. The tool said: sunny"
        );
    }

    #[tokio::test]
    async fn structured_output_fits_its_schema() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]});
        let format = json!({"format": {"type": "json_schema", "schema": schema}});
        assert_eq!(say(&with(hello(), json!({"output_config": format}))).await["content"][0]["text"], r#"{"n":1.5}"#);
    }

    #[tokio::test]
    async fn what_is_no_chat_gets_the_providers_error() {
        let mock = Mock::anthropic().require_key("right");
        let send = async |path: &str, headers: &[&str], body: String| {
            let mut request = Request::post(path).body(body).unwrap();
            for header in headers {
                let name = http::HeaderName::try_from(*header).unwrap();
                request.headers_mut().insert(name, "right".parse().unwrap());
            }
            let response = mock.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = json(response).await;
            assert_eq!(body["type"], if status == 200 { "message" } else { "error" });
            (status, body["error"]["type"].as_str().unwrap_or_default().to_owned())
        };
        let both = &["x-api-key", "anthropic-version"];
        let expect = |status: u16, kind: &str| (status, kind.to_owned());
        assert_eq!(send(PATH, &["authorization"], hello().to_string()).await, expect(401, "authentication_error"));
        assert_eq!(send(PATH, &["x-api-key"], hello().to_string()).await, expect(400, "invalid_request_error"));
        assert_eq!(send(PATH, both, "not json".into()).await, expect(400, "invalid_request_error"));
        assert_eq!(send("/v1/complete", both, hello().to_string()).await, expect(404, "not_found_error"));
        let endless = json!({"model": "m", "messages": [{"role": "user", "content": "no max_tokens"}]});
        assert_eq!(send(PATH, both, endless.to_string()).await, expect(400, "invalid_request_error"));
        assert_eq!(send(PATH, both, hello().to_string()).await, expect(200, ""));
    }
}
