//! The stack on axum: keys at the door, an OpenAI-shaped and a Claude-shaped model, the list of models.
//!
//! With `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` it asks the providers. Without them a mock stands in the place of the
//! HTTP client, so that it runs without a key and without a network.
#![allow(clippy::print_stdout)]

use std::env;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower::Layer;
use tower_completions::client::Client;
use tower_completions::mock::Mock;
use tower_completions::translate::{Anthropic, OpenAi};
use tower_completions::{AuthLayer, BoxError, ChatLayer, Key, MemoryKeys, Model, ModelRouter, TranslateLayer};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    println!("listening on {url}");
    println!("curl {url}/models -H 'Authorization: Bearer sk-test-alice'");
    println!(
        r#"curl -N {url}/chat/completions -H 'Authorization: Bearer sk-test-alice' -H 'Content-Type: application/json' \
    -d '{{"model":"claude-sonnet-4-20250514","messages":[{{"role":"user","content":"Hello"}}],"stream":true}}'"#
    );
    serve(listener).await
}

/// Without `TCP_NODELAY` the first token of a stream can wait 40 ms for an acknowledgement.
pub(crate) async fn serve(listener: TcpListener) -> Result<(), BoxError> {
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, app()?).await?)
}

fn app() -> Result<Router, BoxError> {
    let keys = MemoryKeys::from_keys([Key::new("alice", "sk-test-alice")?])?;
    let router = ModelRouter::new([gpt()?, claude()?]);
    Ok(Router::new()
        .route_service("/v1/models", router.models())
        .route_service("/v1/models/{*id}", router.models())
        .route_service("/v1/chat/completions", ChatLayer::new().layer(router))
        .layer(AuthLayer::new(keys)))
}

fn gpt() -> Result<Model, BoxError> {
    let openai = OpenAi::new("https://api.openai.com/v1")?;
    Ok(match env::var("OPENAI_API_KEY") {
        Ok(key) => Model::new("gpt-4o-mini", TranslateLayer::new(openai.key(&key)?).layer(Client::new())),
        Err(_) => Model::new("gpt-4o-mini", TranslateLayer::new(openai).layer(Mock::openai())),
    })
}

fn claude() -> Result<Model, BoxError> {
    let claude = Anthropic::new("https://api.anthropic.com")?;
    Ok(match env::var("ANTHROPIC_API_KEY") {
        Ok(key) => Model::new("claude-sonnet-4-20250514", TranslateLayer::new(claude.key(&key)?).layer(Client::new())),
        Err(_) => Model::new("claude-sonnet-4-20250514", TranslateLayer::new(claude).layer(Mock::anthropic())),
    })
}
