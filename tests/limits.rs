//! Limits end to end, over real sockets: what is admitted, what each end of an answer costs, what clients are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use support::{Answered, DONE, Gateway, SOON, STREAM, WHOLE, ask, bills, read, says, send, stops};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::timeout::TimeoutLayer;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_completions::auth::{Auth, Budget, BudgetWindow, Rate, Scope};
use tower_completions::chat::Chat;
use tower_completions::client::Client;
use tower_completions::client::Incoming;
use tower_completions::clock::ManualClock;
use tower_completions::limit::{
    Allowance, Cost, LimitStore, MemoryLimits, RateLimit, Subject, SubjectKind, UsageEndpoint,
};
use tower_completions::mock::{Answer, Listening, Mock};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::{Anthropic, OpenAi};
use tower_completions::{
    AuthLayer, ChatLayer, ChatRequest, Endpoint, Key, Limits, MemoryKeys, Model, ModelRouter, Principal,
    RateLimitLayer, TranslateLayer,
};
use tower_http::trace::TraceLayer;

/// On a clock that stands still: nothing refills while a test looks at it.
type Store = MemoryLimits<ManualClock>;

const MANY: u64 = 1 << 40;

/// Far away, so that what is counted is what was used.
fn wide() -> Limits {
    let rate = Rate::new(MANY, Duration::from_secs(1 << 30));
    Limits::new().requests(rate).tokens(rate).parallel(MANY).budget(Budget::new(MANY, BudgetWindow::Total))
}

/// A dollar for a million tokens in, ten out; Claude costs thrice as much.
fn prices() -> PriceBook {
    let price = |input, output| Price::per_million(input, output).unwrap();
    PriceBook::from_prices([("m", price(1.0, 10.0)), ("claude", price(3.0, 30.0)), ("gone", price(1.0, 1.0))])
}

fn alice(limits: Limits) -> Principal {
    Principal::new("alice").limits(limits).scopes([Scope::new("team").limits(wide())])
}

type Stack = Auth<UsageEndpoint<Endpoint<Chat<RateLimit<ModelRouter>>>>, MemoryKeys>;

/// The whole stack before two upstreams.
fn stack(store: &Arc<Store>, principal: Principal, openai: &str, claude: &str) -> Stack {
    let openai = TranslateLayer::new(OpenAi::new(&format!("{openai}/v1")).unwrap()).layer(Client::new());
    let claude = TranslateLayer::new(Anthropic::new(claude).unwrap()).layer(Client::new());
    let router = ModelRouter::new([
        Model::new("m", openai.clone()),
        Model::new("claude", claude),
        Model::new("unpriced", openai),
    ]);
    let models = router.models();
    let limits = RateLimitLayer::new(Arc::clone(store)).prices(prices());
    let chat = ChatLayer::new().layer(limits.layer(router));
    let keys = MemoryKeys::from_keys([Key::new(principal, "sk-alice").unwrap()]).unwrap();
    AuthLayer::new(keys).layer(UsageEndpoint::new(Endpoint::new(chat, models), limits.usage()))
}

/// A gateway on a socket before a mock on a socket, and what was counted for alice.
struct Bench {
    store: Arc<Store>,
    mock: Mock,
    principal: Principal,
    gateway: Gateway,
    client: Client,
    _upstream: Listening,
}

impl Bench {
    async fn new(mock: Mock, principal: Principal) -> Self {
        let store = Arc::new(Store::default());
        let upstream = mock.listen().await.unwrap();
        let url = upstream.base_url().to_owned();
        let gateway = Gateway::of(stack(&store, principal.clone(), &url, &url)).await;
        Self { store, mock, principal, gateway, client: Client::new(), _upstream: upstream }
    }

    async fn openai() -> Self {
        Self::new(Mock::openai(), alice(wide())).await
    }

    fn request(&self, method: &str, path: &str, body: String) -> Request<Body> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.gateway.base_url));
        let request = request.header("content-type", "application/json").header("authorization", "Bearer sk-alice");
        request.body(Body::from(body)).unwrap()
    }

    async fn start(&self, body: String) -> Response<Incoming> {
        let (head, body) = self.request("POST", "/v1/chat/completions", body).into_parts();
        let body = http_body_util::Full::new(body.collect().await.unwrap().to_bytes());
        timeout(SOON, self.client.clone().oneshot(Request::from_parts(head, body))).await.unwrap().unwrap()
    }

    async fn chat(&self, body: String) -> Answered {
        let response = self.start(body).await;
        timeout(SOON, read(response)).await.unwrap()
    }

    async fn usage(&self) -> Value {
        let request = self.request("GET", "/v1/usage", String::new()).map(|_| http_body_util::Full::default());
        read(self.client.clone().oneshot(request).await.unwrap()).await.json()
    }

    /// What was used of the wide limits, and how many answers are in progress.
    async fn used(&self) -> (Cost, u64) {
        let limits = self.principal.limits;
        let subject = Subject { kind: SubjectKind::Caller, id: "alice".into(), limits };
        let standing = self.store.standing(vec![subject]).await.unwrap().remove(0);
        let used =
            |allowance: Option<Allowance>| allowance.map_or(0, |allowance| allowance.limit - allowance.remaining);
        let cost = Cost {
            requests: used(standing.requests),
            tokens: used(standing.tokens),
            nano_usd: standing.budget.map_or(0, |budget| budget.spent),
        };
        (cost, used(standing.parallel))
    }

    /// What was used once no answer is in progress.
    async fn settled(&self) -> Cost {
        let settled = async {
            loop {
                match self.used().await {
                    (cost, 0) => return cost,
                    _ => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        };
        timeout(SOON, settled).await.expect("the permit comes back")
    }
}

fn prompt(body: &str) -> u64 {
    ChatRequest::from_bytes(body.to_owned()).unwrap().estimated_prompt_tokens()
}

fn cost(requests: u64, input: u64, output: u64) -> Cost {
    Cost { requests, tokens: input + output, nano_usd: input * 1_000 + output * 10_000 }
}

#[tokio::test]
async fn every_end_before_the_first_byte_costs_what_the_table_says() {
    let rows: Vec<(&str, Answer, Cost)> = vec![
        ("a good answer", Answer::json(200, WHOLE), cost(1, 3, 1)),
        ("connection refused", Answer::refuse(), cost(1, 0, 0)),
        ("a 400", Answer::error(400), cost(1, 0, 0)),
        ("a 401", Answer::error(401), cost(1, 0, 0)),
        ("a 404", Answer::error(404), cost(1, 0, 0)),
        ("a 413", Answer::error(413), cost(1, 0, 0)),
        ("a 429", Answer::error(429), cost(1, 0, 0)),
        ("a 500", Answer::error(500), cost(1, 0, 0)),
        ("a 529", Answer::error(529), cost(1, 0, 0)),
        ("a redirect", Answer::status(302), cost(1, 0, 0)),
        ("an error in a 200", Answer::json(200, r#"{"error":{"message":"no"}}"#), cost(1, 0, 0)),
        ("HTML", Answer::raw(200, "text/html", "<html>"), cost(1, 0, 0)),
        ("an empty answer", Answer::status(200), cost(1, 0, 0)),
        ("cut JSON", Answer::json(200, WHOLE).cut_after(100), cost(1, 0, 0)),
        ("gzip unasked", Answer::json(200, WHOLE).header("content-encoding", "gzip"), cost(1, 0, 0)),
        ("a gateway's timeout", Answer::error(504), cost(1, prompt(&ask("")), 0)),
    ];
    for (name, answer, expected) in rows {
        let bench = Bench::openai().await;
        bench.mock.always(answer);
        bench.chat(ask("")).await;
        assert_eq!(bench.settled().await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_we_refuse_ourselves_costs_nothing() {
    let bench = Bench::openai().await;
    let claude = ask(r#","logprobs":true"#).replace("\"m\"", "\"claude\"");
    let gone = ask("").replace("\"m\"", "\"gone\"");
    for (body, status, code) in [
        (ask("").replace("\"m\"", "\"unpriced\""), 403, "model_not_priced"),
        (gone, 404, "model_not_found"),
        (claude, 400, "unsupported_parameter"),
        (ask(r#","stream":7"#), 400, "invalid_type"),
    ] {
        let answer = bench.chat(body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{answer:?}"
        );
        assert_eq!(bench.settled().await, Cost::default(), "{code}");
    }
    assert_eq!(bench.mock.received(), 0);
}

#[tokio::test]
async fn a_stream_costs_what_it_reports() {
    for (end, expected) in [
        (format!("{}{}{DONE}", stops(0), bills()), cost(1, 3, 1)),
        (format!("{}{DONE}", stops(0)), cost(1, prompt(&ask(STREAM)), 2)),
        ("data: {\"error\":{\"message\":\"no\"}}\n\n".to_owned(), cost(1, prompt(&ask(STREAM)), 2)),
        (String::new(), cost(1, prompt(&ask(STREAM)), 2)),
    ] {
        let bench = Bench::openai().await;
        bench.mock.always(Answer::sse(format!("{}{end}", says("12345678"))));
        bench.chat(ask(STREAM)).await;
        assert_eq!(bench.settled().await, expected, "{end}");
    }
}

#[tokio::test]
async fn a_stream_that_is_left_after_any_event_costs_what_was_delivered() {
    const EVENTS: usize = 6;
    let events: String = (0..EVENTS).map(|_| says("12345678")).collect();
    let event = says("12345678").len();
    for taken in 1..=EVENTS {
        let bench = Bench::openai().await;
        bench.mock.always(Answer::sse(events.clone()).stall_after(taken * event));
        let mut body = bench.start(ask(STREAM)).await.into_body();
        let mut seen = 0;
        while seen < taken * event {
            seen += timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap().len();
        }
        assert_eq!(bench.used().await.1, 1, "the permit lasts to the last byte");
        drop(body);
        assert_eq!(bench.settled().await, cost(1, prompt(&ask(STREAM)), 2 * taken as u64), "after {taken} events");
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_pays_for_the_prompt() {
    let bench = Bench::openai().await;
    bench.mock.always(Answer::json(200, WHOLE).delay_head(Duration::MAX));
    tokio::select! {
        _ = bench.start(ask("")) => panic!("there is no head"),
        () = bench.mock.wait_for_requests(1) => {}
    }
    assert_eq!(bench.settled().await, cost(1, prompt(&ask("")), 0));
}

#[tokio::test]
async fn claude_costs_what_claude_costs() {
    for more in ["", STREAM] {
        let bench = Bench::new(Mock::anthropic(), alice(wide())).await;
        bench.mock.always(Answer::text("Hello").usage(7, 3));
        assert_eq!(bench.chat(ask(more).replace("\"m\"", "\"claude\"")).await.status, 200);
        assert_eq!(bench.settled().await, Cost { requests: 1, tokens: 10, nano_usd: 7 * 3_000 + 3 * 30_000 });
    }
}

#[tokio::test]
async fn of_many_at_once_exactly_the_limit_is_admitted() {
    for limits in [
        wide().requests(Rate::new(10, Duration::from_secs(1 << 30))),
        wide().parallel(10),
        wide().tokens(Rate::new(10 * (prompt(&ask(r#","max_tokens":9"#)) + 9), Duration::from_secs(1 << 30))),
    ] {
        let bench = Arc::new(Bench::new(Mock::openai(), alice(limits)).await);
        bench.mock.always(Answer::json(200, WHOLE).delay_head(Duration::from_secs(2)));
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let bench = Arc::clone(&bench);
            calls.spawn(async move { bench.chat(ask(r#","max_tokens":9"#)).await });
        }
        let answers = calls.join_all().await;
        let admitted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((admitted, bench.mock.received()), (10, 10));
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.expect_error(429, "rate_limit_error", Some("rate_limit_exceeded"), None);
            assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|s| s >= 1)));
            assert!(answer.header("retry-after-ms").is_some());
        }
        assert_eq!(bench.settled().await, cost(10, 30, 10));
    }
}

#[tokio::test]
async fn a_client_with_one_permit_may_ask_again_as_soon_as_it_has_its_answer() {
    let bench = Bench::new(Mock::openai(), alice(wide().parallel(1))).await;
    for (answer, more) in [
        (Answer::json(200, WHOLE), ""),
        (Answer::sse(format!("{}{}{}{DONE}", says("Hi"), stops(0), bills())), STREAM),
        // The provider's connection does not end.
        (
            Answer::sse(format!("{}{}{}{DONE}more", says("Hi"), stops(0), bills())).stall_after(WHOLE.len() + 300),
            STREAM,
        ),
    ] {
        bench.mock.always(answer);
        for _ in 0..20 {
            let mut body = bench.start(ask(more)).await;
            assert_eq!(body.status(), 200);
            let mut text = Vec::new();
            while !text.ends_with(b"[DONE]\n\n") {
                match timeout(SOON, body.frame()).await.unwrap() {
                    Some(frame) => text.extend_from_slice(&frame.unwrap().into_data().unwrap()),
                    None => break,
                }
            }
        }
    }
}

#[tokio::test]
async fn a_spent_budget_is_not_worth_another_try() {
    let bench = Bench::new(Mock::openai(), alice(wide().budget(Budget::new(1, BudgetWindow::Total)))).await;
    assert_eq!(bench.chat(ask("")).await.status, 200, "a guess larger than the budget does not lock out");
    bench.settled().await;
    let answer = bench.chat(ask("")).await;
    answer.expect_error(429, "insufficient_quota", Some("insufficient_quota"), None);
    assert_eq!((answer.header("x-should-retry"), answer.header("retry-after")), (Some("false"), None));
}

#[tokio::test]
async fn answers_say_how_much_is_left_and_the_report_agrees() {
    let limits = wide().requests(Rate::new(60, Duration::from_secs(360))).budget(Budget::total_usd(10.0));
    let bench = Bench::new(Mock::openai(), alice(limits)).await;
    let planted =
        Answer::json(200, WHOLE).header("x-ratelimit-limit-requests", "7").header("x-ratelimit-limit-tokens", "7");
    bench.mock.always(planted);
    let answer = bench.chat(ask("")).await;
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("60"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("59"));
    assert_eq!(answer.header("x-ratelimit-reset-requests"), Some("6s"), "until it is full");
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some(&*MANY.to_string()));
    assert_eq!(answer.headers.get_all("x-ratelimit-limit-requests").iter().count(), 1);
    bench.settled().await;
    let report = bench.usage().await;
    assert_eq!((&report["object"], &report["id"]), (&"usage".into(), &"alice".into()));
    assert_eq!((&report["requests"]["limit"], &report["requests"]["remaining"]), (&60.into(), &59.into()));
    assert_eq!((&report["budget"]["spent_usd"], &report["budget"]["reset_at"]), (&"0.000013".into(), &Value::Null));
    assert_eq!(report["scopes"][0]["id"], "team");
}

/// One request through a stack, whose store then holds this.
macro_rules! costs_the_same {
    ($($layers:expr),+ $(,)?) => {$({
        let mock = Mock::openai();
        mock.always(Answer::json(200, WHOLE));
        let store = Arc::new(Store::default());
        let limits = RateLimitLayer::new(Arc::clone(&store)).prices(prices()).anonymous(wide());
        let router = support::models(support::openai("http://upstream.test/v1", mock));
        let service = $layers(ServiceBuilder::new().layer(ChatLayer::new()), limits).service(router);
        assert_eq!(send(&service, support::post(ask(""))).await.text(), WHOLE);
        let subject = Subject { kind: SubjectKind::Caller, id: "anonymous".into(), limits: wide() };
        let standing = store.standing(vec![subject]).await.unwrap().remove(0);
        assert_eq!(standing.budget.map(|budget| budget.spent), Some(cost(1, 3, 1).nano_usd));
        assert_eq!(standing.parallel.map(|parallel| parallel.remaining), Some(MANY));
    })+};
}

#[tokio::test]
async fn the_layers_between_change_nothing() {
    let (timer, trace) = (|| TimeoutLayer::new(SOON), TraceLayer::new_for_http);
    costs_the_same! {
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(limits),
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(timer()).layer(limits),
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(limits).layer(timer()),
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(timer()).layer(trace()).layer(limits),
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(trace()).layer(limits).layer(timer()),
        |border: ServiceBuilder<_>, limits: RateLimitLayer| border.layer(limits).layer(trace()).layer(timer()),
    }
}
