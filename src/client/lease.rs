//! Who gets which connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::Uri;
use tokio::sync::oneshot;

use super::connect::{Connected, Connector};
use super::error::Error;
use super::host::Host;

/// A connection of this host: one that is there, or else the first that is given back or opened.
pub(super) async fn lease(host: &Arc<Host>, connector: &Connector, uri: &Uri) -> Result<Connected, Error> {
    let mut relies_on_others = true;
    loop {
        if let Some(connection) = host.take() {
            return Ok(connection);
        }
        let (returned, opening) = host.wait(relies_on_others);
        let Some(opening) = opening else {
            match returned.await {
                Ok(connection) => return Ok(connection),
                // Once is enough: many would wait for each other's time to run out.
                Err(_) => relies_on_others = false,
            }
            continue;
        };
        let connecting = connector.clone().connect(uri.clone());
        let opened = Box::pin(async move {
            let connected = connecting.await;
            match &connected {
                Ok(Connected::Http2(sender)) => opening.host().put(Connected::Http2(sender.clone())),
                Ok(Connected::Http1(_)) => opening.host().speaks_http1(),
                Err(_) => {}
            }
            drop(opening);
            connected
        });
        return first(host, returned, opened).await;
    }
}

/// What comes first. A connection that is still being opened then is for others.
pub(super) async fn first(
    host: &Arc<Host>,
    mut returned: oneshot::Receiver<Connected>,
    mut opened: Pin<Box<impl Future<Output = Result<Connected, Error>> + Send + 'static>>,
) -> Result<Connected, Error> {
    let mut may_return = true;
    let first = poll_fn(|cx| {
        if may_return {
            match Pin::new(&mut returned).poll(cx) {
                Poll::Ready(Ok(connection)) => return Poll::Ready(Ok(connection)),
                Poll::Ready(Err(_)) => may_return = false,
                Poll::Pending => {}
            }
        }
        opened.as_mut().poll(cx).map(Err)
    });
    let opened_first = match first.await {
        Ok(connection) => {
            let host = Arc::clone(host);
            tokio::spawn(async move {
                if let Ok(connection) = opened.await {
                    host.put(connection);
                }
            });
            return Ok(connection);
        }
        Err(opened) => opened,
    };
    returned.close();
    match (opened_first, returned.try_recv()) {
        (Err(_), Ok(connection)) => Ok(connection),
        (opened, returned) => {
            if let Ok(connection) = returned {
                host.put(connection);
            }
            opened
        }
    }
}
