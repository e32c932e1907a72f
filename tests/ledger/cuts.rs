//! Every golden stream, cut after every byte of the provider's: by the client, by an end, by an error.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_completions::auth::{Budget, Limits, Principal};
use tower_completions::limit::{LimitStore, MemoryLimits, Subject};
use tower_completions::meter::{MeterLayer, Outcome, Receipt};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::openai::Profile;
use tower_completions::translate::{Anthropic, Azure, Bedrock, Dialect, Gemini, OpenAi};
use tower_completions::{BoxError, ChatRequest, RateLimitLayer, TranslateLayer};

use super::golden::{Golden, streams};
use super::oracle::{Got, said};
use super::{Book, line};

/// What comes after the first bytes of a provider's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Nothing, until the client has enough.
    Silence,
    End,
    Reset,
}

/// A body that breaks off.
struct Cut {
    first: Option<Bytes>,
    then: Then,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match (self.first.take(), self.then) {
            (Some(first), _) => Poll::Ready(Some(Ok(Frame::data(first)))),
            (None, Then::Silence) => Poll::Pending,
            (None, Then::End) => Poll::Ready(None),
            (None, Then::Reset) => Poll::Ready(Some(Err("connection reset by peer".into()))),
        }
    }
}

/// Two tokens of the prompt are three nano-dollars: nothing is even.
fn prices(model: &str) -> PriceBook {
    let price: Price = "input=0.0015 output=0.0071 cached=0.0003 write=0.0019 reasoning=0.0083".parse().unwrap();
    PriceBook::from_prices([(model, price)])
}

/// What is seen of one cut from both sides.
struct Seen {
    receipt: Receipt,
    /// `None` if there was no head.
    client: Option<(u16, String)>,
    /// What the limiter charged.
    spent: u64,
}

/// Polls as long as something comes, then leaves.
fn drive<D>(golden: &Golden, dialect: &D, at: usize, then: Then, (book, store): (&Book, &MemoryLimits)) -> Seen
where
    D: Dialect<Decoder: Send> + Clone + Send + Sync + 'static,
{
    let (bytes, content_type) = (golden.body.slice(..at), golden.content_type);
    let upstream = service_fn(move |_: Request<Full<Bytes>>| {
        let body = Cut { first: Some(bytes.clone()).filter(|bytes| !bytes.is_empty()), then };
        let response = Response::builder().header("content-type", content_type).body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let chat = ChatRequest::from_bytes(golden.request.clone()).unwrap();
    let prices = prices(chat.model());
    let caller = format!("{at} {then:?}");
    let limits = Limits::new().budget(Budget::total_usd(1e6));
    let service = MeterLayer::new(book.clone()).prices(prices.clone()).layer(
        RateLimitLayer::new(store.clone())
            .prices(prices)
            .layer(TranslateLayer::new(dialect.clone()).provider("p").layer(upstream)),
    );
    let mut request = Request::new(chat);
    request.extensions_mut().insert(Principal::new(caller.as_str()).limits(limits));

    let mut cx = Context::from_waker(Waker::noop());
    let client = {
        let mut call = pin!(service.oneshot(request));
        match call.as_mut().poll(&mut cx) {
            Poll::Pending => None,
            Poll::Ready(Err(error)) => panic!("{}: {error}", golden.name),
            Poll::Ready(Ok(response)) => {
                let status = response.status().as_u16();
                let mut body = pin!(response.into_body());
                let mut got = Vec::new();
                while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
                    got.extend_from_slice(frame.data_ref().unwrap());
                }
                Some((status, String::from_utf8(got).unwrap()))
            }
        }
    };
    let standing = pin!(store.standing(vec![Subject::caller(caller, limits)])).poll(&mut cx);
    let Poll::Ready(Ok(standing)) = standing else { panic!("a store in memory does not wait") };
    Seen { receipt: book.only(), client, spent: standing[0].budget.unwrap().spent }
}

/// What is wrong with the receipt of a cut.
fn check(golden: &Golden, at: usize, then: Then, seen: &Seen) -> Result<(), String> {
    let receipt = &seen.receipt;
    let prompt = ChatRequest::from_bytes(golden.request.clone()).unwrap().estimated_prompt_tokens();
    let said = said(golden, &golden.body[..at], then == Then::End);
    let got = match &seen.client {
        Some((200, stream)) => Got::read(stream),
        Some((_, error)) => {
            let error: serde_json::Value = serde_json::from_str(error).unwrap();
            Got { error: Some(error["error"]["code"].as_str().unwrap_or("").to_owned()), ..Got::default() }
        }
        None => Got::default(),
    };
    let same = |what: &str, found: &dyn Debug, expected: &dyn Debug| {
        let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
        let place = || format!("{} cut at {at}, then {then:?}: {}\n{said:?} {got:?}", golden.name, line(receipt));
        (found == expected).then_some(()).ok_or_else(|| format!("{what} {found}, not {expected}: {}", place()))
    };

    let outcome = match (&got, then) {
        (Got { error: Some(_), .. }, _) => Outcome::Failed,
        (Got { is_done: true, .. }, _) => Outcome::Complete,
        (_, Then::Silence) => Outcome::Aborted,
        _ => return Err(format!("{} cut at {at}, then {then:?}: neither an end nor an error", golden.name)),
    };
    same("outcome", &receipt.outcome, &outcome)?;
    same("status", &receipt.status.as_u16(), &seen.client.as_ref().map_or(499, |(status, _)| *status))?;
    match outcome {
        Outcome::Aborted => same("reason", &receipt.reason.as_deref(), &Some("client_aborted"))?,
        outcome => same("has a reason", &receipt.reason.is_some(), &(outcome == Outcome::Failed))?,
    }
    same("served", &(receipt.provider.as_deref(), receipt.tries.len()), &(Some("p"), 1))?;
    let found = (receipt.usage.prompt_tokens(), receipt.usage.completion_tokens(), receipt.usage_source);
    same("tokens", &found, &got.tokens(said, prompt))?;
    if let Some(said) = said {
        let cached = (receipt.usage.cache_read, receipt.usage.cache_write_tokens());
        same("cache", &cached, &(said.cached, said.written))?;
    }
    same("cost", &receipt.cost, &receipt.price.as_ref().map(|price| price.cost(&receipt.usage)))?;
    same("the limiter's cost", &Some(seen.spent), &receipt.cost)
}

/// Whether a place is at the end of an event, or one byte before it or behind it.
fn ends_event(golden: &Golden, at: usize) -> bool {
    golden.twins.is_empty()
        && [at + 1, at, at.wrapping_sub(1)]
            .iter()
            .any(|at| golden.body.get(..*at).is_some_and(|seen| seen.ends_with(b"\n\n")))
}

/// The first thing that is wrong with each kind of cut of a stream.
fn cut<D>(golden: &Golden, dialect: &D, every_byte: bool) -> Vec<String>
where
    D: Dialect<Decoder: Send> + Clone + Send + Sync + 'static,
{
    let (book, store) = (Book::default(), MemoryLimits::new());
    let first = |then| {
        let mut places = (0..=golden.body.len()).filter(|at| every_byte || at % 7 == 0 || ends_event(golden, *at));
        places.find_map(|at| check(golden, at, then, &drive(golden, dialect, at, then, (&book, &store))).err())
    };
    [Then::Silence, Then::End, Then::Reset].into_iter().filter_map(first).collect()
}

fn cut_all(folders: &[&str], every_byte: bool) {
    let streams = streams();
    let chosen = streams.iter().filter(|golden| folders.contains(&golden.folder.as_str()));
    let wrong: Vec<String> = chosen
        .flat_map(|golden| match golden.folder.as_str() {
            "anthropic" | "anthropic_streams" => cut(golden, &Anthropic::new("http://h").unwrap(), every_byte),
            "gemini" => cut(golden, &Gemini::new("http://h").unwrap(), every_byte),
            "azure" => cut(golden, &Azure::new("http://h/openai/v1").unwrap(), every_byte),
            "bedrock" => cut(golden, &Bedrock::new("http://h").unwrap(), every_byte),
            _ => {
                let dialect = OpenAi::new("http://h/v1").unwrap();
                match golden.profile.as_deref() {
                    Some(profile) => cut(golden, &dialect.profile(Profile::named(profile).unwrap()), every_byte),
                    None => cut(golden, &dialect, every_byte),
                }
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn anthropic_and_bedrock() {
    cut_all(&["anthropic", "anthropic_streams", "bedrock"], false);
}

#[test]
fn openai_and_the_others() {
    cut_all(&["openai", "azure", "compatible", "gemini"], false);
}

/// A minute and a half on two cores.
#[test]
#[ignore = "slow"]
fn every_byte() {
    cut_all(&["anthropic", "anthropic_streams", "bedrock", "openai", "azure", "compatible", "gemini"], true);
}
