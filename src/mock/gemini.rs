//! Google's Gemini, as the provider speaks it.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Recorded;
use super::protocol::{Draft, Protocol, Refusal, Reply, pieces, text_of, tokens};
use super::schema;

/// What a mock thinks, and how it signs that: nothing hangs on the one or the other.
const THOUGHT: &str = "A mock does not think.";
const SIGNATURE: &str = "bW9jaw==";

const GENERATE: &str = ":generateContent";
const STREAM: &str = ":streamGenerateContent";

/// The fields of a request. Google refuses all others.
const FIELDS: [&str; 9] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "serviceTier",
    "labels",
];

#[derive(Debug)]
pub(super) struct Gemini;

impl Protocol for Gemini {
    fn serves(&self, path: &str) -> bool {
        let verb = path.rsplit('/').next().unwrap_or_default();
        path.contains("odels/") && (verb.ends_with(GENERATE) || verb.ends_with(STREAM))
    }

    fn streams(&self, path: &str, _request: &Value) -> bool {
        path.ends_with(STREAM)
    }

    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal> {
        if request.uri.query().is_some_and(|query| query.contains("key=")) {
            return Err(Refusal::new(400, "A key in the URL ends up in logs; this mock takes none there."));
        }
        match request.header("x-goog-api-key") {
            Some(sent) if sent == key => Ok(()),
            Some(_) => {
                Err(Refusal::new(400, "API key not valid. Please pass a valid API key.").code("API_KEY_INVALID"))
            }
            None => Err(Refusal::new(403, "Method doesn't allow unregistered callers (of a mock).")),
        }
    }

    fn check(&self, request: &Value) -> Result<(), Refusal> {
        let Some(fields) = request.as_object() else {
            return Err(Refusal::new(400, "Invalid JSON payload received. Unexpected token."));
        };
        if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let message = format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
            return Err(Refusal::new(400, message));
        }
        if contents(request).is_empty() {
            return Err(Refusal::new(400, "* GenerateContentRequest.contents: contents is not specified"));
        }
        for content in contents(request) {
            if !matches!(content["role"].as_str(), Some("user" | "model")) {
                return Err(Refusal::new(400, "Please use a valid role: user, model."));
            }
            if parts(content).is_empty() {
                return Err(Refusal::new(
                    400,
                    "Unable to submit request because it must include at least one parts field",
                ));
            }
        }
        let thinking = &request["generationConfig"]["thinkingConfig"];
        if thinking.get("thinkingLevel").is_some() && thinking.get("thinkingBudget").is_some() {
            return Err(Refusal::new(400, "You can only set one of thinking budget and thinking level."));
        }
        check_turns(contents(request))
    }

    fn reply(&self, request: &Value) -> Reply {
        let last = contents(request).last().map(parts).unwrap_or_default();
        let mut results = last.iter().filter_map(|part| part.get("functionResponse")).peekable();
        if results.peek().is_some() {
            let said: String = results.map(|result| output(&result["response"])).collect();
            return Reply::remark("The tool said", &said);
        }
        if let Some(name) = forced_tool(request) {
            let tool = tools(request).find(|tool| tool["name"] == name).unwrap_or(&Value::Null);
            let parameters = tool.get("parametersJsonSchema").unwrap_or(&tool["parameters"]);
            return Reply::Tool { name: name.to_owned(), arguments: schema::object(parameters) };
        }
        let config = &request["generationConfig"];
        if let Some(schema) = config.get("responseJsonSchema").or_else(|| config.get("responseSchema")) {
            return Reply::Text(schema::instance(schema).to_string());
        }
        if config["responseMimeType"] == "application/json" {
            return Reply::Text(json!({"mock": true}).to_string());
        }
        let asked = contents(request).iter().rfind(|content| content["role"] == "user");
        Reply::remark("You said", &asked.map(|content| text_of(&content["parts"])).unwrap_or_default())
    }

    fn prompt(&self, request: &Value) -> String {
        let said: String = contents(request).iter().map(|content| text_of(&content["parts"])).collect();
        text_of(&request["systemInstruction"]["parts"]) + &said
    }

    fn unary(&self, draft: &Draft<'_>) -> Value {
        let mut said: Vec<Value> =
            thinks(draft).then(|| json!({"text": THOUGHT, "thought": true})).into_iter().collect();
        said.push(match &draft.reply {
            Reply::Text(text) => json!({"text": text}),
            Reply::Tool { name, arguments } => call(draft, name, arguments),
        });
        frame(draft, Some(said), true)
    }

    fn stream(&self, draft: &Draft<'_>) -> Bytes {
        let mut out = String::new();
        if thinks(draft) {
            let thoughts = pieces(THOUGHT).map(|piece| json!({"text": piece, "thought": true}));
            thoughts.for_each(|thought| event(&mut out, &frame(draft, Some(vec![thought]), false)));
        }
        match &draft.reply {
            Reply::Text(text) => {
                let texts = pieces(text).map(|piece| json!({"text": piece}));
                texts.for_each(|text| event(&mut out, &frame(draft, Some(vec![text]), false)));
            }
            Reply::Tool { name, arguments } => {
                event(&mut out, &frame(draft, Some(vec![call(draft, name, arguments)]), false));
            }
        }
        event(&mut out, &frame(draft, None, true));
        out.into()
    }

    fn error(&self, refusal: &Refusal, _number: usize) -> Value {
        let word = match refusal.status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            500 => "INTERNAL",
            504 => "DEADLINE_EXCEEDED",
            501.. => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        };
        let mut details: Vec<Value> = Vec::new();
        if let Some(reason) = refusal.code {
            details.push(json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}));
        }
        if refusal.status == 429 {
            details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}));
        }
        let error = json!({"code": refusal.status, "message": refusal.message, "status": word, "details": details});
        json!({"error": error})
    }

    fn id_header(&self) -> &'static str {
        "x-mock-request-id"
    }
}

fn contents(request: &Value) -> &[Value] {
    request["contents"].as_array().map_or(&[], Vec::as_slice)
}

fn parts(content: &Value) -> &[Value] {
    content["parts"].as_array().map_or(&[], Vec::as_slice)
}

/// The results of a turn's calls come right after it, all of them in one content.
fn check_turns(contents: &[Value]) -> Result<(), Refusal> {
    let count = |content: &Value, name: &str| parts(content).iter().filter(|part| part.get(name).is_some()).count();
    for (at, content) in contents.iter().enumerate() {
        let calls = count(content, "functionCall");
        let results = contents.get(at + 1).map_or(0, |next| count(next, "functionResponse"));
        if calls != results && !(results == 0 && at + 1 == contents.len()) {
            let message = "Please ensure that the number of function response parts is equal to the number of function \
                           call parts of the function call turn.";
            return Err(Refusal::new(400, message));
        }
    }
    Ok(())
}

fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    let tools = request["tools"].as_array().into_iter().flatten();
    tools.filter_map(|tool| tool["functionDeclarations"].as_array()).flatten()
}

/// The name of the function that must be called.
fn forced_tool(request: &Value) -> Option<&str> {
    let config = &request["toolConfig"]["functionCallingConfig"];
    if config["mode"] != "ANY" {
        return None;
    }
    config["allowedFunctionNames"][0].as_str().or_else(|| tools(request).next()?["name"].as_str())
}

/// What a function answered, as text.
fn output(response: &Value) -> String {
    response["output"].as_str().map_or_else(|| response.to_string(), str::to_owned)
}

/// Whether the request asks for a summary of the thoughts.
fn thinks(draft: &Draft<'_>) -> bool {
    draft.request["generationConfig"]["thinkingConfig"]["includeThoughts"] == true
}

/// The model in the path of the request.
fn model<'a>(draft: &Draft<'a>) -> &'a str {
    let last = draft.path.rsplit('/').next().unwrap_or_default();
    last.split(':').next().filter(|model| !model.is_empty()).unwrap_or("mock")
}

/// A call; since the third generation with an id and a signature.
fn call(draft: &Draft<'_>, name: &str, arguments: &Value) -> Value {
    if !model(draft).starts_with("gemini-3") {
        return json!({"functionCall": {"name": name, "args": arguments}});
    }
    let id = format!("call_mock_{}", draft.number);
    json!({"functionCall": {"id": id, "name": name, "args": arguments}, "thoughtSignature": SIGNATURE})
}

/// A response, or an event of a stream; the last one has the reason and all of the usage.
fn frame(draft: &Draft<'_>, said: Option<Vec<Value>>, is_last: bool) -> Value {
    let mut candidate = json!({"index": 0});
    if let Some(said) = said {
        candidate["content"] = json!({"role": "model", "parts": said});
    }
    let mut usage = json!({"promptTokenCount": draft.input_tokens, "totalTokenCount": draft.input_tokens});
    if is_last {
        candidate["finishReason"] = json!("STOP");
        let thoughts = if thinks(draft) { tokens(THOUGHT) } else { 0 };
        usage["candidatesTokenCount"] = json!(draft.output_tokens);
        usage["totalTokenCount"] = json!(draft.input_tokens + draft.output_tokens + thoughts);
        if thoughts > 0 {
            usage["thoughtsTokenCount"] = json!(thoughts);
        }
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model(draft),
        "responseId": format!("resp-mock-{}", draft.number),
    })
}

fn event(out: &mut String, data: &Value) {
    let _ = write!(out, "data: {data}\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tower::ServiceExt;

    use super::super::Mock;
    use super::super::testing::{ask, bytes, json, with};
    use super::*;

    const PATH: &str = "/v1beta/models/gemini-3-pro:generateContent";

    fn hello() -> Value {
        json!({"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]})
    }

    async fn say(request: &Value) -> Value {
        json(ask(&Mock::gemini(), PATH, request).await).await
    }

    #[tokio::test]
    async fn it_repeats_the_user_and_says_that_it_is_a_mock() {
        let answer = say(&hello()).await;
        let text = &answer["candidates"][0]["content"]["parts"][0]["text"];
        assert_eq!(text, "This is a mock: no model was asked. You said: Hello there");
        assert_eq!(answer["modelVersion"], "gemini-3-pro");
        assert_eq!(answer["usageMetadata"]["totalTokenCount"], 18);
    }

    #[tokio::test]
    async fn a_stream_says_the_same_with_thoughts_before_it() {
        let request = with(hello(), json!({"generationConfig": {"thinkingConfig": {"includeThoughts": true}}}));
        let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
        let body = bytes(ask(&Mock::gemini(), path, &request).await).await.unwrap();
        let (mut thoughts, mut text, mut last) = (String::new(), String::new(), Value::Null);
        for event in std::str::from_utf8(&body).unwrap().split_terminator("\r\n\r\n") {
            let frame: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
            let part = &frame["candidates"][0]["content"]["parts"][0];
            let place = if part["thought"] == true { &mut thoughts } else { &mut text };
            place.push_str(part["text"].as_str().unwrap_or_default());
            last = frame;
        }
        assert_eq!(thoughts, THOUGHT);
        assert_eq!(text, "This is a mock: no model was asked. You said: Hello there");
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(last["usageMetadata"]["thoughtsTokenCount"], 6);
    }

    #[tokio::test]
    async fn tools_and_schemas() {
        let parameters = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let tools = json!([{"functionDeclarations": [{"name": "f", "parametersJsonSchema": parameters}]}]);
        let any = json!({"functionCallingConfig": {"mode": "ANY"}});
        let part = &say(&with(hello(), json!({"tools": tools, "toolConfig": any}))).await["candidates"][0]["content"]["parts"]
            [0];
        assert_eq!(part["functionCall"], json!({"id": "call_mock_1", "name": "f", "args": {"n": 1}}));
        assert_eq!(part["thoughtSignature"], SIGNATURE);
        let format =
            json!({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": parameters}});
        let text = say(&with(hello(), format)).await["candidates"][0]["content"]["parts"][0]["text"].take();
        assert_eq!(text, r#"{"n":1}"#);
        let result = json!({"functionResponse": {"name": "f", "response": {"output": "sunny"}}});
        let history = json!({"contents": [{"role": "user", "parts": [{"text": "?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, {"role": "user", "parts": [result]}]});
        let text = say(&history).await["candidates"][0]["content"]["parts"][0]["text"].take();
        assert_eq!(text, "This is a mock: no model was asked. The tool said: sunny");
    }

    #[tokio::test]
    async fn what_google_refuses_is_refused() {
        let turn = |parts: Value| json!({"contents": [{"role": "user", "parts": parts}]});
        let call = json!({"functionCall": {"name": "f"}});
        for request in [
            json!({}),
            json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}),
            turn(json!([])),
            with(hello(), json!({"top_k": 1})),
            with(
                hello(),
                json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}}),
            ),
            json!({"contents": [{"role": "model", "parts": [call]}, {"role": "user", "parts": [{"text": "x"}]}]}),
        ] {
            let response = ask(&Mock::gemini(), PATH, &request).await;
            assert_eq!(response.status(), 400, "{request}");
            assert_eq!(json(response).await["error"]["status"], "INVALID_ARGUMENT");
        }
        assert_eq!(ask(&Mock::gemini(), "/v1beta/models/m", &hello()).await.status(), 404);
    }

    #[tokio::test]
    async fn the_key_is_a_header_and_never_in_the_url() {
        let status = async |key: Option<&str>, path: &str| {
            let mut request = Request::post(path);
            if let Some(key) = key {
                request = request.header("x-goog-api-key", key);
            }
            let mock = Mock::gemini().require_key("right");
            mock.oneshot(request.body(hello().to_string()).unwrap()).await.unwrap().status().as_u16()
        };
        assert_eq!(status(Some("right"), PATH).await, 200);
        assert_eq!(status(Some("wrong"), PATH).await, 400);
        assert_eq!(status(None, PATH).await, 403);
        assert_eq!(status(Some("right"), &format!("{PATH}?key=right")).await, 400);
    }
}
