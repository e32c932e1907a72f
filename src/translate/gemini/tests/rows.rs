//! What single fields and messages become.

use super::*;

const OLD: &str = "gemini-2.5-flash";
const NEW: &str = "gemini-3-flash";

fn upstream(model: &str, messages: &Value, more: &Value) -> Result<Upstream, ApiError> {
    encode(&gemini(), &with(json!({"model": model, "messages": messages}), more)).map(|(upstream, _)| upstream)
}

fn contents(model: &str, messages: &Value) -> Value {
    body(&upstream(model, messages, &json!({})).unwrap())["contents"].clone()
}

fn field(model: &str, more: &Value, name: &str) -> Value {
    body(&upstream(model, &json!([{"role": "user", "content": "hi"}]), more).unwrap())[name].clone()
}

fn refused(more: &Value) -> String {
    let error = upstream(OLD, &json!([{"role": "user", "content": "hi"}]), more).unwrap_err();
    assert_eq!(error.status(), 400);
    error.param().unwrap().to_owned()
}

fn reported(model: &str, more: &Value) -> Vec<String> {
    let upstream = upstream(model, &json!([{"role": "user", "content": "hi"}]), more).unwrap();
    upstream.dropped.iter().map(str::to_owned).collect()
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{\"a\":1}"}})
}

#[test]
fn efforts_are_budgets_or_levels() {
    let thinking = |model, effort: &str| {
        field(model, &json!({"reasoning_effort": effort}), "generationConfig")["thinkingConfig"].clone()
    };
    assert_eq!(thinking(OLD, "none"), json!({"thinkingBudget": 0.0}));
    assert_eq!(thinking(OLD, "medium"), json!({"thinkingBudget": 8192.0, "includeThoughts": true}));
    assert_eq!(thinking("gemini-2.5-pro", "none"), json!({"thinkingBudget": 128.0}));
    assert_eq!(thinking(NEW, "minimal"), json!({"thinkingLevel": "MINIMAL", "includeThoughts": true}));
    assert_eq!(thinking(NEW, "max"), json!({"thinkingLevel": "HIGH", "includeThoughts": true}));
    assert_eq!(thinking("gemini-3-pro", "none"), json!({"thinkingLevel": "LOW"}));
    assert_eq!(reported("gemini-3-pro", &json!({"reasoning_effort": "medium"})), ["reasoning_effort"]);
    assert_eq!(reported("gemini-3.1-pro", &json!({"reasoning_effort": "medium"})), [""; 0]);
    assert_eq!(reported(NEW, &json!({"reasoning_effort": "xhigh"})), ["reasoning_effort"]);
    assert_eq!(reported(OLD, &json!({"reasoning_effort": "max"})), ["reasoning_effort"]);
    assert_eq!(refused(&json!({"reasoning_effort": "a lot"})), "reasoning_effort");
}

#[test]
fn choices_among_tools() {
    let tools =
        json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let config = |choice: Value| {
        field(OLD, &json!({"tools": tools, "tool_choice": choice}), "toolConfig")["functionCallingConfig"].clone()
    };
    assert_eq!(config(json!("auto")), json!({"mode": "AUTO"}));
    assert_eq!(config(json!("none")), json!({"mode": "NONE"}));
    assert_eq!(config(json!("required")), json!({"mode": "ANY"}));
    let named = json!({"type": "function", "function": {"name": "g"}});
    assert_eq!(config(named.clone()), json!({"mode": "ANY", "allowedFunctionNames": ["g"]}));
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}});
    assert_eq!(config(allowed.clone()), json!({"mode": "ANY"}));
    let shown = field(OLD, &json!({"tools": tools, "tool_choice": allowed}), "tools");
    assert_eq!(shown, json!([{"functionDeclarations": [{"name": "g"}]}]));
    assert_eq!(reported(OLD, &json!({"tools": tools, "parallel_tool_calls": false})), ["parallel_tool_calls"]);
    assert_eq!(reported(OLD, &json!({"parallel_tool_calls": false})), [""; 0]);
}

#[test]
fn schemas_stay_as_they_are() {
    let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "additionalProperties": false,
        "$defs": {"A": {"const": 1.0}}});
    let tools = json!([{"type": "function", "function": {"name": "f", "strict": true, "parameters": schema}},
        {"type": "custom", "custom": {"name": "c"}}]);
    let declared = &field(OLD, &json!({"tools": tools}), "tools")[0]["functionDeclarations"];
    assert_eq!(declared[0]["parametersJsonSchema"], schema);
    assert_eq!(declared[1]["parametersJsonSchema"]["required"], json!(["input"]));
    assert_eq!(reported(OLD, &json!({"tools": tools})), ["tools.function.strict"]);
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}});
    assert_eq!(field(OLD, &format, "generationConfig")["responseJsonSchema"], schema);
    let old = field(
        "gemini-1.5-pro",
        &json!({"response_format": {"type": "json_schema", "json_schema":
        {"name": "n", "schema": {"$schema": "x", "type": ["string", "null"]}}}}),
        "generationConfig",
    );
    assert_eq!(old["responseSchema"], json!({"type": "string", "nullable": true}));
    let json = field(OLD, &json!({"response_format": {"type": "json_object"}}), "generationConfig");
    assert_eq!(json, json!({"responseMimeType": "application/json"}));
}

#[test]
fn numbers_and_words() {
    let config = |more: Value| field(OLD, &more, "generationConfig");
    assert_eq!(config(json!({"max_tokens": 5, "max_completion_tokens": 6})), json!({"maxOutputTokens": 6.0}));
    assert_eq!(config(json!({"stop": ["\n", ""]})), json!({"stopSequences": ["\n"]}));
    assert_eq!(config(json!({"presence_penalty": 1, "top_k": 3})), json!({"topK": 3.0, "presencePenalty": 1.0}));
    assert_eq!(field(OLD, &json!({"service_tier": "default"}), "serviceTier"), "standard");
    assert_eq!(field(OLD, &json!({"service_tier": "auto"}), "serviceTier"), Value::Null);
    for (name, value) in [
        ("seed", json!(1.5)),
        ("service_tier", json!("scale")),
        ("temperature", json!(2.1)),
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("safetySettings", json!([])),
    ] {
        assert_eq!(refused(&json!({name: value})), name);
    }
    // Hints: what cannot be said is left out, and the client hears of it.
    assert_eq!(field(NEW, &json!({"frequency_penalty": 1}), "generationConfig"), Value::Null);
    assert_eq!(reported(NEW, &json!({"frequency_penalty": 1, "presence_penalty": 0})), ["frequency_penalty"]);
    for seed in [json!(2_147_483_648_u64), json!(-2_147_483_649_i64)] {
        assert_eq!(config(json!({"seed": seed})), Value::Null);
        assert_eq!(reported(OLD, &json!({"seed": seed})), ["seed"]);
    }
    assert_eq!(config(json!({"seed": i32::MIN})), json!({"seed": f64::from(i32::MIN)}));
    assert_eq!(field(OLD, &json!({"cachedContent": "cachedContents/1"}), "cachedContent"), "cachedContents/1");
}

#[test]
fn results_stand_in_the_order_of_the_calls_and_alone() {
    let messages = json!([
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [call("a", "f"), call("b", "g")]},
        {"role": "tool", "tool_call_id": "b", "content": "[1]"},
        {"role": "tool", "tool_call_id": "a", "content": "{\"x\": {\"$ref\": \"y\"}}", "is_error": true},
        {"role": "user", "content": "and?"},
    ]);
    let contents = contents(OLD, &messages);
    let results = json!([
        {"functionResponse": {"name": "f", "response": {"error": "{\"x\": {\"$ref\": \"y\"}}"}}},
        {"functionResponse": {"name": "g", "response": {"output": "[1]"}}},
    ]);
    assert_eq!(contents[2], json!({"role": "user", "parts": results}));
    assert_eq!(contents[3], json!({"role": "user", "parts": [{"text": "and?"}]}));
}

#[test]
fn images_in_results_stand_inside_where_the_model_takes_them() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}});
    let messages = json!([
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [call("a", "f")]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "see"}, image]},
    ]);
    let inline = json!({"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}});
    let old = json!([{"functionResponse": {"name": "f", "response": {"output": "see"}}}, inline]);
    assert_eq!(contents(OLD, &messages)[2]["parts"], old);
    let new = json!([{"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}, "parts": [inline]}}]);
    assert_eq!(contents(NEW, &messages)[2]["parts"], new);
}

#[test]
fn signatures_come_from_every_carrier() {
    let details = json!([
        {"type": "reasoning.encrypted", "format": "google-gemini-v1", "id": "b", "data": "QkI="},
        {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": "VFQ="},
        {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "id": "c", "data": "Q0M="},
    ]);
    let own = with(call("a", "f"), &json!({"extra_content": {"google": {"thought_signature": "QUE="}}}));
    let calls = json!([own, call("b", "f"), call("c", "f"), call("d__thought__REQ=", "f")]);
    let ids = ["a", "b", "c", "d__thought__REQ="];
    let mut messages = vec![
        json!({"role": "user", "content": "?"}),
        json!({"role": "assistant", "content": "well", "tool_calls": calls, "reasoning_details": details}),
    ];
    messages.extend(ids.map(|id| json!({"role": "tool", "tool_call_id": id, "content": ""})));
    let contents = contents(NEW, &json!(messages));
    let signatures: Vec<&Value> =
        contents[1]["parts"].as_array().unwrap().iter().map(|part| &part["thoughtSignature"]).collect();
    assert_eq!(json!(signatures), json!(["VFQ=", "QUE=", "QkI=", null, "REQ="]));
    assert_eq!(contents[1]["parts"][4]["functionCall"]["id"], "d");
}

#[test]
fn calls_of_another_model_get_googles_word_for_no_signature() {
    let messages = json!([
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [call("a", "f"), call("b", "f")]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]);
    let parts = contents(NEW, &messages)[1]["parts"].clone();
    assert_eq!(parts[0]["thoughtSignature"], "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=");
    assert_eq!(parts[1]["thoughtSignature"], Value::Null);
    assert_eq!(contents(OLD, &messages)[1]["parts"][0]["thoughtSignature"], Value::Null);
}

#[test]
fn a_signature_without_text_has_a_part_of_its_own() {
    let detail = json!([{"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": "VFQ="}]);
    let messages = json!([
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "reasoning_details": detail},
        {"role": "user", "content": "!"},
    ]);
    assert_eq!(contents(NEW, &messages)[1]["parts"], json!([{"text": "", "thoughtSignature": "VFQ="}]));
}

#[test]
fn instructions_lead_and_later_ones_keep_their_place() {
    let messages = json!([
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]},
        {"role": "system", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "system", "content": "d"},
    ]);
    let sent = upstream(OLD, &messages, &json!({})).unwrap();
    assert!(sent.dropped.iter().eq(["messages.role"]));
    let body = body(&sent);
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "a"}, {"text": "b"}]}));
    assert_eq!(body["contents"], json!([{"role": "user", "parts": [{"text": "c"}, {"text": "d"}]}]));
    let nobody = upstream(OLD, &json!([{"role": "system", "content": "b"}]), &json!({})).unwrap_err();
    assert_eq!(nobody.param(), Some("messages"));
}

#[test]
fn media() {
    let parts = |part: Value| contents(OLD, &json!([{"role": "user", "content": [part]}]))[0]["parts"][0].clone();
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    assert_eq!(parts(audio), json!({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}));
    let pdf = json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}});
    assert_eq!(parts(pdf), json!({"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}));
    let stored =
        json!({"type": "file", "file": {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/x"}});
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/x";
    assert_eq!(parts(stored), json!({"fileData": {"fileUri": uri}}));
    let bucket = json!({"type": "image_url", "image_url": {"url": "gs://b/a.PNG"}});
    assert_eq!(parts(bucket), json!({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.PNG"}}));
    for (part, place) in [
        (json!({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}}), "image_url.url"),
        (json!({"type": "image_url", "image_url": {"url": "nonsense"}}), "image_url.url"),
        (json!({"type": "file", "file": {"file_id": "file-1"}}), "file.file_id"),
        (json!({"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}}), "file.file_data"),
        (json!({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}), "input_audio.data"),
    ] {
        let error = upstream(OLD, &json!([{"role": "user", "content": [part]}]), &json!({})).unwrap_err();
        assert_eq!(error.param().unwrap(), format!("messages[0].content[0].{place}"));
    }
}
