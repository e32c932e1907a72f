//! What the host says: where Bedrock is, what its models take, and what is put on every request.

use super::*;
use crate::translate::Dialect;

fn hi(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn a_model_is_one_segment_of_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
    for (model, segment) in [
        ("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1%3A0"),
        (arn, "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc"),
        ("../x?y#z", "..%2Fx%3Fy%23z"),
    ] {
        let (upstream, _) = encode(&bedrock(), &with(hi(model), &json!({"stream": true}))).unwrap();
        assert_eq!(upstream.uri.path_and_query().unwrap().as_str(), format!("/model/{segment}/converse-stream"));
        assert_eq!(upstream.headers["accept"], "application/vnd.amazon.eventstream");
    }
    for model in [".", "..", &"x".repeat(2049)] {
        assert_eq!(encode(&bedrock(), &hi(model)).unwrap_err().code(), Some("model_not_found"));
    }
}

#[test]
fn settings_are_checked_and_nothing_shows_the_key() {
    for base in ["", "amazonaws.com", "https://u:p@h", "https://h?x"] {
        assert!(Bedrock::new(base).is_err(), "{base}");
    }
    for region in ["", "us east", "evil.example/"] {
        assert!(Bedrock::in_region(region).is_err(), "{region}");
    }
    assert!(bedrock().key("a\nb").is_err() && bedrock().request_metadata("a", "é").is_err());
    let china = encode(&Bedrock::in_region("cn-north-1").unwrap(), &hi("m")).unwrap().0;
    assert_eq!(china.uri.host(), Some("bedrock-runtime.cn-north-1.amazonaws.com.cn"));
    assert!(!china.headers.contains_key("authorization"));
    let bedrock = bedrock().key("planted").unwrap();
    assert!(!format!("{bedrock:?} {:?}", encode(&bedrock, &hi("m")).unwrap().0).contains("planted"));
}

#[test]
fn what_the_host_puts_on_every_request() {
    let guardrail = Guardrail::new("gr-1", "3").stream_processing(StreamProcessing::Async);
    let bedrock = bedrock().guardrail(guardrail).latency_optimized(true).default_max_tokens(9);
    let bedrock = bedrock.request_metadata("team", "a").unwrap().forward_metadata(true);
    let client = json!({"metadata": {"team": "b", "user": "c", "bad": "é"}, "stream": true,
        "guardrailConfig": {"guardrailIdentifier": "none"}});
    let (upstream, _) = encode(&bedrock, &with(hi("amazon.nova-lite-v1:0"), &client)).unwrap();
    let body = body(&upstream);
    let guardrail = json!({"guardrailIdentifier": "gr-1", "guardrailVersion": "3", "streamProcessingMode": "async"});
    assert_eq!(body["guardrailConfig"], guardrail);
    assert_eq!(body["performanceConfig"], json!({"latency": "optimized"}));
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 9.0}));
    assert_eq!(body["requestMetadata"], json!({"team": "a", "user": "c"}));
    assert!(upstream.dropped.iter().eq(["metadata"]));
    // What a client says in Converse's own words reaches the model, and not Converse.
    assert_eq!(body["additionalModelRequestFields"]["guardrailConfig"]["guardrailIdentifier"], "none");
}

#[test]
fn the_host_knows_better() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc";
    let effort = with(hi(arn), &json!({"reasoning_effort": "low"}));
    assert_eq!(encode(&bedrock(), &effort).unwrap_err().param(), Some("reasoning_effort"));
    let knows = bedrock().model_capabilities("arn:*", Capabilities::unknown().reasoning(Reasoning::Effort));
    let extra = &body(&encode(&knows, &effort).unwrap().0)["additionalModelRequestFields"];
    assert_eq!(*extra, json!({"reasoning_effort": "low"}));
}

#[test]
fn an_arn_is_not_told_to_the_client() {
    use crate::chat::AnswerWriter;
    use crate::translate::Decode;

    let chat = ChatRequest::from_bytes(hi("mine").to_string()).unwrap();
    let model = |chat: &ChatRequest| {
        let (_, mut decoder) = bedrock().encode(chat).unwrap();
        let mut writer = AnswerWriter::new(chat);
        let answer = r#"{"output":{"message":{"content":[]}},"stopReason":"end_turn"}"#;
        decoder.whole(answer.into(), &mut writer).unwrap();
        let answer: Value = serde_json::from_slice(&writer.take().unwrap()).unwrap();
        answer["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(model(&chat.with_model("arn:aws:bedrock:us-east-1:1:provisioned-model/abc")), "mine");
    assert_eq!(model(&chat.with_model(CLAUDE)), CLAUDE);
}

#[test]
fn it_can_be_shared() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<Bedrock>();
}
