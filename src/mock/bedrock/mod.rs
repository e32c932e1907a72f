//! Amazon Bedrock's Converse and ConverseStream, as the provider speaks them.

mod access;
mod check;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Value, json};

use super::protocol::{Draft, Protocol, Refusal, Reply, last_user_text, messages, pieces, text_of};
use super::{EventStream, Recorded, schema};

/// What a mock thinks, and how it signs that: nothing hangs on the one or the other.
const THOUGHT: &str = "A mock does not think.";
const SIGNATURE: &str = "bW9jaw==";

/// The end of the path of a whole answer, and of a streamed one.
const CONVERSE: &str = "converse";
const CONVERSE_STREAM: &str = "converse-stream";

/// What Amazon calls a path that it does not know. It answers with a 200.
const UNKNOWN_OPERATION: &str = "UnknownOperationException";

#[derive(Debug)]
pub(super) struct Bedrock;

impl Protocol for Bedrock {
    /// The id of the model is one segment: an ARN with its slash as it is makes another path.
    fn serves(&self, path: &str) -> bool {
        let mut segments = path.rsplit('/');
        let operation = segments.next();
        let model = segments.next().unwrap_or_default();
        matches!(operation, Some(CONVERSE | CONVERSE_STREAM)) && !model.is_empty() && segments.next() == Some("model")
    }

    fn unknown(&self, _path: &str) -> Refusal {
        Refusal::new(200, "").code(UNKNOWN_OPERATION)
    }

    fn streams(&self, path: &str, _request: &Value) -> bool {
        path.ends_with(CONVERSE_STREAM)
    }

    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal> {
        access::check(request, key)
    }

    fn check(&self, request: &Value) -> Result<(), Refusal> {
        check::check(request)
    }

    fn reply(&self, request: &Value) -> Reply {
        if let Some(result) = tool_results(request) {
            return Reply::remark("The tool said", &result);
        }
        if let Some(name) = forced_tool(request) {
            let parameters = &tools(request).find(|tool| tool["name"] == name).unwrap_or(&Value::Null)["inputSchema"];
            return Reply::Tool { name: name.to_owned(), arguments: schema::object(&parameters["json"]) };
        }
        if let Some(schema) = answer_schema(request) {
            return Reply::Text(schema::instance(&schema).to_string());
        }
        Reply::remark("You said", &last_user_text(request))
    }

    fn prompt(&self, request: &Value) -> String {
        text_of(&request["system"]) + &text_of(&request["messages"])
    }

    fn unary(&self, draft: &Draft<'_>) -> Value {
        let mut content = Vec::new();
        if thinks(draft.request) {
            content.push(json!({"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}}));
        }
        content.push(match &draft.reply {
            Reply::Text(text) => json!({"text": text}),
            Reply::Tool { name, arguments } => {
                json!({"toolUse": {"toolUseId": tool_use_id(draft), "name": name, "input": arguments}})
            }
        });
        json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": stop_reason(draft),
            "usage": usage(draft),
            "metrics": {"latencyMs": 1},
        })
    }

    fn stream(&self, draft: &Draft<'_>) -> Bytes {
        let mut stream = Stream::begin();
        if thinks(draft.request) {
            let thought = pieces(THOUGHT).map(|piece| json!({"reasoningContent": {"text": piece}}));
            stream = stream.block(None, thought.chain([json!({"reasoningContent": {"signature": SIGNATURE}})]));
        }
        let stream = match &draft.reply {
            Reply::Text(text) => stream.block(None, pieces(text).map(|piece| json!({"text": piece}))),
            Reply::Tool { name, arguments } => {
                let start = json!({"toolUse": {"toolUseId": tool_use_id(draft), "name": name}});
                let arguments = arguments.to_string();
                let deltas = std::iter::once("").chain(pieces(&arguments));
                stream.block(Some(start), deltas.map(|piece| json!({"toolUse": {"input": piece}})))
            }
        };
        stream.end(draft)
    }

    fn stream_type(&self) -> &'static str {
        EventStream::MEDIA_TYPE
    }

    fn error(&self, refusal: &Refusal, _number: usize) -> Value {
        match exception(refusal) {
            UNKNOWN_OPERATION => {
                let kind = format!("com.amazon.coral.service#{UNKNOWN_OPERATION}");
                json!({"Output": {"__type": kind}, "Version": "1.0"})
            }
            _ => json!({"message": refusal.message}),
        }
    }

    fn error_header(&self, refusal: &Refusal) -> Option<(&'static str, String)> {
        let exception = exception(refusal);
        let is_told = exception != UNKNOWN_OPERATION;
        is_told
            .then(|| ("x-amzn-errortype", format!("{exception}:http://internal.amazon.com/coral/com.amazon.bedrock/")))
    }

    fn id_header(&self) -> &'static str {
        "x-amzn-requestid"
    }
}

/// The name of the error, by its status where it has none of its own.
fn exception(refusal: &Refusal) -> &'static str {
    match (refusal.code, refusal.status) {
        (Some(code), _) if code.ends_with("Exception") => code,
        (_, 401 | 403) => "AccessDeniedException",
        (_, 404) => "ResourceNotFoundException",
        (_, 408) => "ModelTimeoutException",
        (_, 424) => "ModelErrorException",
        (_, 429) => "ThrottlingException",
        (_, 503) => "ServiceUnavailableException",
        (_, 500..) => "InternalServerException",
        _ => "ValidationException",
    }
}

fn tools(request: &Value) -> impl Iterator<Item = &Value> {
    request["toolConfig"]["tools"].as_array().into_iter().flatten().filter_map(|tool| tool.get("toolSpec"))
}

/// The name of the tool that `toolChoice` demands.
fn forced_tool(request: &Value) -> Option<&str> {
    let choice = &request["toolConfig"]["toolChoice"];
    match choice.get("any") {
        Some(_) => tools(request).next()?["name"].as_str(),
        None => choice["tool"]["name"].as_str(),
    }
}

/// The schema that the answer has to fit. Amazon takes it as text.
fn answer_schema(request: &Value) -> Option<Value> {
    let schema = request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str()?;
    serde_json::from_str(schema).ok()
}

/// The text of the tool results in the last message, if it holds any.
fn tool_results(request: &Value) -> Option<String> {
    let blocks = messages(request).last()?["content"].as_array()?;
    let mut results = blocks.iter().filter_map(|block| block.get("toolResult")).peekable();
    results.peek()?;
    Some(results.map(text_of).collect())
}

/// Whether the request switches reasoning on, in Claude's words or in Nova's.
fn thinks(request: &Value) -> bool {
    let fields = &request["additionalModelRequestFields"];
    let kind = |name: &str| fields[name]["type"].as_str();
    matches!(kind("thinking"), Some("enabled" | "adaptive")) || kind("reasoningConfig") == Some("enabled")
}

fn tool_use_id(draft: &Draft<'_>) -> String {
    format!("tooluse_mock_{}", draft.number)
}

fn stop_reason(draft: &Draft<'_>) -> &'static str {
    match draft.reply {
        Reply::Text(_) => "end_turn",
        Reply::Tool { .. } => "tool_use",
    }
}

fn usage(draft: &Draft<'_>) -> Value {
    json!({
        "inputTokens": draft.input_tokens,
        "outputTokens": draft.output_tokens,
        "totalTokens": draft.input_tokens + draft.output_tokens,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    })
}

/// A message as it is streamed.
struct Stream {
    events: EventStream,
    blocks: usize,
}

impl Stream {
    fn begin() -> Self {
        Self { events: EventStream::new().event("messageStart", json!({"role": "assistant"})), blocks: 0 }
    }

    /// One block. Amazon announces only those with something to say before their first delta.
    fn block(mut self, start: Option<Value>, deltas: impl Iterator<Item = Value>) -> Self {
        let index = self.blocks;
        if let Some(start) = start {
            self = self.event("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
        }
        for delta in deltas {
            self = self.event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
        }
        self.blocks += 1;
        self.event("contentBlockStop", json!({"contentBlockIndex": index}))
    }

    fn end(self, draft: &Draft<'_>) -> Bytes {
        self.event("messageStop", json!({"stopReason": stop_reason(draft)}))
            .event("metadata", json!({"usage": usage(draft), "metrics": {"latencyMs": 1}}))
            .events
            .into()
    }

    /// An event, with the padding that hides the length of what is said from those who watch the line.
    fn event(mut self, name: &str, mut payload: Value) -> Self {
        const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
        payload["p"] = json!(LETTERS[..payload.to_string().len() % LETTERS.len()]);
        self.events = self.events.event(name, payload);
        self
    }
}
