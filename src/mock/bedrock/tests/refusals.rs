use serde_json::json;

use super::*;

/// The message of the refusal.
async fn refused(request: &Value) -> String {
    let response = ask(&Mock::bedrock(), CONVERSE, request).await;
    assert_eq!((response.status().as_u16(), exception(&response)), (400, "ValidationException"), "{request}");
    json(response).await["message"].as_str().unwrap().to_owned()
}

fn said(messages: Value) -> Value {
    json!({"messages": messages})
}

fn content(blocks: Value) -> Value {
    said(json!([{"role": "user", "content": blocks}]))
}

fn spec(fields: Value) -> Value {
    let spec = with(json!({"name": "clock", "inputSchema": {"json": {"type": "object"}}}), fields);
    json!({"toolConfig": {"tools": [{"toolSpec": spec}]}})
}

fn tool(fields: Value) -> Value {
    with(hello(), spec(fields))
}

/// A conversation with a call and a result.
fn called(call: Value, results: Value) -> Value {
    let call = with(json!({"toolUseId": "c1", "name": "clock", "input": {}}), call);
    let messages = json!([
        {"role": "user", "content": [{"text": "x"}]},
        {"role": "assistant", "content": [{"toolUse": call}]},
        {"role": "user", "content": results},
    ]);
    with(said(messages), spec(json!({})))
}

fn result(id: &str) -> Value {
    json!({"toolResult": {"toolUseId": id, "content": [{"text": "noon"}]}})
}

#[tokio::test]
async fn the_shape_of_a_request_is_checked() {
    let document = |name: &str| json!({"document": {"format": "pdf", "name": name, "source": {"bytes": "eA=="}}});
    let image = |format: &str| json!([{"image": {"format": format, "source": {"bytes": "eA=="}}}]);
    let choice = |choice: Value| {
        let mut request = tool(json!({}));
        request["toolConfig"]["toolChoice"] = choice;
        request
    };
    let format = |kind: &str, schema: Value| {
        let structure = json!({"jsonSchema": {"schema": schema}});
        with(hello(), json!({"outputConfig": {"textFormat": {"type": kind, "structure": structure}}}))
    };
    let inference = |config: Value| with(hello(), json!({"inferenceConfig": config}));
    let fields = json!({"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}});
    let unsigned = json!({"reasoningContent": {"reasoningText": {"text": "hm"}}});
    let no_tools = with(called(json!({}), json!([result("c1")])), json!({"toolConfig": null}));
    let rows = [
        (json!("not a request"), "Malformed input request"),
        (json!({}), "must start with a user message"),
        (said(json!([{"role": "assistant", "content": [{"text": "x"}]}])), "must start with a user message"),
        (said(json!([{"role": "tool", "content": [{"text": "x"}]}])), "'messages.1.member.role'"),
        (
            said(json!([{"role": "user", "content": [{"text": "x"}]}, {"role": "user", "content": [{"text": "x"}]}])),
            "must alternate",
        ),
        (content(json!([])), "messages.0 is empty"),
        (content(json!("text")), "messages.0 is empty"),
        (content(json!([{"text": "x"}, {"type": "text"}])), "messages.0.content.1 must set one of"),
        (content(json!([{"text": "x", "image": {}}])), "messages.0.content.0 must set one of"),
        (content(json!([{"text": " \n"}])), "messages.0.content.0 is blank"),
        (with(hello(), json!({"system": [{"text": ""}]})), "system.0 is blank"),
        (with(hello(), json!({"system": [{"image": {}}]})), "system.0 must set one of"),
        (content(image("jpg")), "'messages.0.content.0.image.format'"),
        (content(json!([{"image": {"format": "png"}}])), "'messages.0.content.0.image.source'"),
        (content(json!([document("a")])), "A text block must be included"),
        (content(json!([{"text": "x"}, document("a.pdf")])), "The document file name"),
        (content(json!([{"text": "x"}, document("a  b")])), "The document file name"),
        (content(json!([{"reasoningContent": {}}])), "content.0.reasoningContent must set one of"),
        (no_tools, "The toolConfig field must be defined"),
        (with(hello(), json!({"toolConfig": {"tools": []}})), "'toolConfig.tools'"),
        (tool(json!({"name": "a clock"})), "'toolConfig.tools.1.member.toolSpec.name'"),
        (tool(json!({"name": "c".repeat(65)})), "'toolConfig.tools.1.member.toolSpec.name'"),
        (tool(json!({"description": ""})), "'toolConfig.tools.1.member.toolSpec.description'"),
        (tool(json!({"inputSchema": {"json": {}}})), "toolSpec.inputSchema.json.type"),
        (choice(json!({"none": {}})), "toolConfig.toolChoice must set one of"),
        (choice(json!({"tool": {"name": "weather"}})), "\"weather\" of toolConfig.toolChoice"),
        (with(choice(json!({"any": {}})), fields.clone()), "Thinking may not be enabled"),
        (with(content(json!([unsigned])), fields), "messages.0.content.0.thinking.signature: Field required"),
        (called(json!({"toolUseId": "c/1"}), json!([result("c1")])), "'messages.1.content.0.toolUse.toolUseId'"),
        (called(json!({"name": ""}), json!([result("c1")])), "'messages.1.content.0.toolUse.name'"),
        (called(json!({"input": "{}"}), json!([result("c1")])), "messages.1.content.0.toolUse.input is invalid"),
        (called(json!({}), json!([{"text": "x"}])), "messages.2.content for the following Ids: c1"),
        (called(json!({}), json!([result("c1"), result("c2")])), "messages.2.content exceeds"),
        (called(json!({}), json!([result("c/1")])), "'messages.2.content.0.toolResult.toolUseId'"),
        (called(json!({}), json!([{"toolResult": {"toolUseId": "c1"}}])), "'messages.2.content.0.toolResult.content'"),
        (
            called(json!({}), json!([{"toolResult": {"toolUseId": "c1", "content": ["noon"]}}])),
            "messages.2.content.0.toolResult.content.0 must set one of",
        ),
        (inference(json!({"maxTokens": 0})), "'inferenceConfig.maxTokens'"),
        (inference(json!({"temperature": 1.5})), "'inferenceConfig.temperature'"),
        (inference(json!({"topP": "0.5"})), "'inferenceConfig.topP'"),
        (inference(json!({"stopSequences": ["x", ""]})), "'inferenceConfig.stopSequences.2.member'"),
        (format("json_object", json!("{}")), "'outputConfig.textFormat.type'"),
        (format("json_schema", json!({"type": "object"})), "jsonSchema.schema is not a JSON schema"),
        (format("json_schema", json!("{")), "jsonSchema.schema is not a JSON schema"),
    ];
    for (request, expected) in rows {
        let message = refused(&request).await;
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn what_is_right_is_answered() {
    let golden = [
        include_str!("../../../../tests/golden/bedrock/text_basic.request.provider.json"),
        include_str!("../../../../tests/golden/bedrock/tools_history.request.provider.json"),
        include_str!("../../../../tests/golden/bedrock/structured_output.request.provider.json"),
        include_str!("../../../../tests/golden/bedrock/arn_model_path.request.provider.json"),
    ];
    let golden = golden.map(|request| serde_json::from_str(request).unwrap());
    let empty = called(json!({}), json!([{"toolResult": {"toolUseId": "c1", "content": [], "status": "error"}}]));
    // Models other than Claude do not sign.
    let unsigned = json!([
        {"role": "user", "content": [{"text": "x"}]},
        {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "y"}]},
        {"role": "user", "content": [{"text": "x"}]},
    ]);
    for request in golden.into_iter().chain([empty, said(unsigned), tool(json!({"description": "Tells the time"}))]) {
        let response = ask(&Mock::bedrock(), CONVERSE, &request).await;
        assert_eq!(response.status(), 200, "{:?}", json(response).await);
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_unknown_with_a_200() {
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile";
    for path in [format!("/model/{arn}/abc/converse"), "/model//converse".into(), "/converse".into(), "/model/m".into()]
    {
        let response = ask(&Mock::bedrock(), &path, &hello()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(!response.headers().contains_key("x-amzn-errortype"));
        assert_eq!(json(response).await["Output"]["__type"], "com.amazon.coral.service#UnknownOperationException");
    }
    for path in [format!("/model/{arn}%2Fabc/converse"), "http://host/prefix/model/m/converse".into()] {
        assert!(json(ask(&Mock::bedrock(), &path, &hello()).await).await["output"].is_object(), "{path}");
    }
}

#[tokio::test]
async fn an_error_has_its_name_in_a_header() {
    let mock = Mock::bedrock();
    for (status, name) in [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ] {
        mock.answer(Answer::error(status));
        let response = ask(&mock, CONVERSE_STREAM, &hello()).await;
        assert_eq!((response.status().as_u16(), exception(&response)), (status, name));
        let message = format!("This is a mock error with the status {status}.");
        assert_eq!(json(response).await, json!({"message": message}));
    }
}
