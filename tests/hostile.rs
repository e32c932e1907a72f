//! Connections that mean harm, against the example gateway as a process: slow ones, forged ones, and HTTP/2 by hand.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::time::Duration;

use http::header::HeaderName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_completions::mock::{Listening, Mock};

use process::{Gateway, hello, over, refusal, send};

const SOON: Duration = Duration::from_secs(20);

/// A gateway over a mock; alice has these limits.
async fn gateway(name: &str, limits: &str) -> (Gateway, Mock, Listening) {
    let mock = Mock::openai();
    let upstream = mock.listen().await.unwrap();
    (Gateway::configured(name, &(over(&upstream.base_url(), "") + limits)), mock, upstream)
}

impl Gateway {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.url.strip_prefix("http://").unwrap()).await.unwrap()
    }

    /// A well-behaved client is served as if nothing had happened.
    async fn serves(&self) {
        let answer = timeout(SOON, send(self.chat("sk-alice", &hello("small", false)))).await;
        assert_eq!(answer.expect("served in time").status(), 200);
    }

    /// The memory that it has, in kB.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

#[tokio::test]
async fn two_hundred_slow_sockets_keep_nobody_out() {
    let (gateway, mock, _upstream) = gateway("slow", "").await;
    let mut sockets = Vec::new();
    for at in 0..200 {
        let mut socket = gateway.connect().await;
        let begun = [
            "",
            "P",
            "PRI * HTTP/2.0\r\n",
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: ",
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-alice\r\ncontent-length: 9\r\n\r\n{",
        ];
        socket.write_all(begun[at % begun.len()].as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    for socket in &mut sockets {
        let _left = socket.write_all(b"x").await;
        if mock.received() < 3 {
            gateway.serves().await;
        }
    }
    assert_eq!(mock.received(), 3, "nobody else was heard");
}

#[tokio::test]
async fn a_forged_address_is_no_other_caller() {
    let (gateway, mock, _upstream) = gateway("forged", "rpm = 2\n").await;
    let names = ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip"];
    for at in 0..10_u8 {
        let mut request = gateway.chat("sk-alice", &hello("small", false));
        for name in names {
            let address = if name == "forwarded" { format!("for=10.0.0.{at}") } else { format!("10.0.0.{at}") };
            request.headers_mut().insert(HeaderName::from_static(name), address.parse().unwrap());
        }
        let answer = send(request).await;
        if at < 2 {
            assert_eq!(answer.status(), 200);
        } else {
            assert_eq!(refusal(&answer), (429, "rate_limit_exceeded".into()));
        }
    }
    assert_eq!(mock.received(), 2);
}

/// What goes over an HTTP/2 connection that is written by hand.
struct Frames {
    socket: TcpStream,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a request, with every field spelled out.
fn head() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", "/v1/chat/completions"),
        ("authorization", "Bearer sk-alice"),
        ("content-type", "application/json"),
    ];
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

impl Frames {
    async fn to(gateway: &Gateway) -> Self {
        let mut socket = gateway.connect().await;
        let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, b"")].concat();
        socket.write_all(&begin).await.unwrap();
        Self { socket }
    }

    /// Sends until it is over, or the other side no longer listens; and the kinds of frames that came back.
    async fn flood(mut self, frames: impl Iterator<Item = Vec<u8>>) -> (usize, Vec<u8>) {
        let (mut from, mut to) = self.socket.split();
        let writing = async {
            let mut sent = 0;
            for frame in frames {
                match timeout(SOON, to.write_all(&frame)).await {
                    Ok(Ok(())) => sent += frame.len(),
                    _ => break,
                }
            }
            let _left = to.shutdown().await;
            sent
        };
        let reading = async {
            let mut bytes = Vec::new();
            let _until = timeout(SOON, from.read_to_end(&mut bytes)).await;
            let (mut kinds, mut rest) = (Vec::new(), &bytes[..]);
            while let [a, b, c, kind, ..] = rest {
                kinds.push(*kind);
                rest = rest.get(9 + u32::from_be_bytes([0, *a, *b, *c]) as usize..).unwrap_or_default();
            }
            kinds
        };
        tokio::join!(writing, reading)
    }
}

#[tokio::test]
async fn http2_rapid_resets_end_their_own_connection() {
    let (gateway, mock, _upstream) = gateway("resets", "").await;
    gateway.serves().await;
    let before = gateway.resident();
    let frames = Frames::to(&gateway).await;
    let streams = (0..20_000_u32).map(|at| 2 * at + 1);
    let pairs = streams.map(|stream| {
        let cancel = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, stream, &head()), cancel].concat()
    });
    let (_, kinds) = frames.flood(pairs).await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    assert!(gateway.resident() < before + 20_000, "{} kB, then {} kB", before, gateway.resident());
    assert_eq!(mock.received(), 1, "no half request goes on");
    gateway.serves().await;
}

#[tokio::test]
async fn http2_endless_headers_are_cut_short() {
    let (gateway, mock, _upstream) = gateway("continuation", "").await;
    gateway.serves().await;
    let before = gateway.resident();
    let frames = Frames::to(&gateway).await;
    let begin = std::iter::once(frame(HEADERS, 0, 1, &head()));
    let field = [&[0, 1, b'x', 127, 201, 126][..], &[b'y'; 16_200]].concat();
    let more = std::iter::repeat_with(|| frame(CONTINUATION, 0, 1, &field)).take(4_000);
    let (sent, _) = frames.flood(begin.chain(more)).await;
    assert!(sent < 32 << 20, "{sent} of 64 MB were taken");
    assert!(gateway.resident() < before + 20_000, "{} kB, then {} kB", before, gateway.resident());
    assert_eq!(mock.received(), 1);
    gateway.serves().await;
}

#[tokio::test]
async fn http2_empty_data_costs_nothing() {
    let (gateway, mock, _upstream) = gateway("empty", "").await;
    gateway.serves().await;
    let before = gateway.resident();
    let frames = Frames::to(&gateway).await;
    let begin = std::iter::once(frame(HEADERS, END_HEADERS, 1, &head()));
    let empty = frame(DATA, 0, 1, b"").repeat(100);
    let (_, _) = frames.flood(begin.chain(std::iter::repeat_n(empty, 2_000))).await;
    assert!(gateway.resident() < before + 20_000, "{} kB, then {} kB", before, gateway.resident());
    assert_eq!(mock.received(), 1);
    gateway.serves().await;
}
