//! `kill -9` at random moments under load: of the example gateway, and of this test, run again as a smaller gateway whose
//! log begins a new file all the time.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_completions::auth::{Budget, Limits};
use tower_completions::client::Client;
use tower_completions::client::Incoming;
use tower_completions::limit::{LimitStore, MemoryLimits, Subject};
use tower_completions::meter::log::{LogOptions, LogReader, UsageLog};
use tower_completions::mock::{Answer, Mock};

use crate::support::{Gateway, STREAM, ask, post, read};
use crate::{Folder, lines, locked, process, stack};

const PATH: &str = "SINKS_KILL_LOG";
const KEY: &str = "sk-alice";
/// 10 tokens in and 5 out, at 1 and 2 dollars a million.
const COST: u64 = 20_000;
const CLIENTS: u64 = 8;

/// The gateway that is killed; nothing, when it is run as a test.
#[test]
#[ignore = "is run by the other tests here"]
fn gateway() {
    let Ok(path) = std::env::var(PATH) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = UsageLog::open(path, LogOptions::new().max_bytes(40_000)).unwrap();
        let mock = Mock::openai().keep_requests(0);
        mock.always(Answer::text("Good morning to you all").usage(10, 5));
        let gateway = Gateway::of(locked(KEY, stack(&mock, log))).await;
        println!("\nlistening on {}", gateway.base_url);
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}

/// A process to be killed, and where it listens.
struct Victim {
    child: Child,
    url: String,
    /// Whether it has a budget, and says what is spent of it.
    has_budget: bool,
}

impl Victim {
    fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = out.find_map(|line| Some(line.unwrap().strip_prefix("listening on ")?.to_owned()));
        Self { child, url: url.expect("it listens"), has_budget: false }
    }

    fn this_test(path: &Path) -> Self {
        let arguments = ["kill::gateway", "--exact", "--ignored", "--nocapture", "--test-threads=1"];
        Self::new(Command::new(std::env::current_exe().unwrap()).args(arguments).env(PATH, path))
    }

    fn example(path: &Path, upstream: &str) -> Self {
        let config = format!(
            "listen = \"127.0.0.1:0\"\n[usage]\npath = {path:?}\n\
             [[providers]]\nname = \"p\"\nprotocol = \"openai\"\nbase_url = \"{upstream}/v1\"\napi_key = \"sk-upstream\"\n\
             [[models]]\nid = \"m\"\nprovider = \"p\"\nprice = {{ input = 1.0, output = 2.0 }}\n\
             [[keys]]\nid = \"alice\"\nsecret = \"{KEY}\"\nbudget_usd = 1000\nbudget_window = \"total\"\n"
        );
        let file = process::file("kill", &config);
        let victim = Self::new(process::command(&["--config", file.to_str().unwrap()]).stderr(Stdio::null()));
        Self { has_budget: true, ..victim }
    }
}

/// What a gateway says was spent, in nano-dollars.
async fn spent(client: &Client, url: &str) -> u64 {
    let request = http::Request::get(format!("{url}/v1/usage")).header("authorization", format!("Bearer {KEY}"));
    let answer = read(client.clone().oneshot(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()).await;
    let dollars: f64 = answer.json()["budget"]["spent_usd"].as_str().unwrap().parse().unwrap();
    (dollars * 1e9).round() as u64
}

/// A request, and the name of its answer if the client saw the end of it.
async fn request(client: &Client, url: &str, stream: bool) -> Option<String> {
    let mut request = post(ask(if stream { STREAM } else { "" }));
    *request.uri_mut() = format!("{url}/v1/chat/completions").parse().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {KEY}").parse().unwrap());
    let response: Response<Incoming> = client.clone().oneshot(request).await.ok()?;
    assert!(response.status().is_success(), "{response:?}");
    let answer = read(response).await;
    let end = if stream { "data: [DONE]\n\n" } else { "}" };
    let ended = !answer.broke && answer.text().ends_with(end);
    ended.then(|| answer.header("x-request-id").unwrap().to_owned())
}

/// Kills a gateway so many times, each time after at most so long.
async fn kill_nine(rounds: u64, at_most: Duration, start: impl Fn(&Path) -> Victim) {
    let folder = Folder::new();
    let (ended, started) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(AtomicU64::new(0)));
    let (client, random) = (Client::new(), RandomState::new());
    let mut in_log = 0;
    for round in 0..rounds {
        let Victim { mut child, url, has_budget } = start(&folder.log());
        if has_budget {
            assert_eq!(spent(&client, &url).await, in_log, "budgets go on where they were");
        }
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (client, ended, started, url) = (client.clone(), ended.clone(), started.clone(), url.clone());
            clients.spawn(async move {
                loop {
                    started.fetch_add(1, Ordering::SeqCst);
                    let Some(id) = request(&client, &url, number % 2 == 0).await else { return };
                    assert!(ended.lock().unwrap().insert(id), "a name that was there already");
                }
            });
        }
        tokio::time::sleep(at_most.mul_f64(random.hash_one(round) as f64 / u64::MAX as f64)).await;
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }

        // What a restart does, without a gateway: it mends the end, and then each line is whole.
        drop(UsageLog::open(folder.log(), LogOptions::new()).unwrap());
        let mut written = HashSet::new();
        for line in lines(&folder.log()) {
            assert!(written.insert(line["id"].as_str().unwrap().to_owned()), "twice: {line}");
        }
        let ended = ended.lock().unwrap().clone();
        let lost: Vec<_> = ended.difference(&written).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        // Beyond those there are the ones that were cut off, at most one for each client and round.
        assert!(written.len() as u64 <= started.load(Ordering::SeqCst));
        assert!((written.len() - ended.len()) as u64 <= CLIENTS * (round + 1));

        // What budgets will begin with is what was answered, and at most one request more for each client that was cut off.
        let limits = Limits::new().budget(Budget::total_usd(1000.0));
        let store = MemoryLimits::new();
        let who = |key: &str| vec![Subject::caller(key, limits)];
        let restored = store.restore_log(LogReader::open(folder.log()).unwrap(), who).unwrap();
        assert_eq!((restored.unreadable, restored.charged), (0, written.len() as u64));
        in_log = store.standing(who("alice")).await.unwrap()[0].budget.unwrap().spent;
        let answered = ended.len() as u64;
        assert!(
            (answered * COST..=(answered + CLIENTS * (round + 1)) * COST).contains(&in_log),
            "{in_log} for {answered}"
        );
    }
    let (ended, files) = (ended.lock().unwrap().len() as u64, std::fs::read_dir(&folder.0).unwrap().count());
    println!("{rounds} kills: {} requests, {ended} answers seen to end, {files} files", started.load(Ordering::SeqCst));
    assert!(ended > rounds, "there was load");
}

#[tokio::test]
async fn no_answer_that_was_seen_is_missing() {
    kill_nine(4, Duration::from_millis(150), Victim::this_test).await;
}

#[tokio::test]
#[ignore = "takes half a minute"]
async fn a_hundred_times_while_files_are_begun() {
    kill_nine(100, Duration::from_millis(150), Victim::this_test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute"]
async fn a_hundred_times_the_example_gateway() {
    let upstream = Mock::openai().keep_requests(0);
    upstream.always(Answer::text("Good morning to you all").usage(10, 5));
    let upstream = upstream.listen().await.unwrap();
    let url = upstream.base_url();
    kill_nine(100, Duration::from_millis(500), |path| Victim::example(path, &url)).await;
}
