//! What a client makes of an answer: the same form for a stream and for a whole one.

use serde_json::{Map, Value, json};

/// A stream, folded, in the form of [`canonical`]; and the error or `[DONE]` that it ends with.
pub(in crate::translate) fn fold(stream: &str) -> (Value, Value) {
    let mut message = Map::new();
    let mut details: Vec<Value> = Vec::new();
    let mut calls: Vec<Value> = Vec::new();
    let mut annotations: Vec<Value> = Vec::new();
    let (mut finish, mut native, mut usage, mut end) = (Value::Null, Value::Null, Value::Null, Value::Null);
    let mut same = None;
    let mut tier = Value::Null;
    for block in stream.split_terminator("\n\n") {
        assert_eq!(end, Value::Null, "nothing follows the end");
        let data = block.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            end = json!("[DONE]");
            continue;
        }
        let mut chunk: Value = serde_json::from_str(data).unwrap();
        if chunk.get("error").is_some() {
            end = chunk;
            continue;
        }
        let ids = json!([chunk["id"], chunk["model"], chunk["created"], chunk["object"]]);
        assert_eq!(*same.get_or_insert(ids.clone()), ids);
        usage = chunk["usage"].take();
        if let Some(told) = chunk.get("service_tier") {
            tier = told.clone();
        }
        let Some(choice) = chunk["choices"].get_mut(0) else { continue };
        if !choice["finish_reason"].is_null() {
            assert_eq!(finish, Value::Null, "one finish");
            finish = choice["finish_reason"].take();
            native = choice["native_finish_reason"].take();
        }
        for (key, value) in choice["delta"].as_object().unwrap() {
            match key.as_str() {
                "role" => assert!(message.insert(key.clone(), value.clone()).is_none(), "one role"),
                "reasoning_details" => value.as_array().unwrap().iter().for_each(|piece| merge(&mut details, piece)),
                "tool_calls" => value.as_array().unwrap().iter().for_each(|piece| call(&mut calls, piece)),
                "annotations" => annotations.extend(value.as_array().unwrap().iter().cloned()),
                _ => append(&mut message, key, value),
            }
        }
    }
    message.insert("reasoning_details".to_owned(), details.into());
    message.insert("tool_calls".to_owned(), calls.into());
    message.insert("annotations".to_owned(), annotations.into());
    let choice = json!({"message": message, "finish_reason": finish, "native_finish_reason": native});
    let same = same.unwrap_or_else(|| json!([null, null]));
    (
        canonical(&json!({"id": same[0], "model": same[1], "choices": [choice], "usage": usage, "service_tier": tier})),
        end,
    )
}

fn append(object: &mut Map<String, Value>, key: &str, value: &Value) {
    let more = value.as_str().unwrap_or_default();
    let before = object.get(key).and_then(Value::as_str).unwrap_or_default();
    object.insert(key.to_owned(), json!(format!("{before}{more}")));
}

fn merge(details: &mut Vec<Value>, piece: &Value) {
    let same = |last: &&mut Value| last["index"] == piece["index"] && last["type"] == piece["type"];
    match details.last_mut().filter(same) {
        Some(last) => {
            for key in ["text", "signature"] {
                if piece.get(key).is_some() {
                    append(last.as_object_mut().unwrap(), key, &piece[key]);
                }
            }
        }
        None => details.push(piece.clone()),
    }
}

fn call(calls: &mut Vec<Value>, piece: &Value) {
    let index = piece["index"].as_u64().unwrap() as usize;
    if index == calls.len() {
        let mut begun = piece.clone();
        begun.as_object_mut().unwrap().remove("index");
        assert!(begun["id"].is_string() && begun["type"].is_string());
        return calls.push(begun);
    }
    assert_eq!(index + 1, calls.len(), "calls are serialised");
    if let Some(extra) = piece.get("extra_content") {
        calls[index]["extra_content"] = extra.clone();
    }
    for (kind, key) in [("function", "arguments"), ("custom", "input")] {
        if let Some(inner) = piece.get(kind) {
            append(calls[index][kind].as_object_mut().unwrap(), key, &inner[key]);
        }
    }
}

/// An answer without what is free: `created`, empty and zero-valued extras, the spelling of arguments.
pub(in crate::translate) fn canonical(answer: &Value) -> Value {
    let choice = &answer["choices"][0];
    let mut message = choice["message"].clone();
    for call in message["tool_calls"].as_array_mut().into_iter().flatten() {
        if let Some(args) = call["function"]["arguments"].as_str() {
            call["function"]["arguments"] = serde_json::from_str(args).unwrap_or(json!(args));
        } else if call.get("function").is_some_and(Value::is_null) {
            call.as_object_mut().unwrap().remove("function");
        }
    }
    for detail in message["reasoning_details"].as_array_mut().into_iter().flatten() {
        if detail["type"] == "reasoning.text" && detail.get("text").is_none() {
            detail["text"] = json!("");
        }
    }
    let empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]);
    message.as_object_mut().unwrap().retain(|_, value| !empty(value));
    let mut usage = answer["usage"].clone();
    for key in ["prompt_tokens_details", "completion_tokens_details"] {
        if let Some(details) = usage.get_mut(key).and_then(Value::as_object_mut) {
            details.retain(|_, count| *count != json!(0));
            if details.is_empty() {
                usage.as_object_mut().unwrap().remove(key);
            }
        }
    }
    json!({
        "id": answer["id"], "model": answer["model"], "message": message, "usage": usage,
        "service_tier": answer["service_tier"],
        "finish_reason": choice["finish_reason"], "native_finish_reason": choice["native_finish_reason"],
    })
}
