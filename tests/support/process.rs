//! The example gateway as a process, for the suites that run it.
#![allow(dead_code, reason = "each suite uses its own part")]

#[path = "built.rs"]
mod built;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_completions::client::Client;

/// The program.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built::example("gateway"))
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("GATEWAY_TEST_KEY", "sk-planted").env_remove("GATEWAY_TEST_NO_KEY");
    command
}

/// Runs it to its end: the code, and what it said on stdout and stderr.
pub(crate) fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A gateway that is ready.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) stderr: BufReader<ChildStderr>,
    pub(crate) url: String,
}

impl Gateway {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = command(args).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_default().trim_end().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, stdout, stderr, url }
    }

    pub(crate) fn configured(name: &str, source: &str) -> Self {
        Self::start(&["--config", file(name, source).to_str().unwrap()])
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end: how it ended, and all it said that was not read yet.
    pub(crate) fn ended(mut self) -> (ExitStatus, String, String) {
        let begin = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(begin.elapsed() < Duration::from_secs(10), "it does not end"),
            }
            sleep(Duration::from_millis(10));
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (status, out, err)
    }

    pub(crate) fn chat(&self, key: &str, body: &Value) -> Request<Full<Bytes>> {
        let request = Request::post(format!("{}/v1/chat/completions", self.url));
        let request = request.header("authorization", format!("Bearer {key}"));
        request.header("content-type", "application/json").body(body.to_string().into()).unwrap()
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Request<Full<Bytes>> {
        let request = Request::get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {key}"));
        request.body(Full::default()).unwrap()
    }
}

/// The keys of both sides, which no gateway may ever print: the provider's, and the callers'.
const SECRETS: [&str; 3] = ["sk-planted", "sk-alice", "sk-bob"];

/// Whatever a gateway printed is searched for secrets when its test is over.
impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let (mut out, mut err) = (String::new(), String::new());
        let _ = (self.stdout.read_to_string(&mut out), self.stderr.read_to_string(&mut err));
        let said = out + &err;
        if !std::thread::panicking() {
            assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "a secret in what the gateway printed");
        }
    }
}

/// A file of this process's own.
pub(crate) fn file(name: &str, source: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gateway-{}-{name}.toml", std::process::id()));
    fs::write(&path, source).unwrap();
    path
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> Response<String> {
    read(Client::new().oneshot(request).await.unwrap()).await
}

pub(crate) async fn read(response: Response<impl Body<Data = Bytes, Error: std::fmt::Debug>>) -> Response<String> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.into()).unwrap())
}

pub(crate) fn parsed(answer: &Response<String>) -> Value {
    serde_json::from_str(answer.body()).unwrap()
}

/// The status, and the code of OpenAI's error object.
pub(crate) fn refusal(answer: &Response<String>) -> (u16, Value) {
    (answer.status().as_u16(), parsed(answer)["error"]["code"].clone())
}

/// What an answer says, be it whole or a stream. A stream has to end in `[DONE]`.
pub(crate) fn content(answer: &Response<String>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if answer.headers()["content-type"] == "application/json" {
        return text(&parsed(answer)["choices"][0]["message"]["content"]);
    }
    let events: Vec<_> = answer.body().lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let chunks = chunks.iter().map(|chunk| serde_json::from_str::<Value>(chunk).unwrap());
    chunks.map(|chunk| text(&chunk["choices"][0]["delta"]["content"])).collect()
}

pub(crate) fn hello(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Good morning"}]})
}

/// A configuration with one real provider.
pub(crate) fn over(base_url: &str, timeouts: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\n[timeouts]\n{timeouts}\n[[providers]]\nname = \"upstream\"\nprotocol = \"openai\"\n\
         base_url = \"{base_url}/v1\"\napi_key_env = \"GATEWAY_TEST_KEY\"\n[[models]]\nid = \"small\"\nprovider = \"upstream\"\n\
         upstream = \"gpt-4o-mini\"\n[[keys]]\nid = \"alice\"\nsecret = \"sk-alice\"\n"
    )
}
