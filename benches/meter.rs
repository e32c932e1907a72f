//! What metering costs a request, in CPU: `cargo bench --bench meter`.
//!
//! The same requests go through a dialect to a provider that answers at once: bare, with a meter whose sink forgets, and with
//! a usage log in a file. The three take turns, and each figure is the median of the rounds, of the process's own CPU time
//! where Linux says it, so that other work on the machine counts little.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_completions::auth::Principal;
use tower_completions::meter::log::{LogOptions, UsageLog};
use tower_completions::meter::{MeterLayer, Receipt};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::OpenAi;
use tower_completions::{BoxError, ChatRequest, TranslateLayer};

const ASK: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"What is the time in Graz, and what is it in Linz?"}]}"#;
const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Noon.","refusal":null},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":30,"completion_tokens":2,"total_tokens":32}}"#;

const ROUNDS: usize = 9;
const REQUESTS: u32 = 100_000;

/// What waits for nothing but its neighbours: a whole answer gives way once before its receipt is put away.
fn now<F: Future>(future: F) -> F::Output {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
    for _ in 0..2 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    unreachable!("nothing here waits")
}

/// The CPU time of this process so far, in nanoseconds; where nobody says it, the time that passes.
fn cpu() -> u64 {
    static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let spent = told.and_then(|told| told.split(' ').next()?.parse().ok());
    spent.unwrap_or_else(|| BEGIN.elapsed().as_nanos() as u64)
}

/// What one of many requests takes, in microseconds.
fn round<S, B>(service: &S) -> f64
where
    S: Service<Request<ChatRequest>, Response = Response<B>, Error = BoxError> + Clone,
    B: Body<Data = Bytes>,
{
    let chat = ChatRequest::from_bytes(ASK).unwrap();
    let begin = cpu();
    for _ in 0..REQUESTS {
        let mut request = Request::new(chat.clone());
        request.extensions_mut().insert(Principal::new("alice"));
        let body = now(service.clone().oneshot(request)).unwrap().into_body();
        black_box(now(body.collect()).map_err(drop).unwrap().to_bytes().len());
    }
    (cpu() - begin) as f64 / f64::from(REQUESTS) / 1_000.0
}

fn median(mut figures: [f64; ROUNDS]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[ROUNDS / 2]
}

fn main() {
    let provider = service_fn(|_: Request<Full<Bytes>>| {
        let response = Response::builder().header("content-type", "application/json");
        ready(Ok::<_, BoxError>(response.body(Full::new(Bytes::from_static(ANSWER.as_bytes()))).unwrap()))
    });
    let bare = TranslateLayer::new(OpenAi::new("http://h/v1").unwrap()).provider("openai").layer(provider);
    let prices = PriceBook::from_prices([("m", Price::per_million(3.0, 15.0).unwrap())]);
    let forgets = |receipt: &Receipt| assert!(black_box(receipt).cost.is_some());
    let metered = MeterLayer::new(forgets).prices(prices.clone()).layer(bare.clone());
    let folder = std::env::temp_dir().join(format!("bench-meter-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = UsageLog::open(folder.join("usage.jsonl"), LogOptions::new()).unwrap();
    let logged = MeterLayer::new(log).prices(prices).layer(bare.clone());

    let (mut without, mut meter, mut file) = ([0.0; ROUNDS], [0.0; ROUNDS], [0.0; ROUNDS]);
    for at in 0..ROUNDS {
        (without[at], meter[at], file[at]) = (round(&bare), round(&metered), round(&logged));
    }
    let (without, meter, file) = (median(without), median(meter), median(file));
    println!("a request and its answer through a dialect           {without:>6.2} µs");
    println!("  a meter takes, beside that                         {:>6.2} µs", meter - without);
    println!("  a meter with a usage log, a write for each line    {:>6.2} µs", file - without);
    std::fs::remove_dir_all(&folder).unwrap();
}
