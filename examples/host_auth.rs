//! The host's own login: it puts a `Principal` into the request's extensions, and no `AuthLayer` is needed.
//!
//! Every layer inside takes the caller from there. Here the router does: each caller sees and uses its own models.
#![allow(clippy::print_stdout)]

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use http::StatusCode;
use tokio::net::TcpListener;
use tower::Layer;
use tower_completions::mock::Mock;
use tower_completions::translate::OpenAi;
use tower_completions::{ApiError, BoxError, ChatLayer, Model, ModelFilter, ModelRouter, Principal, TranslateLayer};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    println!("listening on {url}");
    println!("curl {url}/models -H 'Cookie: session=s-alice'   # every model");
    println!("curl {url}/models -H 'Cookie: session=s-bob'     # the small one");
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, app()?).await?)
}

pub(crate) fn app() -> Result<Router, BoxError> {
    let openai = TranslateLayer::new(OpenAi::new("http://mock/v1")?);
    let router = ModelRouter::new([
        Model::new("large", openai.layer(Mock::openai())),
        Model::new("small", openai.layer(Mock::openai())),
    ]);
    Ok(Router::new()
        .route_service("/v1/models", router.models())
        .route_service("/v1/models/{*id}", router.models())
        .route_service("/v1/chat/completions", ChatLayer::new().layer(router))
        .layer(middleware::from_fn(login)))
}

/// Runs before a byte of the body is read.
async fn login(mut request: Request, next: Next) -> Response {
    let cookie = request.headers().get("cookie").and_then(|cookie| cookie.to_str().ok());
    let Some(caller) = cookie.and_then(|cookie| cookie.strip_prefix("session=")).and_then(caller) else {
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", "Log in first.");
        return error.into_response::<axum::body::Body>().into_response();
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// What the host knows about a session. Its customer record can travel along with [`Principal::data`].
fn caller(session: &str) -> Option<Principal> {
    match session {
        "s-alice" => Some(Principal::new("alice")),
        "s-bob" => Some(Principal::new("bob").models(ModelFilter::new(["small"]))),
        _ => None,
    }
}
