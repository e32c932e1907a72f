use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::UNIX_EPOCH;

use tokio::sync::Notify;

use super::*;
use crate::error::{ApiError, BoxError};
use crate::translate::bedrock::sign::rotation::Rotation;

/// Gives what it is told to, and counts how often it was asked.
#[derive(Clone, Default)]
struct Script(Arc<Inner>);

#[derive(Default)]
struct Inner {
    next: Mutex<Option<Credentials>>,
    asked: AtomicUsize,
    /// Whoever asks waits for the other, if there is one.
    gate: Mutex<Option<Arc<Notify>>>,
}

impl Script {
    fn gives(&self, credentials: impl Into<Option<Credentials>>) {
        *self.0.next.lock().unwrap() = credentials.into();
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl CredentialSource for Script {
    async fn credentials(&self) -> Result<Credentials, BoxError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        self.0.next.lock().unwrap().clone().ok_or_else(|| "planted: the vault is at 10.0.0.1".into())
    }
}

fn until(id: &str, minutes: u64) -> Credentials {
    credentials(id).expires_at(UNIX_EPOCH + at(minutes))
}

fn at(minutes: u64) -> Duration {
    NOON + Duration::from_secs(60 * minutes)
}

fn id(answer: Result<Credentials, ApiError>) -> String {
    answer.unwrap().access_key_id().to_owned()
}

#[tokio::test]
async fn what_has_no_end_is_asked_for_each_time() {
    let script = Script::default();
    let rotation = Rotation::new(script.clone());
    for name in ["A", "B", "A"] {
        script.gives(credentials(name));
        assert_eq!(id(rotation.at(NOON).await), name);
    }
    assert_eq!(script.asked(), 3);
}

#[tokio::test]
async fn what_has_an_end_is_kept_until_shortly_before_it() {
    let script = Script::default();
    let rotation = Rotation::new(script.clone());
    script.gives(until("A", 60));
    assert_eq!(id(rotation.at(at(0)).await), "A");
    script.gives(until("B", 120));
    assert_eq!(id(rotation.at(at(57)).await), "A");
    assert_eq!(script.asked(), 1);
    assert_eq!(id(rotation.at(at(58)).await), "B");
    assert_eq!(id(rotation.at(at(59)).await), "B");
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn a_source_that_fails_is_not_missed_before_the_end() {
    let script = Script::default();
    let rotation = Rotation::new(script.clone());
    script.gives(until("A", 60));
    assert_eq!(id(rotation.at(at(0)).await), "A");
    script.gives(None);
    assert_eq!(id(rotation.at(at(59)).await), "A");
    assert_eq!(script.asked(), 2);

    let error = rotation.at(at(60)).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.code()), (503, Some("upstream_credentials_unavailable")));
    assert!(!format!("{error} {error:?}").contains("planted"));
    script.gives(until("B", 90));
    assert_eq!(id(rotation.at(at(61)).await), "B");
}

#[tokio::test]
async fn what_is_over_already_is_not_used() {
    let script = Script::default();
    let rotation = Rotation::new(script.clone());
    script.gives(until("A", 1));
    assert_eq!(rotation.at(at(1)).await.unwrap_err().status(), 503);
    assert_eq!(id(rotation.at(at(0)).await), "A");
}

#[tokio::test]
async fn one_request_renews_while_the_others_go_on() {
    let script = Script::default();
    let rotation = Rotation::new(script.clone());
    script.gives(until("A", 60));
    assert_eq!(id(rotation.at(at(0)).await), "A");

    script.gives(until("B", 120));
    let gate = Arc::new(Notify::new());
    *script.0.gate.lock().unwrap() = Some(gate.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let mut given_up = Box::pin(rotation.at(at(58)));
    assert!(given_up.as_mut().poll(&mut cx).is_pending());
    assert_eq!(id(rotation.at(at(58)).await), "A");
    assert_eq!(script.asked(), 2);

    // Its turn passes on if it is dropped.
    drop(given_up);
    let mut renewing = Box::pin(rotation.at(at(59)));
    assert!(renewing.as_mut().poll(&mut cx).is_pending());
    assert_eq!(id(rotation.at(at(59)).await), "A");
    gate.notify_one();
    assert_eq!(id(renewing.await), "B");
    assert_eq!(id(rotation.at(at(59)).await), "B");
    assert_eq!(script.asked(), 3);
}
