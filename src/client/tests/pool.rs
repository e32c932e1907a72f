//! Which connection a request gets.

use std::pin::pin;
use std::sync::Mutex;

use http::header::HOST;

use super::*;
use crate::connection::FreshConnection;
use crate::mock::{Answer, Mock};

const ABC: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";

async fn abc(mut socket: TcpStream) -> TcpStream {
    socket.write_all(ABC.as_bytes()).await.unwrap();
    socket
}

async fn ask(client: &Client, url: &str) -> Bytes {
    let body = get(client, url).await;
    timeout(LONG, body.collect()).await.unwrap().unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_that_its_server_has_closed_is_not_used() {
    let (url, connections) = server(|socket, _| async {
        let mut socket = abc(socket).await;
        socket.shutdown().await.unwrap();
        socket
    })
    .await;
    let client = Client::new();
    for count in 1..=3 {
        assert_eq!(ask(&client, &url).await, "abc");
        assert_eq!(connections.load(Ordering::SeqCst), count);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_unused_connection_is_closed_after_its_time() {
    let closed = Arc::new(Notify::new());
    let (url, connections) = server({
        let closed = closed.clone();
        move |socket, _| {
            let closed = closed.clone();
            async move {
                let mut socket = abc(socket).await;
                // Nothing is asked any more.
                assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
                closed.notify_one();
                socket
            }
        }
    })
    .await;
    let client = Client::builder().pool_idle_timeout(Duration::from_millis(30)).build();
    assert_eq!(ask(&client, &url).await, "abc");
    timeout(LONG, closed.notified()).await.expect("it is kept for ever");
    assert_eq!(ask(&client, &url).await, "abc");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn no_more_are_kept_than_was_said() {
    let (url, connections) = server(|socket, _| abc(socket)).await;
    let none = Client::builder().pool_max_idle_per_host(0).build();
    for count in 1..=2 {
        assert_eq!(ask(&none, &url).await, "abc");
        assert_eq!(connections.load(Ordering::SeqCst), count);
    }
    let one = Client::builder().pool_max_idle_per_host(1).build();
    let (first, second) = (get(&one, &url).await, get(&one, &url).await);
    for body in [first, second] {
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }
    let (_first, _second) = (get(&one, &url).await, get(&one, &url).await);
    assert_eq!(connections.load(Ordering::SeqCst), 2 + 2 + 1);
}

#[tokio::test]
async fn a_fresh_connection_is_nobodys_before_and_after() {
    let (url, connections) = server(|socket, _| abc(socket)).await;
    let client = Client::new();
    for (is_fresh, expected) in [(false, 1), (true, 2), (true, 3), (false, 3)] {
        let mut request = Request::get(&url).body(Full::default()).unwrap();
        if is_fresh {
            request.extensions_mut().insert(FreshConnection);
        }
        let body = client.clone().oneshot(request).await.unwrap().into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn who_leaves_before_the_answer_takes_the_connection_along() {
    let (url, connections) = server(|socket, path| async move {
        if path == "/slow" {
            std::future::pending::<()>().await;
        }
        abc(socket).await
    })
    .await;
    let client = Client::new();
    assert_eq!(ask(&client, &url).await, "abc");
    let slow = Request::get(format!("{url}/slow")).body(Full::default()).unwrap();
    let left = timeout(Duration::from_millis(50), client.clone().oneshot(slow)).await;
    assert!(left.is_err() && connections.load(Ordering::SeqCst) == 1);
    assert_eq!(ask(&client, &url).await, "abc");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// All that waits for a connection gets the first that is to be had, wherever it comes from.
#[tokio::test]
async fn who_waits_to_be_connected_gets_what_is_given_back() {
    use super::super::connect::Connected;
    use super::super::host::Host;
    use super::super::http1::Connection;
    use super::super::lease::first;
    use super::super::pool::Origin;

    let (url, connections) = server(|socket, _| abc(socket)).await;
    let (origin, _) = Origin::split(url.parse().unwrap()).unwrap();
    let connect = async || {
        let address = url.strip_prefix("http://").unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        let stream = hyper_util::rt::TokioIo::new(socket).into();
        Connected::Http1(Connection::new(stream).await.unwrap())
    };
    let host = Arc::new(Host::new(&origin, 8, LONG, false).unwrap());
    let (returned, opening) = host.wait(true);
    let (open, may_open) = tokio::sync::oneshot::channel();
    let opened = Box::pin(async move {
        let connection = may_open.await.unwrap();
        drop(opening);
        Ok(connection)
    });
    let mut first = pin!(first(&host, returned, opened));
    assert!(timeout(Duration::from_millis(20), &mut first).await.is_err());
    // Hyper is ready when it has been polled.
    let Connected::Http1(mut given_back) = connect().await else { unreachable!() };
    assert!(given_back.is_ready());
    host.put(Connected::Http1(given_back));
    assert!(timeout(LONG, first).await.unwrap().is_ok());
    assert!(host.take().is_none());
    // What was opened meanwhile is for the next.
    assert!(open.send(connect().await).is_ok());
    while host.take().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_of_http2_serves_all_who_come_at_once() {
    let mock = Mock::openai();
    mock.always(Answer::text("A long story").delay_frames(Duration::from_millis(5)));
    let upstream = mock.listen().await.unwrap();
    let client = Client::builder().http2_prior_knowledge().build();
    let url = format!("{}/v1/chat/completions", upstream.base_url());
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
    let answers: Vec<_> = (0..50)
        .map(|_| {
            let request =
                Request::post(&url).header("content-type", "application/json").body(Full::from(body)).unwrap();
            let client = client.clone();
            tokio::spawn(async move {
                let answer = client.oneshot(request).await.unwrap();
                assert_eq!(answer.version(), http::Version::HTTP_2);
                answer.into_body().collect().await.unwrap().to_bytes()
            })
        })
        .collect();
    for answer in answers {
        assert!(timeout(LONG, answer).await.unwrap().unwrap().ends_with(b"data: [DONE]\n\n"));
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn many_who_wait_for_http2_are_told_together_that_there_is_none() {
    let client = Client::builder().http2_prior_knowledge().build();
    let asked = || client.clone().oneshot(Request::get("http://127.0.0.1:1/").body(Full::default()).unwrap());
    let answers: Vec<_> = (0..20).map(|_| tokio::spawn(asked())).collect();
    for answer in answers {
        assert!(timeout(LONG, answer).await.unwrap().unwrap().unwrap_err().is_connect());
    }
}

#[tokio::test]
async fn the_host_is_named_as_the_url_names_it() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = heads.clone();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        loop {
            let head = head(&mut socket).await.unwrap();
            seen.lock().unwrap().push(head);
            socket.write_all(ABC.as_bytes()).await.unwrap();
        }
    });
    let client = Client::new();
    let url = format!("http://somebody:secret@{address}/v1/x?y=z");
    assert_eq!(ask(&client, &url).await, "abc");
    let own = Request::get(&url).header(HOST, "elsewhere").body(Full::default()).unwrap();
    let answer = client.clone().oneshot(own).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "abc");
    let heads = heads.lock().unwrap();
    assert!(heads[0].starts_with("GET /v1/x?y=z HTTP/1.1\r\n") && !heads[0].contains("secret"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("host: {address}\r\n")), "{}", heads[0]);
    assert!(heads[1].contains("host: elsewhere\r\n") && heads[1].matches("host:").count() == 1, "{}", heads[1]);
}

#[tokio::test]
async fn a_url_without_a_host_leads_nowhere() {
    let asked = Client::new().oneshot(Request::get("/v1/models").body(Full::default()).unwrap()).await;
    assert!(asked.unwrap_err().is_connect());
}

/// It is allocated for each request.
#[test]
fn the_future_of_an_answer_is_small() {
    let client = Client::new();
    let request = Request::get("http://h/").body(Full::<Bytes>::default()).unwrap();
    let exchange = super::super::exchange(client.shared.clone(), request);
    assert!(size_of_val(&exchange) <= 1_024, "{}", size_of_val(&exchange));
    // And this for each connection that is being opened, of which there may be thousands at once.
    let connecting = super::super::connect::Connector::new(LONG, false).connect("http://h/".parse().unwrap());
    assert!(size_of_val(&connecting) <= 1_536, "{}", size_of_val(&connecting));
}
