//! Meter, limits, trace and timeout in every order: the receipts are equal.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};
use tower_completions::auth::{Budget, Limits, Principal};
use tower_completions::limit::{LimitStore, MemoryLimits, Subject};
use tower_completions::meter::{MeterLayer, Outcome, Receipt, Recording, UsageSink};
use tower_completions::mock::{Answer, Mock};
use tower_completions::price::{Price, PriceBook};
use tower_completions::route::BoxBody;
use tower_completions::translate::Anthropic;
use tower_completions::{BoxError, ChatRequest, RateLimitLayer, TimeoutLayer, TranslateLayer};
use tower_http::trace::TraceLayer;

use super::support::{STREAM, ask};
use super::{Book, line};

type Boxed = BoxCloneSyncService<Request<ChatRequest>, Response<BoxBody>, BoxError>;

fn boxed<S, B>(service: S) -> Boxed
where
    S: Service<Request<ChatRequest>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let service =
        service.map_response(|response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync()));
    BoxCloneSyncService::new(service.map_err(Into::into))
}

const LAYERS: [&str; 4] = ["meter", "limit", "trace", "timeout"];

/// All orders of four.
fn orders() -> Vec<[&'static str; 4]> {
    let mut orders = Vec::new();
    for at in 0..256 {
        let order = [at % 4, at / 4 % 4, at / 16 % 4, at / 64].map(|at| LAYERS[at]);
        if LAYERS.iter().all(|layer| order.contains(layer)) {
            orders.push(order);
        }
    }
    assert_eq!(orders.len(), 24);
    orders
}

/// Writes what is whole when it is asked again, as the usage log does.
struct GivesWay(Book);

impl UsageSink for GivesWay {
    fn record(&self, receipt: &Receipt) {
        self.0.record(receipt);
    }

    fn submit(&self, receipt: &Receipt) -> Recording {
        let (book, receipt) = (self.0.clone(), receipt.clone());
        Recording::new(move || book.record(&receipt))
    }
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Client {
    Stays,
    Leaves(usize),
    LeavesAtOnce,
}

/// A line without what differs each time, and what the limiter charged.
async fn receipt(order: [&str; 4], answer: &Answer, stream: &str, client: Client) -> (String, u64) {
    let (book, store, mock) = (Book::default(), MemoryLimits::new(), Mock::anthropic());
    mock.answer(answer.clone());
    let prices = PriceBook::from_prices([("m", Price::per_million(3.0, 15.0).unwrap())]);
    let dialect = Anthropic::new("http://h").unwrap();
    let mut service = boxed(TranslateLayer::new(dialect).provider("p").layer(mock));
    for layer in order.iter().rev() {
        service = match *layer {
            "meter" => boxed(MeterLayer::new(GivesWay(book.clone())).prices(prices.clone()).layer(service)),
            "limit" => boxed(RateLimitLayer::new(store.clone()).prices(prices.clone()).layer(service)),
            "trace" => boxed(TraceLayer::new_for_http().layer(service)),
            _ => boxed(
                TimeoutLayer::new().first_byte(Duration::from_secs(10)).idle(Duration::from_secs(10)).layer(service),
            ),
        };
    }
    let limits = Limits::new().budget(Budget::total_usd(1.0));
    let mut request = Request::new(ChatRequest::from_bytes(ask(stream)).unwrap());
    request.extensions_mut().insert(Principal::new("alice").limits(limits));
    let call = service.oneshot(request);
    match client {
        Client::LeavesAtOnce => assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err()),
        Client::Leaves(frames) => {
            let mut body = call.await.unwrap().into_body();
            for _ in 0..frames {
                body.frame().await.unwrap().unwrap();
            }
        }
        Client::Stays => {
            if let Ok(response) = call.await {
                let _ = response.into_body().collect().await;
            }
        }
    }
    let mut receipt = book.only();
    receipt.id = "id".into();
    receipt.time = Duration::ZERO;
    receipt.duration = Duration::ZERO;
    (receipt.first_byte, receipt.first_token) = (None, None);
    let standing = store.standing(vec![Subject::caller("alice", limits)]).await.unwrap();
    (line(&receipt), standing[0].budget.unwrap().spent)
}

#[tokio::test(start_paused = true)]
async fn the_order_of_layers_changes_no_receipt() {
    // What is there at once comes in one frame.
    let pause = Duration::from_millis(1);
    let text = || Answer::text("one two three four five six seven eight nine").usage(100, 10).delay_frames(pause);
    let hour = Duration::from_secs(3600);
    for (answer, stream, client, expected) in [
        (text(), "", Client::Stays, r#""outcome":"complete","#),
        (text(), STREAM, Client::Stays, r#""outcome":"complete","#),
        (text(), STREAM, Client::Leaves(3), r#""outcome":"aborted","#),
        // An answer that is whole is in the book before it is handed on.
        (text(), "", Client::Leaves(0), r#""outcome":"complete","#),
        (text().delay_head(hour), "", Client::LeavesAtOnce, r#""status":499,"#),
        (text().delay_head(hour), STREAM, Client::Stays, r#""reason":"upstream_timeout","#),
        (text().stall_after(600), STREAM, Client::Stays, r#""error_code":"idle_timeout","#),
        (text().cut_after(600), STREAM, Client::Stays, r#""reason":"upstream_error","#),
        (Answer::error(429), STREAM, Client::Stays, r#""reason":"upstream_rate_limited","#),
        (Answer::error(500), "", Client::Stays, r#""reason":"upstream_error","#),
        (Answer::error(400), "", Client::Stays, r#""reason":"client_error","#),
        (Answer::refuse(), "", Client::Stays, r#""reason":"upstream_unreachable","#),
        (text(), r#","n":2"#, Client::Stays, r#""outcome":"refused","#),
    ] {
        let mut first: Option<String> = None;
        for order in orders() {
            let (line, spent) = receipt(order, &answer, stream, client).await;
            assert!(line.contains(expected), "{order:?} {client:?}: {line}");
            let cost = format!(r#""cost_usd":"{}""#, usd(spent));
            assert!(line.contains(&cost), "{order:?} {client:?}: the limiter says {cost}, the ledger {line}");
            assert_eq!(first.get_or_insert_with(|| line.clone()), &line, "{order:?} {client:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_the_last_moment_is_for_the_client_what_it_is_in_the_book() {
    let service = Mock::anthropic();
    service.answer(Answer::text("one two").usage(100, 10).delay_head(Duration::from_secs(10)));
    let book = Book::default();
    let dialect = Anthropic::new("http://h").unwrap();
    let inner = MeterLayer::new(GivesWay(book.clone())).layer(TranslateLayer::new(dialect).layer(service));
    let layer = TimeoutLayer::new().first_byte(Duration::from_secs(10));
    let answer = layer.layer(inner).oneshot(Request::new(ChatRequest::from_bytes(ask("")).unwrap())).await;
    let receipt = book.only();
    assert_eq!((answer.is_ok(), receipt.status, receipt.outcome), (true, StatusCode::OK, Outcome::Complete));
}

fn usd(nano: u64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
