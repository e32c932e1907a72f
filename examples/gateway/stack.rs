//! The stack, from the client's request down to the providers.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Service, ServiceBuilder};
use tower_completions::keep_alive::KeepAliveLayer;
use tower_completions::limit::UsageEndpoint;
use tower_completions::meter::RequestIdLayer;
use tower_completions::price::PriceBook;
use tower_completions::{AuthLayer, BoxError, ChatLayer, Endpoint, ModelFilter, ModelRouter};

use super::config::Config;
use super::kept::Kept;
use super::upload::Upload;
use super::{ledger, models};

/// Builds the stack for requests with this type of body, on what is kept of an earlier one.
pub(crate) fn stack<B>(config: &Config, kept: &mut Kept) -> Result<impl Gateway<B> + use<B>, Box<dyn Error>>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let router = ModelRouter::new(models::models(config, &kept.client(config))?);
    let list = router.models();

    let known = ModelFilter::new(config.models.iter().map(|model| model.id.as_str()));
    let log = kept.open_log(config)?;
    let prices = prices(config);
    let reads_on = config.providers.iter().filter(|provider| provider.reads_on);
    let meter = ledger::meter(log).prices(prices.clone());
    let meter = reads_on.fold(meter, |meter, provider| meter.drain(provider.name.as_str(), &kept.read_on()));
    let limits = kept.limits(&config.counters)?.prices(prices).models(known);
    let usage = limits.usage();
    let chat = ServiceBuilder::new()
        .layer(kept.shed(config))
        .layer(KeepAliveLayer::new(config.keep_alive))
        .map_request(|request: Request<B>| request.map(Upload::new))
        .layer(ChatLayer::new())
        .layer(meter)
        .layer(kept.drain())
        .layer(limits)
        .service(router);

    let service = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(AuthLayer::new(config.keys.clone()))
        .service(UsageEndpoint::new(Endpoint::new(chat, list), usage));
    Ok(service)
}

/// The prices that are known, by the ids of the models that clients ask for.
fn prices(config: &Config) -> PriceBook {
    PriceBook::from_prices(config.models.iter().filter_map(|model| Some((model.id.as_str(), model.price.clone()?))))
}

/// What the server needs of a stack.
pub(crate) trait Gateway<B>:
    Service<Request<B>, Response = Response<Self::Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B, ResB> Gateway<B> for S
where
    S: Service<Request<B>, Response = Response<ResB>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    ResB: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = ResB;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;
    use tower_completions::mock::Mock;

    use super::super::config;
    use super::*;

    fn built(config: &Config) -> impl Gateway<String> + use<> {
        let (_, cut) = tokio::sync::watch::channel(false);
        stack(config, &mut Kept::new(cut)).unwrap()
    }

    async fn ask(config: &str, path: &str, key: &str, body: Value) -> (StatusCode, http::HeaderMap, Value) {
        let config = config::parse(config, &|_| None).unwrap();
        let method = if body.is_null() { "GET" } else { "POST" };
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let request = request.body(body.to_string()).unwrap();
        let (head, body) = built(&config).oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.map_err(Into::<BoxError>::into).unwrap().to_bytes();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap())
    }

    const CHAT: &str = "/v1/chat/completions";

    const TWO: &str = r#"
        [timeouts]
        connect_ms = 200
        [[providers]]
        name = "mock"
        protocol = "mock"
        [[providers]]
        name = "closed"
        protocol = "openai"
        base_url = "http://127.0.0.1:1/v1"
        api_key = "sk-planted"
        [[models]]
        id = "away"
        provider = "closed"
        [[models]]
        id = "here"
        provider = "mock"
        upstream = "somewhere-else"
        [[keys]]
        id = "alice"
        secret = "sk-alice"
        [[keys]]
        id = "bob"
        secret = "sk-bob"
        models = ["away"]
    "#;

    fn chat(model: &str) -> Value {
        json!({"model": model, "messages": [{"role": "user", "content": "Good morning"}]})
    }

    fn streamed(model: &str) -> Request<String> {
        let mut body = chat(model);
        body["stream"] = true.into();
        Request::post(CHAT).header("authorization", "Bearer sk-alice").body(body.to_string()).unwrap()
    }

    #[tokio::test]
    async fn a_model_is_served_under_its_name_upstream() {
        let (status, headers, answer) = ask(TWO, CHAT, "sk-alice", chat("here")).await;
        assert_eq!((status, &answer["model"]), (StatusCode::OK, &json!("somewhere-else")), "{answer}");
        assert_eq!(
            (&headers["x-served-model"], &headers["x-served-provider"]),
            (&"here".parse().unwrap(), &"mock".parse().unwrap())
        );
        assert!(headers["x-request-id"].to_str().unwrap().starts_with("req_"));
    }

    #[tokio::test]
    async fn a_provider_that_is_away_is_a_502_and_not_named() {
        let (status, _, answer) = ask(TWO, CHAT, "sk-alice", chat("away")).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(answer["error"]["code"], "upstream_unreachable", "{answer}");
        assert!(!answer.to_string().contains("127.0.0.1") && !answer.to_string().contains("planted"));
    }

    #[tokio::test]
    async fn others_stand_in_for_a_provider_that_is_away() {
        let own = "fallbacks = [\"here\"]\n[[models]]\nid = \"here\"";
        let fallback = TWO.replace("[[models]]\n        id = \"here\"", own);
        let spread = fallback.replace(
            "id = \"here\"\n        provider = \"mock\"\n        upstream = \"somewhere-else\"",
            "id = \"here\"\nbalance = \"in_order\"\n[[models.targets]]\nprovider = \"closed\"\n[[models.targets]]\nprovider = \"mock\"",
        );
        for (file, model, attempts) in [(&fallback, "away", "2"), (&spread, "here", "2"), (&spread, "away", "3")] {
            let (status, headers, answer) = ask(file, CHAT, "sk-alice", chat(model)).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            let told = ["x-served-model", "x-served-provider", "x-served-attempts"]
                .map(|name| headers[name].to_str().unwrap());
            assert_eq!(told, ["here", "mock", attempts]);
        }
        let (status, ..) = ask(&fallback, CHAT, "sk-bob", chat("away")).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "bob may not use what stands in");

        let path = std::env::temp_dir().join(format!("gateway-fallback-{}.jsonl", std::process::id()));
        let _ = std::fs::remove_file(&path);
        ask(&format!("[usage]\npath = {:?}\n{fallback}", path.to_str().unwrap()), CHAT, "sk-alice", chat("away")).await;
        let log = std::fs::read_to_string(&path).unwrap();
        let _ = std::fs::remove_file(&path);
        let line: Value = serde_json::from_str(log.trim_end()).unwrap();
        assert_eq!(
            (&line["model"], &line["served_model"], &line["provider"], &line["attempts"], &line["outcome"]),
            (&json!("away"), &json!("here"), &json!("mock"), &json!(2), &json!("complete"))
        );
        let tries = ["provider", "model", "status", "error_code"]
            .map(|field| [&line["tries"][0][field], &line["tries"][1][field]]);
        assert_eq!(
            json!(tries),
            json!([["closed", "mock"], ["away", "here"], [null, 200], ["upstream_unreachable", null]]),
            "{line}"
        );
    }

    #[tokio::test]
    async fn each_key_sees_its_models_in_the_order_of_the_file() {
        for (key, expected) in [("sk-alice", json!(["away", "here"])), ("sk-bob", json!(["away"]))] {
            let (_, _, models) = ask(TWO, "/v1/models", key, Value::Null).await;
            let ids: Value = models["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
            assert_eq!(ids, expected);
        }
        assert_eq!(ask(TWO, CHAT, "sk-bob", chat("here")).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn without_keys_nobody_gets_in() {
        for path in [CHAT, "/v1/models", "/"] {
            let (status, headers, _) = ask("", path, "sk-alice", Value::Null).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert!(headers.contains_key("x-request-id"));
        }
    }

    #[tokio::test]
    async fn a_provider_that_falls_silent_is_told_of_in_the_stream() {
        let mock = Mock::openai();
        mock.answer(tower_completions::mock::Answer::text("A long story").stall_after(700));
        let upstream = mock.listen().await.unwrap();
        let config = format!(
            r#"
            [timeouts]
            idle_ms = 100
            [[providers]]
            name = "mock"
            protocol = "openai"
            base_url = "{}/v1"
            [[models]]
            id = "slow"
            provider = "mock"
            [[keys]]
            id = "alice"
            secret = "sk-alice"
            "#,
            upstream.base_url()
        );
        let config = config::parse(&config, &|_| None).unwrap();
        let answer = built(&config).oneshot(streamed("slow")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let events = answer.into_body().collect().await.map_err(Into::<BoxError>::into).unwrap().to_bytes();
        let events = std::str::from_utf8(&events).unwrap();
        let last = events.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("data: {\"error\":") && last.contains("\"code\":\"timeout\""), "{events}");
        assert!(!events.contains("[DONE]"));
    }

    /// What the ledger says of a client that leaves after the first event.
    async fn line_of_who_leaves(on_disconnect: &str) -> Value {
        let mock = Mock::openai();
        let answer = tower_completions::mock::Answer::text("A long story").usage(30, 7);
        mock.answer(answer.delay_frames(Duration::from_millis(20)));
        let upstream = mock.listen().await.unwrap();
        let path = std::env::temp_dir().join(format!("gateway-leaves-{on_disconnect}-{}.jsonl", std::process::id()));
        let _nothing_there = std::fs::remove_file(&path);
        let config = format!(
            r#"
            [usage]
            path = {path:?}
            [[providers]]
            name = "mock"
            protocol = "openai"
            base_url = "{}/v1"
            on_disconnect = "{on_disconnect}"
            [[models]]
            id = "slow"
            provider = "mock"
            [[keys]]
            id = "alice"
            secret = "sk-alice"
            "#,
            upstream.base_url()
        );
        let config = config::parse(&config, &|_| None).unwrap();
        let answer = built(&config).oneshot(streamed("slow")).await.unwrap();
        let mut body = Box::pin(answer.into_body());
        assert!(body.frame().await.unwrap().is_ok());
        drop(body);
        for _ in 0..1_000 {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(line) = log.lines().next() {
                std::fs::remove_file(&path).unwrap();
                return serde_json::from_str(line).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there is no line");
    }

    #[tokio::test]
    async fn who_leaves_costs_what_was_delivered_or_what_the_provider_says() {
        let cancelled = line_of_who_leaves("cancel").await;
        assert_eq!((&cancelled["outcome"], &cancelled["usage_source"]), (&json!("aborted"), &json!("estimated")));
        let drained = line_of_who_leaves("drain").await;
        assert_eq!((&drained["outcome"], &drained["usage_source"]), (&json!("aborted"), &json!("reported")));
        assert_eq!((&drained["prompt_tokens"], &drained["completion_tokens"]), (&json!(30), &json!(7)));
    }
}
