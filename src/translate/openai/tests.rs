//! The golden exchanges of compatible servers and of Azure, whole and cut anywhere.

use std::fs;

use bytes::Bytes;
use http::StatusCode;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Azure, OpenAi, OpenAiDecoder, Profile};
use crate::chat::{AnswerHead, AnswerWriter, ChatRequest, ChunkWriter, Sink};
use crate::error::ApiError;
use crate::translate::decode::fold::{canonical, fold};
use crate::translate::{Decode, Dialect, Upstream};
use crate::usage::UsageCell;

fn text(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn read(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn encode(profile: &str, chat: &ChatRequest) -> (Upstream, OpenAiDecoder) {
    let openai = OpenAi::new("http://h/v1").unwrap().profile(Profile::named(profile).unwrap());
    openai.encode(chat).unwrap()
}

/// The events that a client gets for a stream in these pieces, and what the layers outside see.
fn streamed(mut decoder: OpenAiDecoder, pieces: &[&[u8]], show_usage: bool) -> (String, UsageCell, Option<ApiError>) {
    let cell = UsageCell::new();
    let mut writer = ChunkWriter::new(AnswerHead::now(), cell.clone(), show_usage);
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| decoder.stream(Bytes::copy_from_slice(piece), &mut writer));
    }
    if !writer.is_ended() {
        result = result.and_then(|()| decoder.end(&mut writer));
    }
    let mut out = Vec::new();
    while let Some(frame) = writer.take() {
        out.extend_from_slice(&frame);
    }
    if let Err(error) = &result {
        out.extend_from_slice(&error.to_event());
    }
    (String::from_utf8(out).unwrap(), cell, result.err())
}

/// Without comments, which no client sees.
fn events(stream: &str) -> String {
    stream.split_inclusive("\n\n").filter(|event| event.starts_with("data: ")).collect()
}

const COMPATIBLE: [(&str, &str); 6] = [
    ("deepseek_reasoning", "deepseek"),
    ("groq_x_usage", "groq"),
    ("kimi_usage_in_choice", "moonshot"),
    ("openrouter_comment_and_error", "openrouter"),
    ("perplexity_cumulative", "perplexity"),
    ("sglang_nulls_tool", "sglang"),
];

#[test]
fn requests() {
    let whole = [("mistral_thinking_array", "mistral"), ("xai_reasoning_outside", "xai")];
    for (name, profile) in COMPATIBLE.into_iter().chain(whole) {
        let chat = ChatRequest::from_bytes(text(&format!("compatible/{name}.request.openai.json"))).unwrap();
        let (upstream, _) = encode(profile, &chat);
        let body: Value = serde_json::from_slice(&upstream.body).unwrap();
        assert_eq!(body, read(&format!("compatible/{name}.request.provider.json")), "{name}");
        assert!(upstream.dropped.is_empty(), "{name}: {:?}", upstream.dropped);
    }
}

#[test]
fn streams_fold_to_the_same_answer_however_they_are_cut() {
    for (name, profile) in COMPATIBLE {
        let chat = ChatRequest::from_bytes(text(&format!("compatible/{name}.request.openai.json"))).unwrap();
        let stream = text(&format!("compatible/{name}.response.provider.sse"));
        let expected = text(&format!("compatible/{name}.response.openai.sse"));
        let ours = |pieces: &[&[u8]]| streamed(encode(profile, &chat).1, pieces, chat.include_usage()).0;
        let whole = ours(&[stream.as_bytes()]);
        assert_eq!(answer(&whole), answer(&expected), "{name}");
        assert!(!whole.contains(":null,\"reasoning") && !whole.contains("\"role\":null"));
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(ours(&single), whole, "{name} byte by byte");
        for cut in 0..=stream.len() {
            let (before, after) = stream.as_bytes().split_at(cut);
            assert_eq!(ours(&[before, after]), whole, "{name} cut at {cut}");
        }
    }
}

/// A folded stream, with only those fields of usage that OpenAI has.
fn answer(stream: &str) -> (Value, Value) {
    let (mut folded, end) = fold(&events(stream));
    if let Some(usage) = folded["usage"].as_object_mut() {
        usage.retain(|name, _| !name.starts_with("prompt_cache_"));
    }
    (folded, end)
}

#[test]
fn the_ledger_sees_every_form_of_usage_with_and_without_a_profile() {
    for (name, prompt, cached, completion, reasoning) in [
        ("deepseek_reasoning", 30, 20, 5, 3),
        ("groq_x_usage", 8, 0, 2, 0),
        ("kimi_usage_in_choice", 10, 4, 7, 0),
        ("perplexity_cumulative", 3, 0, 2, 0),
        ("sglang_nulls_tool", 9, 0, 9, 0),
    ] {
        let profile = COMPATIBLE.iter().find(|(other, _)| *other == name).unwrap().1;
        let chat = ChatRequest::from_bytes(text(&format!("compatible/{name}.request.openai.json"))).unwrap();
        let stream = text(&format!("compatible/{name}.response.provider.sse"));
        let plain = OpenAi::new("http://h/v1").unwrap().encode(&chat).unwrap().1;
        for decoder in [plain, encode(profile, &chat).1] {
            let usage = streamed(decoder, &[stream.as_bytes()], true).1.observed().usage.unwrap();
            let seen = (usage.prompt_tokens(), usage.cache_read, usage.completion_tokens(), usage.reasoning);
            assert_eq!(seen, (prompt, cached, completion, reasoning), "{name}");
        }
    }
}

#[test]
fn whole_answers() {
    for (name, profile) in [("mistral_thinking_array", "mistral"), ("xai_reasoning_outside", "xai")] {
        let chat = ChatRequest::from_bytes(text(&format!("compatible/{name}.request.openai.json"))).unwrap();
        let ours = whole(encode(profile, &chat).1, &chat, &text(&format!("compatible/{name}.response.provider.json")));
        let theirs = read(&format!("compatible/{name}.response.openai.json"));
        assert_eq!(canonical(&ours.unwrap()), canonical(&theirs), "{name}");
    }
}

fn whole(mut decoder: OpenAiDecoder, chat: &ChatRequest, body: &str) -> Result<Value, ApiError> {
    let mut writer = AnswerWriter::new(chat);
    decoder.whole(Bytes::copy_from_slice(body.as_bytes()), &mut writer)?;
    Ok(serde_json::from_slice(&writer.take().unwrap()).unwrap())
}

#[test]
fn without_a_profile_bytes_come_back_as_they_are() {
    let chat = ChatRequest::from_bytes(text("compatible/sglang_nulls_tool.request.openai.json")).unwrap();
    let stream = text("compatible/kimi_usage_in_choice.response.provider.sse");
    let plain = || OpenAi::new("http://h/v1").unwrap().encode(&chat).unwrap().1;
    assert_eq!(streamed(plain(), &[stream.as_bytes()], true).0, stream);
    let unstreamed = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap();
    let (_, mut decoder) = OpenAi::new("http://h/v1").unwrap().encode(&unstreamed).unwrap();
    let body = text("compatible/mistral_thinking_array.response.provider.json");
    let mut writer = AnswerWriter::new(&unstreamed);
    decoder.whole(body.clone().into(), &mut writer).unwrap();
    assert_eq!(writer.take().unwrap(), body);
}

fn azure(meta: &Value) -> Azure {
    let base_url = meta["base_url"].as_str().unwrap_or("http://127.0.0.1:9001");
    Azure::new(base_url).unwrap().key("provider-secret").unwrap()
}

#[test]
fn azure_exchanges() {
    for name in [
        "classic_text",
        "error_apim_401",
        "error_content_filter",
        "stream_async_filter",
        "stream_empty_first",
        "v1_text",
    ] {
        let meta = read(&format!("azure/{name}.meta.json"));
        let chat = ChatRequest::from_bytes(text(&format!("azure/{name}.request.openai.json"))).unwrap();
        let chat = chat.with_model("my-dep");
        let (upstream, decoder) = azure(&meta).encode(&chat).unwrap();
        let body: Value = serde_json::from_slice(&upstream.body).unwrap();
        assert_eq!(body, read(&format!("azure/{name}.request.provider.json")), "{name}");
        assert_eq!(upstream.uri.path_and_query().unwrap(), meta["provider_path"].as_str().unwrap(), "{name}");
        assert_eq!(upstream.headers["api-key"], "provider-secret");
        if chat.stream() {
            let stream = text(&format!("azure/{name}.response.provider.sse"));
            let expected = text(&format!("azure/{name}.response.openai.sse"));
            let ours = streamed(decoder, &[stream.as_bytes()], false).0;
            assert_eq!(fold(&ours), fold(&expected), "{name}");
            assert_eq!(filter_results(&ours), filter_results(&expected), "{name}");
            for cut in 0..=stream.len() {
                let (before, after) = stream.as_bytes().split_at(cut);
                let (_, decoder) = azure(&meta).encode(&chat).unwrap();
                assert_eq!(streamed(decoder, &[before, after], false).0, ours, "{name} cut at {cut}");
            }
            continue;
        }
        let answer = text(&format!("azure/{name}.response.provider.json"));
        let theirs = read(&format!("azure/{name}.response.openai.json"));
        match meta["provider_status"].as_u64() {
            None => assert_eq!(whole(decoder, &chat, &answer).unwrap(), theirs, "{name}"),
            Some(status) => {
                let error = decoder.error(StatusCode::from_u16(status as u16).unwrap(), answer.as_bytes());
                assert_eq!(u64::from(error.status().as_u16()), meta["openai_status"].as_u64().unwrap(), "{name}");
                assert_eq!(serde_json::from_slice::<Value>(&error.to_json()).unwrap(), theirs, "{name}");
            }
        }
    }
}

/// What the filter said in each chunk.
fn filter_results(stream: &str) -> Vec<Value> {
    let chunks = stream.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    chunks
        .map(|chunk| {
            let chunk: Value = serde_json::from_str(&format!("{{{chunk}")).unwrap();
            let choice = &chunk["choices"][0];
            json!([chunk["prompt_filter_results"], choice["content_filter_results"], choice["content_filter_offsets"]])
        })
        .collect()
}

#[test]
fn the_file_of_a_local_model_is_not_told() {
    let chat = ChatRequest::from_bytes(r#"{"model":"local","messages":[{"role":"user"}]}"#).unwrap();
    let answer =
        r#"{"model":"/home/ann/models/x.gguf","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let ours = whole(encode("llama.cpp", &chat.with_model("x")).1, &chat, answer).unwrap();
    assert_eq!(ours["model"], "local");
}

#[test]
fn a_server_that_does_not_stream_is_made_to() {
    let chat = ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}],"stream":true}"#).unwrap();
    let answer = text("compatible/mistral_thinking_array.response.provider.json");
    let mut decoder = encode("mistral", &chat).1;
    let mut writer = ChunkWriter::new(AnswerHead::now(), UsageCell::new(), false);
    decoder.whole(answer.into(), &mut writer).unwrap();
    assert!(writer.is_ended());
    writer.observe(crate::chat::Seen::Text(0));
    let out = String::from_utf8(writer.take().unwrap().to_vec()).unwrap();
    assert!(out.contains(r#""content":"4""#) && out.contains(r#""finish_reason":"length""#), "{out}");
}

/// One chunk of a stream: where its text stands, whether it is full of nulls, the text, and what OpenAI fills chunks up with.
type Repeated = (u8, bool, String, Option<String>);

/// Which profile, and the chunks of a stream.
fn repeated() -> impl Strategy<Value = (usize, Vec<Repeated>)> {
    let text = "([a-z\"\\\\\n\u{1}é😀]|\u{f8ff}text\u{f8ff}){0,4}";
    let chunk = (0..5_u8, any::<bool>(), text, proptest::option::of("[a-zA-Z]{0,5}"));
    (0..=PROFILES.len(), vec(chunk, 0..12))
}

const PROFILES: [&str; 7] = ["groq", "llama.cpp", "lmstudio", "mistral", "openrouter", "vllm", "xai"];

proptest! {
    #[test]
    fn chunks_that_are_recognised_are_mended_as_any_other((profile, chunks) in repeated()) {
        let request = r#"{"model":"m","messages":[{"role":"user"}],"stream":true,"stream_options":{"include_usage":true}}"#;
        let chat = ChatRequest::from_bytes(request).unwrap();
        let streamed = |unlike: bool| {
            let mut stream = String::new();
            for (at, (place, nulls, text, padding)) in chunks.iter().enumerate() {
                let mut delta = match place {
                    0 | 1 => json!({"content": text}),
                    2 => json!({"reasoning": text}),
                    3 => json!({"content": [{"type": "text", "text": text}]}),
                    _ => json!({"tool_calls": [{"index": 0, "function": {"name": null, "arguments": text}}]}),
                };
                if *nulls {
                    (delta["role"], delta["refusal"]) = (Value::Null, Value::Null);
                }
                let choice = json!({"index": 0, "delta": delta, "finish_reason": if *nulls { json!("") } else { Value::Null }});
                let mut chunk = json!({"id": "c", "created": 7, "model": "m", "choices": [choice], "citations": [1]});
                if let Some(padding) = padding {
                    chunk["obfuscation"] = json!(padding);
                }
                let spaces = " ".repeat(if unlike { at } else { 0 });
                stream += &format!("data: {}\n\n", chunk.to_string().replacen('{', &format!("{{{spaces}"), 1));
            }
            stream += "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            let decoder = match PROFILES.get(profile) {
                Some(name) => encode(name, &chat).1,
                None => Azure::new("http://h").unwrap().encode(&chat).unwrap().1,
            };
            streamed(decoder, &[stream.as_bytes()], true).0
        };
        let chunks = |stream: String| -> Vec<Value> {
            let datas = stream.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
            datas.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
        };
        prop_assert_eq!(chunks(streamed(false)), chunks(streamed(true)));
    }
}

#[test]
fn a_last_event_without_its_blank_line_is_mended_like_any_other() {
    let chat = ChatRequest::from_bytes(text("compatible/kimi_usage_in_choice.request.openai.json")).unwrap();
    let stream = text("compatible/kimi_usage_in_choice.response.provider.sse");
    let ours = |stream: &str| streamed(encode("moonshot", &chat).1, &[stream.as_bytes()], true).0;
    assert_eq!(ours(stream.trim_end()), ours(&stream));
    let without_done = stream.split("data: [DONE]").next().unwrap().trim_end();
    assert_eq!(ours(without_done), ours(&stream));
}

fn stream_chat() -> ChatRequest {
    ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}],"stream":true}"#).unwrap()
}

fn unary_chat() -> ChatRequest {
    ChatRequest::from_bytes(r#"{"model":"m","messages":[{"role":"user"}]}"#).unwrap()
}

/// What comes of an answer with this text and this finish reason: its finish reason, or the status of an error.
fn ends(profile: &str, content: &str, finish: &str) -> [String; 2] {
    let (stream_chat, unary_chat) = (stream_chat(), unary_chat());
    let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]});
    let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    let (out, _, error) = streamed(encode(profile, &stream_chat).1, &[stream.as_bytes()], false);
    assert_eq!(out.contains("[DONE]"), error.is_none());
    let reason = || fold(&events(&out)).0["finish_reason"].as_str().unwrap().to_owned();
    let in_stream = error.map_or_else(reason, |error| error.status().to_string());
    let message = json!({"role": "assistant", "content": content});
    let body = json!({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}).to_string();
    let whole = whole(encode(profile, &unary_chat).1, &unary_chat, &body);
    let reason = |answer: Value| answer["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
    [in_stream, whole.map_or_else(|error| error.status().to_string(), reason)]
}

#[test]
fn a_server_that_says_that_it_failed_gives_no_answer() {
    assert_eq!(ends("mistral", "a", "error"), ["502 Bad Gateway", "502 Bad Gateway"]);
    assert_eq!(ends("deepseek", "a", "insufficient_system_resource"), ["length", "length"]);
    assert_eq!(
        ends("deepseek", "", "insufficient_system_resource"),
        ["503 Service Unavailable", "503 Service Unavailable"]
    );
    assert_eq!(ends("together", "a", "eos"), ["stop", "stop"]);
}

#[test]
fn a_whole_answer_has_the_words_of_openai() {
    let chat = unary_chat();
    let answered = |profile: &str, message: Value| {
        let choice = json!({"index": 0, "message": message, "finish_reason": ""});
        let body = json!({"id": "c", "choices": [choice], "service_tier": "on_demand"}).to_string();
        whole(encode(profile, &chat).1, &chat, &body).unwrap()
    };
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = answered("xai", json!({"role": "assistant", "content": "", "tool_calls": [call]}));
    assert_eq!(called["choices"][0]["finish_reason"], "tool_calls");
    let said = answered("groq", json!({"role": "assistant", "content": "a"}));
    assert_eq!((&said["choices"][0]["finish_reason"], &said["service_tier"]), (&json!("stop"), &json!("default")));
}

#[test]
fn what_azures_filter_has_taken_is_null() {
    let chat = unary_chat();
    let choice = json!({"index": 0, "message": {"role": "assistant"}, "finish_reason": "content_filter"});
    let body = json!({"id": "c", "choices": [choice]}).to_string();
    let decoder = Azure::new("http://h").unwrap().encode(&chat).unwrap().1;
    let answer = whole(decoder, &chat, &body).unwrap();
    assert_eq!(answer["choices"][0]["message"], json!({"role": "assistant", "content": null}));
}

const CHUNK: &str = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
const COUNTED: &str = r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;

/// What a client gets of these events, by the provider's own protocol or by a profile's repairs.
fn told(profile: Option<&str>, show_usage: bool, events: &[&str]) -> (String, Option<ApiError>) {
    let options = if show_usage { r#","stream_options":{"include_usage":true}"# } else { "" };
    let chat = format!(r#"{{"model":"m","messages":[{{"role":"user"}}],"stream":true{options}}}"#);
    let chat = ChatRequest::from_bytes(chat).unwrap();
    let decoder = match profile {
        Some(profile) => encode(profile, &chat).1,
        None => OpenAi::new("http://h/v1").unwrap().encode(&chat).unwrap().1,
    };
    let stream = events.join("\n\n") + "\n\n";
    let (out, cell, error) = streamed(decoder, &[stream.as_bytes()], show_usage);
    if events.contains(&COUNTED) {
        assert_eq!(cell.observed().usage.unwrap().input, 1, "whoever asked");
    }
    (out, error)
}

#[test]
fn usage_is_for_those_who_asked_for_it() {
    for profile in [None, Some("moonshot")] {
        for show_usage in [false, true] {
            let (out, error) = told(profile, show_usage, &[CHUNK, COUNTED, "data: [DONE]"]);
            assert!(error.is_none());
            assert_eq!(out.contains("prompt_tokens"), show_usage, "{profile:?}: {out}");
            assert_eq!((out.matches("\"x\"").count(), out.matches("[DONE]").count()), (1, 1));
        }
    }
}

#[test]
fn what_is_no_chunk_is_refused_and_what_has_another_name_is_passed_over() {
    let named = |name: &str| format!("event: {name}\ndata: no JSON");
    for events in [&["data: [DONE]"][..], &[&named("message")], &[&named("error")], &["data: no JSON"]] {
        let (out, error) = told(None, false, events);
        assert_eq!(error.unwrap().code(), Some("upstream_error"), "{events:?}");
        assert!(!out.contains("no JSON") && !out.contains("[DONE]"), "{out}");
    }
    let (out, error) = told(None, false, &[": hello", &named("ping"), CHUNK, "data: [DONE]"]);
    assert!(error.is_none() && out.ends_with("data: [DONE]\n\n"), "{out}");
    assert!(out.starts_with(": hello\n\ndata: {") && !out.contains("no JSON"), "{out}");
}

#[test]
fn a_comment_at_the_very_end_does_not_make_an_answer() {
    let decoder = || OpenAi::new("http://h/v1").unwrap().encode(&stream_chat()).unwrap().1;
    for stream in [": hello", ": hello\n\n: again", "{"] {
        let (out, _, error) = streamed(decoder(), &[stream.as_bytes()], false);
        assert_eq!(error.unwrap().code(), Some("upstream_error"), "{stream}");
        assert!(!out.contains("hello"), "{out}");
    }
    let (_, _, error) = streamed(decoder(), &[b"data: {\"id\":\"c\",\"choices\":[]}\n\n"], false);
    assert!(error.is_some(), "it has not ended");
    let whole = r#"{"id":"c","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}"#;
    let (out, _, error) = streamed(decoder(), &[whole.as_bytes()], false);
    assert!(error.is_none() && out.contains("\"x\"") && out.contains("[DONE]"), "{out}");
}

#[test]
fn endless_comments_are_refused() {
    let comment = format!(": {}\n\n", "x".repeat(1 << 20));
    let mut decoder = OpenAi::new("http://h/v1").unwrap().encode(&stream_chat()).unwrap().1;
    let mut writer = ChunkWriter::new(AnswerHead::now(), UsageCell::new(), false);
    let mut given = 0;
    let error = loop {
        match decoder.stream(Bytes::from(comment.clone()), &mut writer) {
            Ok(()) => given += comment.len(),
            Err(error) => break error,
        }
        assert!(given < 64 << 20, "endless");
    };
    assert_eq!(error.code(), Some("upstream_response_too_large"));
    assert!(given > 1 << 20, "some are no harm");
}

#[test]
fn the_words_of_an_error_in_a_stream_are_quoted_where_that_is_known_to_be_harmless() {
    let error = r#"data: {"error":{"message":"the pool at 10.0.0.1 is empty","type":"server_error"}}"#;
    let (out, said) = told(None, false, &[CHUNK, error]);
    assert!(!out.contains("10.0.0.1"), "{out}");
    assert_eq!(said.unwrap().code(), Some("upstream_error"));
}
