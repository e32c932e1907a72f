//! Azure OpenAI, as the provider speaks it: OpenAI's protocol, with the results of a filter in every answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Recorded;
use super::openai::OpenAi;
use super::protocol::{Draft, Protocol, Refusal, Reply, messages};

#[derive(Debug)]
pub(super) struct Azure;

impl Protocol for Azure {
    fn serves(&self, path: &str) -> bool {
        let classic = path.contains("/openai/deployments/") && path.ends_with("/chat/completions");
        classic || path.ends_with("/openai/v1/chat/completions")
    }

    fn unknown(&self, _path: &str) -> Refusal {
        Refusal::new(404, "Resource not found").code("404")
    }

    fn authenticate(&self, request: &Recorded, key: &str) -> Result<(), Refusal> {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match (request.header("api-key"), bearer) {
            (Some(sent), None) | (None, Some(sent)) if sent == key => {}
            _ => {
                let message = "Access denied due to invalid subscription key or wrong API endpoint (of a mock).";
                return Err(Refusal::new(401, message).code("401"));
            }
        }
        let is_classic = request.uri.path().contains("/openai/deployments/");
        let has_version = request.uri.query().is_some_and(|query| query.contains("api-version="));
        if is_classic && !has_version {
            return Err(Refusal::new(404, "Resource not found").code("404"));
        }
        Ok(())
    }

    /// A deployment stands in the path, so that no model need be named; and no field may be null.
    fn check(&self, request: &Value) -> Result<(), Refusal> {
        let Some(fields) = request.as_object() else {
            return Err(Refusal::new(400, "We could not parse the JSON body of your request."));
        };
        if let Some((name, _)) = fields.iter().find(|(_, value)| value.is_null()) {
            return Err(Refusal::new(400, format!("None is not of type 'object' - '{name}' (on a mock).")));
        }
        if messages(request).is_empty() {
            return Err(Refusal::new(400, "'messages' is a required property").param("messages"));
        }
        Ok(())
    }

    fn reply(&self, request: &Value) -> Reply {
        OpenAi.reply(request)
    }

    fn prompt(&self, request: &Value) -> String {
        OpenAi.prompt(request)
    }

    fn unary(&self, draft: &Draft<'_>) -> Value {
        let mut answer = OpenAi.unary(draft);
        answer["prompt_filter_results"] = prompt_results();
        answer["choices"][0]["content_filter_results"] = results();
        answer
    }

    fn stream(&self, draft: &Draft<'_>) -> Bytes {
        let first = json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": prompt_results()});
        [format!("data: {first}\n\n").into_bytes(), OpenAi.stream(draft).to_vec()].concat().into()
    }

    fn error(&self, refusal: &Refusal, number: usize) -> Value {
        let mut error = OpenAi.error(refusal, number);
        error["error"]["type"] = Value::Null;
        error
    }

    fn id_header(&self) -> &'static str {
        "apim-request-id"
    }
}

/// What a filter says that found nothing.
fn results() -> Value {
    json!({"hate": {"filtered": false, "severity": "safe"}, "violence": {"filtered": false, "severity": "safe"}})
}

fn prompt_results() -> Value {
    json!([{"prompt_index": 0, "content_filter_results": results()}])
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tower::ServiceExt;

    use super::super::Mock;
    use super::super::testing::{ask, bytes, events, hello, json, with};
    use super::*;

    const CLASSIC: &str = "/openai/deployments/d/chat/completions?api-version=2024-10-21";

    #[tokio::test]
    async fn both_surfaces_answer_with_the_filters_results() {
        for path in [CLASSIC, "/openai/v1/chat/completions"] {
            let answer = json(ask(&Mock::azure(), path, &hello()).await).await;
            let content = &answer["choices"][0]["message"]["content"];
            assert_eq!(content, "This is a mock: no model was asked. You said: Hello there");
            assert_eq!(answer["prompt_filter_results"][0]["prompt_index"], 0);
            assert_eq!(answer["choices"][0]["content_filter_results"]["hate"]["filtered"], false);
        }
        assert_eq!(ask(&Mock::azure(), "/v1/chat/completions", &hello()).await.status(), 404);
    }

    #[tokio::test]
    async fn a_stream_begins_with_a_chunk_of_nothing() {
        let response = ask(&Mock::azure(), CLASSIC, &with(hello(), json!({"stream": true}))).await;
        let events = events(&bytes(response).await.unwrap());
        let first: Value = serde_json::from_str(&events[0].1).unwrap();
        assert_eq!((&first["id"], &first["choices"]), (&json!(""), &json!([])));
        assert_eq!(events.last().unwrap().1, "[DONE]");
    }

    #[tokio::test]
    async fn nulls_are_refused_in_azures_way() {
        let response = ask(&Mock::azure(), CLASSIC, &with(hello(), json!({"user": null}))).await;
        assert_eq!(response.status(), 400);
        assert_eq!(json(response).await["error"]["type"], Value::Null);
    }

    #[tokio::test]
    async fn one_header_holds_the_key() {
        let status = async |headers: &[(&str, &str)], path: &str| {
            let request =
                headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
            let mock = Mock::azure().require_key("right");
            mock.oneshot(request.body(hello().to_string()).unwrap()).await.unwrap().status().as_u16()
        };
        assert_eq!(status(&[("api-key", "right")], CLASSIC).await, 200);
        assert_eq!(status(&[("authorization", "Bearer right")], CLASSIC).await, 200);
        assert_eq!(status(&[("api-key", "right"), ("authorization", "Bearer right")], CLASSIC).await, 401);
        assert_eq!(status(&[("api-key", "wrong")], CLASSIC).await, 401);
        assert_eq!(status(&[("api-key", "right")], "/openai/deployments/d/chat/completions").await, 404);
    }
}
