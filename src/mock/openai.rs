//! OpenAI's chat completions, as the provider speaks them.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Recorded;
use super::protocol::{Draft, Protocol, Refusal, Reply, last_user_text, messages, pieces, text_of};
use super::schema;

const CREATED: u64 = 1_700_000_000;

#[derive(Debug)]
pub(super) struct OpenAi;

impl Protocol for OpenAi {
    fn serves(&self, path: &str) -> bool {
        path.ends_with("/chat/completions")
    }

    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal> {
        match request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            Some(sent) if sent == key => Ok(()),
            _ => Err(Refusal::new(401, "Incorrect API key provided (to a mock).").code("invalid_api_key")),
        }
    }

    fn check(&self, request: &Value) -> Result<(), Refusal> {
        if !request.is_object() {
            return Err(Refusal::new(400, "We could not parse the JSON body of your request."));
        }
        if !request["model"].is_string() {
            return Err(Refusal::new(400, "you must provide a model parameter"));
        }
        if messages(request).is_empty() {
            return Err(Refusal::new(400, "Missing required parameter: 'messages'.")
                .param("messages")
                .code("missing_required_parameter"));
        }
        Ok(())
    }

    fn reply(&self, request: &Value) -> Reply {
        if let Some(last) = messages(request).last().filter(|last| last["role"] == "tool") {
            return Reply::remark("The tool said", &text_of(last));
        }
        if let Some(name) = forced_tool(request) {
            let parameters = &tools(request).find(|tool| tool["name"] == name).unwrap_or(&Value::Null)["parameters"];
            return Reply::Tool { name: name.to_owned(), arguments: schema::object(parameters) };
        }
        let format = &request["response_format"];
        match format["type"].as_str() {
            Some("json_schema") => Reply::Text(schema::instance(&format["json_schema"]["schema"]).to_string()),
            Some("json_object") => Reply::Text(json!({"mock": true}).to_string()),
            _ => Reply::remark("You said", &last_user_text(request)),
        }
    }

    fn prompt(&self, request: &Value) -> String {
        text_of(&request["messages"])
    }

    fn unary(&self, draft: &Draft<'_>) -> Value {
        let (message, finish_reason) = match &draft.reply {
            Reply::Text(text) => (json!({"role": "assistant", "content": text, "refusal": null}), "stop"),
            Reply::Tool { name, arguments } => {
                let call = json!({
                    "id": call_id(draft),
                    "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()},
                });
                (json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]}), "tool_calls")
            }
        };
        json!({
            "id": id(draft),
            "object": "chat.completion",
            "created": CREATED,
            "model": draft.model(),
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": null}],
            "usage": usage(draft),
            "system_fingerprint": "mock",
        })
    }

    fn stream(&self, draft: &Draft<'_>) -> Bytes {
        let mut stream = Stream::new(draft);
        match &draft.reply {
            Reply::Text(text) => {
                stream.delta(json!({"role": "assistant", "content": "", "refusal": null}));
                for piece in pieces(text) {
                    stream.delta(json!({"content": piece}));
                }
                stream.finish("stop")
            }
            Reply::Tool { name, arguments } => {
                stream.delta(json!({"role": "assistant", "content": null, "refusal": null}));
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": 0, "id": call_id(draft), "type": "function", "function": function});
                stream.delta(json!({"tool_calls": [call]}));
                for piece in pieces(&arguments.to_string()) {
                    stream.delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}));
                }
                stream.finish("tool_calls")
            }
        }
    }

    fn error(&self, refusal: &Refusal, _number: usize) -> Value {
        let (kind, code) = match refusal.status {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            503 => ("server_error", Some("server_is_overloaded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let code = refusal.code.or(code);
        json!({"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}})
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}

/// The definitions of the function tools.
fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    let tools = request["tools"].as_array().into_iter().flatten();
    tools.map(|tool| &tool["function"]).filter(|function| function.is_object())
}

/// The name of the tool that `tool_choice` demands.
fn forced_tool(request: &Value) -> Option<&str> {
    let choice = &request["tool_choice"];
    let name = match choice["type"].as_str() {
        Some("function") => &choice["function"]["name"],
        Some("allowed_tools") if choice["allowed_tools"]["mode"] == "required" => {
            &choice["allowed_tools"]["tools"][0]["function"]["name"]
        }
        _ if choice == "required" => &tools(request).next()?["name"],
        _ => return None,
    };
    name.as_str()
}

fn id(draft: &Draft<'_>) -> String {
    format!("chatcmpl-mock-{}", draft.number)
}

fn call_id(draft: &Draft<'_>) -> String {
    format!("call_mock_{}", draft.number)
}

fn usage(draft: &Draft<'_>) -> Value {
    json!({
        "prompt_tokens": draft.input_tokens,
        "completion_tokens": draft.output_tokens,
        "total_tokens": draft.input_tokens + draft.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// Writes the chunks of one answer.
struct Stream<'a> {
    draft: &'a Draft<'a>,
    include_usage: bool,
    out: String,
}

impl<'a> Stream<'a> {
    fn new(draft: &'a Draft<'a>) -> Self {
        let include_usage = draft.request["stream_options"]["include_usage"] == true;
        Self { draft, include_usage, out: String::new() }
    }

    fn delta(&mut self, delta: Value) {
        self.chunk(json!([{"index": 0, "delta": delta, "finish_reason": null, "logprobs": null}]), Value::Null);
    }

    fn finish(mut self, reason: &str) -> Bytes {
        self.chunk(json!([{"index": 0, "delta": {}, "finish_reason": reason, "logprobs": null}]), Value::Null);
        if self.include_usage {
            self.chunk(json!([]), usage(self.draft));
        }
        self.out.push_str("data: [DONE]\n\n");
        self.out.into()
    }

    fn chunk(&mut self, choices: Value, usage: Value) {
        let mut chunk = json!({
            "id": id(self.draft),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.draft.model(),
            "choices": choices,
            "system_fingerprint": "mock",
        });
        if self.include_usage {
            chunk["usage"] = usage;
        }
        let _ = write!(self.out, "data: {chunk}\n\n");
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tower::ServiceExt;

    use super::super::testing::{ask, bytes, events, hello, json, with};
    use super::super::{Answer, Mock};
    use super::*;

    const PATH: &str = "/v1/chat/completions";

    async fn say(request: &Value) -> Value {
        json(ask(&Mock::openai(), PATH, request).await).await
    }

    /// The chunks of a stream without `[DONE]`, which must be there.
    async fn chunks(request: &Value) -> Vec<Value> {
        let response = ask(&Mock::openai(), PATH, request).await;
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        assert!(!response.headers().contains_key("content-length"));
        let mut events = events(&bytes(response).await.unwrap());
        assert_eq!(events.pop().unwrap(), (String::new(), "[DONE]".to_owned()));
        events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
    }

    #[tokio::test]
    async fn the_default_answer_repeats_the_user() {
        let answer = say(&hello()).await;
        assert_eq!(
            answer["choices"][0]["message"]["content"],
            "This is a mock: no model was asked. You said: Hello there"
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!((&answer["model"], &answer["id"]), (&json!("some-model"), &json!("chatcmpl-mock-1")));
        // "Be terse." and "Hello there" are 20 bytes, the answer 57.
        assert_eq!(answer["usage"]["prompt_tokens"], 5);
        assert_eq!(answer["usage"]["completion_tokens"], 15);
        assert_eq!(answer["usage"]["total_tokens"], 20);
    }

    #[tokio::test]
    async fn a_stream_says_the_same() {
        let chunks = chunks(&with(hello(), json!({"stream": true, "stream_options": {"include_usage": true}}))).await;
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let (usage, content) = chunks.split_last().unwrap();
        let text: String = content.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, "This is a mock: no model was asked. You said: Hello there");
        assert_eq!(content.last().unwrap()["choices"][0]["finish_reason"], "stop");
        assert!(content.len() > 5 && content.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
        assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(20)));
    }

    #[tokio::test]
    async fn usage_is_streamed_only_when_asked_for() {
        let chunks = chunks(&with(hello(), json!({"stream": true}))).await;
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"][0].is_object()));
    }

    fn with_tools(choice: Value) -> Value {
        let parameters = json!({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]});
        let tools = json!([
            {"type": "custom", "custom": {"name": "sh"}},
            {"type": "function", "function": {"name": "clock"}},
            {"type": "function", "function": {"name": "weather", "parameters": parameters}},
        ]);
        with(hello(), json!({"tools": tools, "tool_choice": choice}))
    }

    #[tokio::test]
    async fn a_forced_tool_is_called() {
        let named = json!({"type": "function", "function": {"name": "weather"}});
        let allowed = json!({"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]});
        let allowed = json!({"type": "allowed_tools", "allowed_tools": allowed});
        for (choice, name, arguments) in [
            (json!("required"), "clock", "{}"),
            (named, "weather", r#"{"town":"mock"}"#),
            (allowed, "weather", r#"{"town":"mock"}"#),
        ] {
            let request = with_tools(choice);
            let choice = &say(&request).await["choices"][0];
            assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
            let function = &choice["message"]["tool_calls"][0]["function"];
            assert_eq!((&function["name"], &function["arguments"]), (&json!(name), &json!(arguments)));

            let chunks = chunks(&with(request, json!({"stream": true}))).await;
            let calls: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
            assert_eq!(calls[1]["function"]["name"], name);
            assert_eq!((&calls[1]["type"], &calls[1]["id"]), (&json!("function"), &json!("call_mock_1")));
            assert!(calls[2..].iter().all(|call| call.get("id").is_none()));
            let streamed: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
            assert_eq!(streamed, arguments);
            assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
        }
        let free = say(&with_tools(json!("auto"))).await;
        assert_eq!(free["choices"][0]["finish_reason"], "stop");
    }

    #[tokio::test]
    async fn a_tool_result_is_told() {
        let mut request = with_tools(json!("required"));
        request["messages"]
            .as_array_mut()
            .unwrap()
            .push(json!({"role": "tool", "tool_call_id": "call_mock_1", "content": "sunny"}));
        let answer = say(&request).await;
        assert_eq!(
            answer["choices"][0]["message"]["content"],
            "This is a mock: no model was asked. The tool said: sunny"
        );
    }

    #[tokio::test]
    async fn structured_output_fits_its_schema() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
        let answer = say(&with(hello(), json!({"response_format": format}))).await;
        assert_eq!(answer["choices"][0]["message"]["content"], r#"{"n":1}"#);
        let answer = say(&with(hello(), json!({"response_format": {"type": "json_object"}}))).await;
        assert_eq!(answer["choices"][0]["message"]["content"], r#"{"mock":true}"#);
    }

    #[tokio::test]
    async fn what_is_no_chat_gets_the_providers_error() {
        let send = async |method: &str, path: &str, body: &'static str| {
            let request = Request::builder().method(method).uri(path).body(body.to_owned()).unwrap();
            let response = Mock::openai().oneshot(request).await.unwrap();
            (response.status().as_u16(), json(response).await["error"].take())
        };
        let (status, error) = send("POST", PATH, "not json").await;
        assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")));
        assert_eq!(error.as_object().unwrap().len(), 4);
        assert_eq!(send("POST", PATH, "{}").await.0, 400);
        let (status, error) = send("POST", PATH, r#"{"model": "m"}"#).await;
        assert_eq!((status, &error["param"]), (400, &json!("messages")));
        let (status, error) = send("POST", "/v1/completion", "{}").await;
        assert_eq!((status, &error["code"]), (404, &json!("unknown_url")));
        assert_eq!(send("GET", PATH, "").await.0, 405);
    }

    #[tokio::test]
    async fn a_wrong_key_takes_no_answer_from_the_script() {
        let mock = Mock::openai().require_key("right");
        mock.answer(Answer::text("in"));
        for key in [None, Some("Bearer wrong"), Some("right"), Some("bearer right")] {
            let mut request = Request::post(PATH).body(hello().to_string()).unwrap();
            if let Some(key) = key {
                request.headers_mut().insert("authorization", key.parse().unwrap());
            }
            let response = mock.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 401);
            assert_eq!(json(response).await["error"]["code"], "invalid_api_key");
        }
        let request = Request::post(PATH).header("authorization", "Bearer right").body(hello().to_string()).unwrap();
        let answer = json(mock.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(answer["choices"][0]["message"]["content"], "in");
    }
}
