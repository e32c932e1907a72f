use http_body_util::BodyExt;
use serde_json::json;

use super::*;

const REMARK: &str = "This is a mock: no model was asked. You said: Hello there";

async fn stream(request: &Value) -> Vec<(String, Value)> {
    let response = ask(&Mock::bedrock(), CONVERSE_STREAM, request).await;
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert!(!response.headers().contains_key("content-length"));
    events(&bytes(response).await.unwrap())
}

/// The deltas of one block.
fn deltas(events: &[(String, Value)], index: usize) -> Vec<&Value> {
    let deltas =
        events.iter().filter(|(name, event)| name == "contentBlockDelta" && event["contentBlockIndex"] == index);
    deltas.map(|(_, event)| &event["delta"]).collect()
}

#[tokio::test]
async fn the_default_answer_repeats_the_user() {
    let response = ask(&Mock::bedrock(), CONVERSE, &hello()).await;
    assert_eq!(response.headers()["x-amzn-requestid"], "req_mock_1");
    let answer = json(response).await;
    assert_eq!(answer["output"]["message"], json!({"role": "assistant", "content": [{"text": REMARK}]}));
    assert_eq!(answer["stopReason"], "end_turn");
    let usage = json!({
        "inputTokens": 5, "outputTokens": 15, "totalTokens": 20, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0,
    });
    assert_eq!(answer["usage"], usage);
}

#[tokio::test]
async fn a_stream_says_the_same() {
    let events = stream(&hello()).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["messageStart", "contentBlockDelta"]);
    assert_eq!(names[names.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    let deltas = deltas(&events, 0);
    assert!(deltas.len() > 5);
    assert_eq!(deltas.iter().map(|delta| delta["text"].as_str().unwrap()).collect::<String>(), REMARK);
    assert_eq!(events[events.len() - 2].1["stopReason"], "end_turn");
    assert_eq!(events[events.len() - 1].1["usage"]["totalTokens"], 20);
}

#[tokio::test]
async fn each_event_is_a_frame_unless_told_otherwise() {
    let mut body = ask(&Mock::bedrock(), CONVERSE_STREAM, &hello()).await.into_body();
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        assert_eq!(events(&frame.unwrap().into_data().unwrap()).len(), 1);
        frames += 1;
    }
    assert!(frames > 8);
}

fn with_tools(choice: Value) -> Value {
    let schema = json!({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]});
    let tools = json!([
        {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object"}}}},
        {"toolSpec": {"name": "weather", "description": "Of a town", "inputSchema": {"json": schema}}},
        {"cachePoint": {"type": "default"}},
    ]);
    with(hello(), json!({"toolConfig": {"tools": tools, "toolChoice": choice}}))
}

#[tokio::test]
async fn a_forced_tool_is_called() {
    for (choice, name, input) in [
        (json!({"any": {}}), "clock", json!({})),
        (json!({"tool": {"name": "weather"}}), "weather", json!({"town": "mock"})),
    ] {
        let request = with_tools(choice);
        let answer = say(&request).await;
        assert_eq!(answer["stopReason"], "tool_use");
        let call = json!({"toolUse": {"toolUseId": "tooluse_mock_1", "name": name, "input": input}});
        assert_eq!(answer["output"]["message"]["content"], json!([call]));

        let events = stream(&request).await;
        assert_eq!(events[1].0, "contentBlockStart");
        assert_eq!(events[1].1["start"], json!({"toolUse": {"toolUseId": "tooluse_mock_1", "name": name}}));
        let pieces = deltas(&events, 0);
        let streamed: String = pieces.iter().map(|delta| delta["toolUse"]["input"].as_str().unwrap()).collect();
        assert_eq!(streamed, input.to_string());
    }
    assert_eq!(say(&with_tools(json!({"auto": {}}))).await["stopReason"], "end_turn");
}

#[tokio::test]
async fn a_tool_result_is_told() {
    let mut request = with_tools(json!({"auto": {}}));
    let turns = request["messages"].as_array_mut().unwrap();
    let call = json!({"toolUse": {"toolUseId": "x", "name": "weather", "input": {"town": "Graz"}}});
    let result = json!({"toolResult": {"toolUseId": "x", "content": [{"text": "sunny"}]}});
    turns.push(json!({"role": "assistant", "content": [call]}));
    turns.push(json!({"role": "user", "content": [result]}));
    let text = &say(&request).await["output"]["message"]["content"][0]["text"];
    assert_eq!(text, "This is a mock: no model was asked. The tool said: sunny");
}

#[tokio::test]
async fn structured_output_fits_its_schema() {
    let schema = r#"{"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}"#;
    let structure = json!({"jsonSchema": {"name": "r", "schema": schema}});
    let format = json!({"textFormat": {"type": "json_schema", "structure": structure}});
    let answer = say(&with(hello(), json!({"outputConfig": format}))).await;
    assert_eq!(answer["output"]["message"]["content"][0]["text"], r#"{"n":1.5}"#);
}

#[tokio::test]
async fn reasoning_comes_first_and_signed() {
    for fields in [
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        json!({"thinking": {"type": "adaptive"}}),
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
    ] {
        let request = with(hello(), json!({"additionalModelRequestFields": fields}));
        let thought = json!({"text": "A mock does not think.", "signature": "bW9jaw=="});
        let content = &say(&request).await["output"]["message"]["content"];
        assert_eq!(content[0]["reasoningContent"]["reasoningText"], thought);
        assert_eq!(content[1]["text"], REMARK);

        let events = stream(&request).await;
        let reasoning = deltas(&events, 0);
        let part = |name: &str| -> String {
            reasoning.iter().filter_map(|delta| delta["reasoningContent"][name].as_str()).collect()
        };
        assert_eq!((part("text").as_str(), part("signature").as_str()), ("A mock does not think.", "bW9jaw=="));
        assert_eq!(deltas(&events, 1).iter().map(|delta| delta["text"].as_str().unwrap()).collect::<String>(), REMARK);
    }
}

#[tokio::test]
async fn a_script_breaks_streams_as_well() {
    let mock = Mock::bedrock();
    let exception = EventStream::new()
        .event("messageStart", json!({"role": "assistant"}))
        .exception("throttlingException", json!({"message": "Too many tokens, please wait."}));
    mock.answer(Answer::raw(200, EventStream::MEDIA_TYPE, exception));
    mock.answer(Answer::text("cut").cut_after(20)).answer(Answer::text("scripted").usage(7, 3));

    let response = ask(&mock, CONVERSE_STREAM, &hello()).await;
    let seen = events(&bytes(response).await.unwrap());
    assert_eq!(seen[1], ("throttlingException".to_owned(), json!({"message": "Too many tokens, please wait."})));
    assert!(bytes(ask(&mock, CONVERSE_STREAM, &hello()).await).await.is_err());
    let seen = events(&bytes(ask(&mock, CONVERSE_STREAM, &hello()).await).await.unwrap());
    assert_eq!(seen[1].1["delta"]["text"], "scripted");
    assert_eq!(seen[seen.len() - 1].1["usage"]["inputTokens"], 7);
}
