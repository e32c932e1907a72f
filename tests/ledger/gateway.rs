//! Over sockets: what a client has seen end is in the ledger, and who leaves is, too.

use std::time::Duration;

use http_body_util::BodyExt;
use tower::{Layer, ServiceExt};
use tower_completions::client::Client;
use tower_completions::meter::{MeterLayer, Outcome, Receipt, RequestIdLayer};
use tower_completions::mock::{Answer, Mock};
use tower_completions::price::{Price, PriceBook};
use tower_completions::translate::OpenAi;
use tower_completions::{ChatLayer, Endpoint, Model, ModelRouter, TranslateLayer, UsageSource};

use super::Book;
use super::support::{DONE, Gateway, SOON, STREAM, WHOLE, ask, bills, post, says, stops};

async fn serve(mock: &Mock, book: &Book) -> (Gateway, tower_completions::mock::Listening) {
    let upstream = mock.listen().await.unwrap();
    let dialect = OpenAi::new(&format!("{}/v1", upstream.base_url())).unwrap();
    let service = TranslateLayer::new(dialect).provider("p").layer(Client::new());
    let router = ModelRouter::new([Model::new("m", service)]);
    let models = router.models();
    let prices = PriceBook::from_prices([("m", Price::per_million(1.0, 10.0).unwrap())]);
    let chat = ChatLayer::new().layer(MeterLayer::new(book.clone()).prices(prices).layer(router));
    (Gateway::of(RequestIdLayer::new().layer(Endpoint::new(chat, models))).await, upstream)
}

async fn soon(book: &Book) -> Receipt {
    let wait = async {
        loop {
            match book.take().pop() {
                Some(receipt) => return receipt,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap()
}

#[tokio::test]
async fn what_a_client_saw_end_is_in_the_book() {
    let (mock, book, client) = (Mock::openai(), Book::default(), Client::new());
    let (gateway, _upstream) = serve(&mock, &book).await;
    let stream = [says("Hi"), stops(0), bills(), DONE.to_owned()].concat();
    for _ in 0..50 {
        for (answer, more) in [(Answer::json(200, WHOLE), ""), (Answer::sse(stream.clone()), STREAM)] {
            mock.answer(answer);
            let response = gateway.chat(&client, ask(more)).await;
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            response.into_body().collect().await.unwrap();
            let receipt = book.only();
            assert_eq!((receipt.outcome, receipt.usage_source), (Outcome::Complete, UsageSource::Reported));
            assert_eq!((receipt.cost, &*receipt.id), (Some(3 * 1_000 + 10_000), &*id));
        }
    }
    let mut unread = post("{");
    *unread.uri_mut() = format!("{}/v1/chat/completions", gateway.base_url).parse().unwrap();
    let refused = client.oneshot(unread).await.unwrap();
    assert!(refused.status() == 400 && refused.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    assert!(book.take().is_empty(), "what is no chat request is in no ledger");
}

#[tokio::test]
async fn who_leaves_after_an_event_pays_for_it() {
    let (mock, book) = (Mock::openai(), Book::default());
    let (gateway, _upstream) = serve(&mock, &book).await;
    let events: Vec<String> = (0..6).map(|_| says("12345678")).collect();
    let prompt = tower_completions::ChatRequest::from_bytes(ask(STREAM)).unwrap().estimated_prompt_tokens();
    for taken in 0..=events.len() {
        let sent = events[..taken].concat();
        mock.answer(Answer::sse(events.concat()).stall_after(sent.len()));
        // A client of its own, whose connection goes with it.
        let client = Client::new();
        if taken == 0 {
            let call = tokio::time::timeout(Duration::from_millis(200), gateway.chat(&client, ask(STREAM)));
            assert!(call.await.is_err());
            drop(client);
        } else {
            let mut response = gateway.chat(&client, ask(STREAM)).await;
            let mut got = 0;
            while got < sent.len() {
                got += response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();
            }
            drop((response, client));
        }
        let receipt = soon(&book).await;
        let status = if taken == 0 { 499 } else { 200 };
        assert_eq!((receipt.outcome, receipt.status.as_u16()), (Outcome::Aborted, status));
        let tokens = (receipt.usage.prompt_tokens(), receipt.usage.completion_tokens(), receipt.usage_source);
        assert_eq!(tokens, (prompt, 2 * taken as u64, UsageSource::Estimated));
    }
}
