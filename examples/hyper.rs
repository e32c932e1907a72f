//! The stack on plain hyper: no router and no web framework, only an accept loop.
//!
//! With `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` it asks the providers. Without them a mock stands in the place of the
//! HTTP client, so that it runs without a key and without a network.
#![allow(clippy::print_stdout)]

use std::env;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer, ServiceBuilder};
use tower_completions::client::Client;
use tower_completions::mock::Mock;
use tower_completions::translate::{Anthropic, OpenAi};
use tower_completions::{
    AuthLayer, BoxError, ChatLayer, Endpoint, Key, MemoryKeys, Model, ModelRouter, TranslateLayer,
};

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

/// Serves every connection in a task of its own. The stack is built once; a clone of it costs reference counts.
pub(crate) async fn serve(listener: TcpListener) -> Result<(), BoxError> {
    let keys = MemoryKeys::from_keys([Key::new("alice", "sk-test-alice")?])?;
    let router = ModelRouter::new([gpt()?, claude()?]);
    let models = router.models();
    let endpoint = Endpoint::new(ChatLayer::new().layer(router), models);
    let service = ServiceBuilder::new().layer(AuthLayer::new(keys)).service(endpoint);
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        // Without it the first token of a stream can wait 40 ms for an acknowledgement.
        socket.set_nodelay(true)?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // A connection that breaks is the client's affair.
            drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await);
        });
    }
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
