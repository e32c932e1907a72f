use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, ServiceExt};

use super::*;
use crate::translate::bedrock::{Credentials, SigV4Layer};

fn request(host: &str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("{host}{CONVERSE}")).header("content-type", "application/json");
    request.body(Full::from(hello().to_string())).unwrap()
}

/// Status and exception, if it is one, of a request with this header.
async fn present(mock: &Mock, authorization: Option<&str>) -> (u16, String) {
    let mut request = request("http://mock");
    if let Some(authorization) = authorization {
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
    }
    outcome(mock.clone().oneshot(request).await.unwrap())
}

fn outcome(response: Response<MockBody>) -> (u16, String) {
    let status = response.status().as_u16();
    (status, if status == 200 { String::new() } else { exception(&response).to_owned() })
}

fn refused(exception: &str) -> (u16, String) {
    (403, exception.to_owned())
}

#[tokio::test]
async fn an_api_key_is_a_bearer() {
    let mock = Mock::bedrock().require_key("right");
    assert_eq!(present(&mock, Some("Bearer right")).await, (200, String::new()));
    assert_eq!(present(&mock, Some("Bearer wrong")).await, refused("AccessDeniedException"));
    assert_eq!(present(&mock, None).await, refused("MissingAuthenticationTokenException"));
    assert_eq!(present(&mock, Some("AWS4-HMAC-SHA256 x")).await, refused("UnrecognizedClientException"));
}

#[tokio::test]
async fn a_signature_is_checked() {
    let mock = Mock::bedrock().require_key("AKID:secret");
    let signed = async |id: &str, secret| {
        let layer = SigV4Layer::new("eu-west-1", Credentials::new(id, secret).unwrap()).unwrap();
        outcome(layer.layer(mock.clone()).oneshot(request("https://bedrock.test")).await.unwrap())
    };
    assert_eq!(signed("AKID", "secret").await, (200, String::new()));
    assert_eq!(signed("AKID", "wrong").await, refused("InvalidSignatureException"));
    assert_eq!(signed("OTHER", "secret").await, refused("UnrecognizedClientException"));
    assert_eq!(present(&mock, None).await, refused("MissingAuthenticationTokenException"));
}

/// Over a socket the mock sees the host's header alone, as a server does.
#[cfg(feature = "client")]
#[tokio::test]
async fn the_port_is_signed_as_it_is_sent() {
    let mock = Mock::bedrock().require_key("AKID:secret");
    let upstream = mock.listen().await.unwrap();
    let layer = SigV4Layer::new("eu-west-1", Credentials::new("AKID", "secret").unwrap()).unwrap();
    let client = layer.layer(crate::client::Client::new());
    let response = client.oneshot(request(&format!("http://{}", upstream.addr()))).await.unwrap();
    assert_eq!(response.status(), 200);
}
