//! The sum of the ledger is the sum that the providers say they produced, to the token and the nano-dollar.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_completions::auth::{Budget, Limits, Principal};
use tower_completions::limit::{LimitStore, MemoryLimits, Subject};
use tower_completions::meter::log::{LogOptions, LogReader, UsageLog};
use tower_completions::meter::{Drain, MeterLayer};
use tower_completions::mock::{Answer, Mock};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::{Anthropic, Azure, Bedrock, Dialect, Gemini, OpenAi};
use tower_completions::{ChatLayer, Model, ModelRouter, RateLimitLayer, TranslateLayer};

use super::support::{UPSTREAM_KEY, post};

/// Input and output in nano-dollars a token, of each model.
const MODELS: [(&str, u64, u64); 5] =
    [("gpt", 150, 600), ("az", 2_500, 10_000), ("claude", 3_000, 15_000), ("gem", 75, 301), ("nova", 61, 243)];
const PROMPT: &str = "planted words of a prompt";
const SLOW: &str = "planted words that are answered slowly";
const ANSWER: &str = "planted words of an answer, long enough for more than one event";

/// What the providers say that they made.
#[derive(Default)]
struct Produced {
    prompt: AtomicU64,
    completion: AtomicU64,
    nano: AtomicU64,
    failed: AtomicU64,
}

/// A provider that answers this model, and keeps an account of it.
fn provider(mock: Mock, model: usize, produced: &Arc<Produced>) -> Mock {
    let produced = Arc::clone(produced);
    let count = AtomicU64::new(0);
    mock.respond_with(move |request| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if number % 9 == 8 {
            produced.failed.fetch_add(1, Ordering::SeqCst);
            return Answer::error([400, 429, 500, 503][(number / 9 % 4) as usize]);
        }
        let (input, output) = (number * 7_919 % 5_003, number * 104_729 % 2_011);
        let (_, price_in, price_out) = MODELS[model];
        produced.prompt.fetch_add(input, Ordering::SeqCst);
        produced.completion.fetch_add(output, Ordering::SeqCst);
        produced.nano.fetch_add(input * price_in + output * price_out, Ordering::SeqCst);
        // What is there at once comes in one frame, and nobody can leave in the middle of it.
        let is_slow = std::str::from_utf8(&request.body).unwrap().contains(SLOW);
        let pause = Duration::from_millis(u64::from(is_slow));
        Answer::text(ANSWER).usage(input, output).delay_frames(pause)
    });
    mock.keep_requests(0)
}

fn model<D>(at: usize, dialect: D, mock: Mock, produced: &Arc<Produced>) -> Model
where
    D: Dialect<Decoder: Send> + Send + Sync + 'static,
{
    let (id, ..) = MODELS[at];
    Model::new(id, TranslateLayer::new(dialect).provider(id).layer(provider(mock, at, produced))).upstream("up-stream")
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn sum(requests: u64) {
    let produced = Arc::new(Produced::default());
    let key = UPSTREAM_KEY;
    let router = ModelRouter::new([
        model(0, OpenAi::new("http://h/v1").unwrap().key(key).unwrap(), Mock::openai(), &produced),
        model(1, Azure::new("http://h/openai/v1").unwrap().key(key).unwrap(), Mock::azure(), &produced),
        model(2, Anthropic::new("http://h").unwrap().key(key).unwrap(), Mock::anthropic(), &produced),
        model(3, Gemini::new("http://h").unwrap().key(key).unwrap(), Mock::gemini(), &produced),
        model(4, Bedrock::new("http://h").unwrap().key(key).unwrap(), Mock::bedrock(), &produced),
    ]);
    let price = |(id, input, output): (&'static str, u64, u64)| {
        (id, Price::per_million(input as f64 / 1e3, output as f64 / 1e3).unwrap())
    };
    let prices = PriceBook::from_prices(MODELS.map(price));
    let path = folder(&requests.to_string()).join("usage.jsonl");
    let log = UsageLog::open(&path, LogOptions::new().max_bytes(1 << 20)).unwrap();
    let (drain, worker) = Drain::at_once(usize::MAX, tokio::time::sleep);
    tokio::spawn(worker.run());
    let meter = MODELS.iter().fold(MeterLayer::new(log.clone()), |meter, (id, ..)| meter.drain(*id, &drain));
    let (store, limits) = (MemoryLimits::new(), Limits::new().budget(Budget::total_usd(1e6)));
    let chat = ChatLayer::new()
        .layer(meter.prices(prices.clone()).layer(RateLimitLayer::new(store.clone()).prices(prices).layer(router)));

    let (mut refused, mut left) = (0, 0);
    for number in 0..requests {
        let (model, stream) = (MODELS[(number % 5) as usize].0, number % 3 != 0);
        let leaves = stream && number % 17 == 5;
        let prompt = if leaves { SLOW } else { PROMPT };
        let mut body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": prompt}]});
        match number % 23 {
            7 => body["model"] = "nobody".into(),
            11 => body["model"] = "m".into(),
            13 => body["stream_options"] = json!({"include_usage": false}),
            _ => {}
        }
        if !stream {
            body.as_object_mut().unwrap().remove("stream_options");
        }
        refused += u64::from(matches!(number % 23, 7 | 11));
        let mut request = post(body.to_string());
        request.extensions_mut().insert(Principal::new("alice").limits(limits));
        let Ok(mut response) = chat.clone().oneshot(request).await;
        if leaves && response.status() == 200 {
            // One event is enough for this client.
            response.body_mut().frame().await.unwrap().unwrap();
            left += 1;
        } else {
            response.into_body().collect().await.unwrap();
        }
    }
    while drain.count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let (mut lines, mut prompt, mut completion, mut nano, mut by_outcome) = (0, 0, 0, 0, [0; 4]);
    for line in LogReader::open(&path).unwrap().lines() {
        let line = line.unwrap();
        assert!(!line.contains("planted"), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        lines += 1;
        prompt += line["prompt_tokens"].as_u64().unwrap();
        completion += line["completion_tokens"].as_u64().unwrap();
        nano += nano_dollars(line["cost_usd"].as_str().unwrap());
        let outcome = line["outcome"].as_str().unwrap();
        by_outcome[["complete", "aborted", "failed", "refused"].iter().position(|word| *word == outcome).unwrap()] += 1;
    }
    let failed = produced.failed.load(Ordering::SeqCst);
    assert_eq!(lines, requests);
    assert_eq!(by_outcome, [requests - left - failed - refused, left, failed, refused]);
    assert!(left > 0 && failed > 0 && refused > 0);
    assert_eq!(prompt, produced.prompt.load(Ordering::SeqCst));
    assert_eq!(completion, produced.completion.load(Ordering::SeqCst));
    assert_eq!(nano, produced.nano.load(Ordering::SeqCst));
    let standing = store.standing(vec![Subject::caller("alice", limits)]).await.unwrap();
    assert_eq!(standing[0].budget.unwrap().spent, nano, "limits and ledger agree");

    // And after a restart.
    let restored = MemoryLimits::new();
    restored.restore_log(LogReader::open(&path).unwrap(), |id| vec![Subject::caller(id, limits)]).unwrap();
    let standing = restored.standing(vec![Subject::caller("alice", limits)]).await.unwrap();
    assert_eq!(standing[0].budget.unwrap().spent, nano);
    drop(log);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn nano_dollars(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{rest:0<9}").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_few_thousand_requests() {
    sum(3_000).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "slow"]
async fn a_hundred_thousand_requests() {
    sum(100_000).await;
}

/// Whatever a request may hold that is nobody's business but its sender's and its answerer's.
#[tokio::test]
async fn no_secret_and_no_word_is_in_a_line() {
    let book = super::Book::default();
    let mock = Mock::openai();
    let answers = [
        Answer::text(ANSWER),
        Answer::tool_call("planted_tool", json!({"planted": "argument"})),
        Answer::error(401),
        Answer::json(400, json!({"error": {"message": format!("planted {UPSTREAM_KEY}"), "code": "odd"}})),
        Answer::json(500, "<html>planted</html>"),
        Answer::sse("data: {\"error\":{\"message\":\"planted\",\"code\":\"odd\"}}\n\n"),
        Answer::refuse(),
        Answer::text(ANSWER).cut_after(200),
    ];
    let dialect = OpenAi::new("http://planted.test/v1").unwrap().key(UPSTREAM_KEY).unwrap();
    let router = ModelRouter::new([Model::new("m", TranslateLayer::new(dialect).layer(mock.clone()))]);
    let service = ChatLayer::new().layer(MeterLayer::new(book.clone()).layer(router));
    for answer in answers {
        for stream in [false, true] {
            mock.answer(answer.clone());
            let tool = json!({"type": "function", "function": {"name": "planted_tool", "description": "planted"}});
            let body = json!({"model": "m", "stream": stream, "tools": [tool], "stop": ["planted"],
                "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": PROMPT}]});
            let mut request = post(body.to_string());
            for name in ["authorization", "cookie", "x-api-key", "user-agent"] {
                request.headers_mut().insert(name, "planted".parse().unwrap());
            }
            let Ok(response) = service.clone().oneshot(request).await;
            let _ = response.into_body().collect().await;
            let receipt = book.only();
            let texts = [super::line(&receipt), format!("{receipt:?}")];
            assert!(texts.iter().all(|text| !text.contains("planted")), "{texts:?}");
        }
    }
}
