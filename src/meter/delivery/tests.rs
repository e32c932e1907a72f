//! A courier whose server does as it is told, in paused time.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::meter::UsageSink;

/// A server. Clones are the same one.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    connections: VecDeque<Next>,
    trips: VecDeque<Next>,
    /// When somebody tried to connect.
    tried: Vec<Instant>,
    /// What each trip brought.
    had: Vec<Vec<String>>,
}

#[derive(Clone, Copy)]
enum Next {
    Works,
    Fails,
    Hangs,
}

impl Server {
    fn new(connections: &[Next], trips: &[Next]) -> Self {
        let (connections, trips) = (connections.iter().copied().collect(), trips.iter().copied().collect());
        Self(Arc::new(Mutex::new(Script { connections, trips, ..Script::default() })))
    }

    fn had(&self) -> Vec<Vec<String>> {
        self.0.lock().unwrap().had.clone()
    }

    /// How long it took until each further try to connect.
    fn pauses(&self) -> Vec<u64> {
        let tried = &self.0.lock().unwrap().tried;
        tried.windows(2).map(|two| (two[1] - two[0]).as_millis() as u64).collect()
    }

    async fn next(&self, of: fn(&mut Script) -> &mut VecDeque<Next>) -> Result<(), BoxError> {
        let next = of(&mut self.0.lock().unwrap()).pop_front().unwrap_or(Next::Works);
        match next {
            Next::Works => Ok(()),
            Next::Fails => Err("the server is away".into()),
            Next::Hangs => pending().await,
        }
    }
}

impl Target for Server {
    type Connection = ();

    async fn connect(&self) -> Result<(), BoxError> {
        self.0.lock().unwrap().tried.push(Instant::now());
        self.next(|script| &mut script.connections).await
    }

    /// Whatever is called bad is refused.
    async fn deliver(&self, (): &mut (), receipts: &[Receipt]) -> Result<(), Undelivered> {
        self.next(|script| &mut script.trips).await.map_err(Undelivered::Away)?;
        if receipts.iter().any(|receipt| receipt.id.starts_with("bad")) {
            return Err(Undelivered::Refused("it is bad".into()));
        }
        self.0.lock().unwrap().had.push(receipts.iter().map(|receipt| receipt.id.to_string()).collect());
        Ok(())
    }
}

fn record(outbox: &Outbox, ids: &[&str]) {
    ids.iter().for_each(|id| outbox.sink().record(&Receipt::new(*id, Duration::ZERO, "m")));
}

/// The settings, and how often something was said.
fn options() -> (DeliveryOptions, Arc<AtomicU64>) {
    let said = Arc::new(AtomicU64::new(0));
    let count = said.clone();
    let options = DeliveryOptions::new().on_error(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    (options, said)
}

fn rest() -> impl Future<Output = ()> {
    sleep(Duration::from_millis(1))
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_and_in_trips_of_a_few() {
    let (outbox, courier) = outbox(DeliveryOptions::new().batch(2));
    let server = Server::default();
    record(&outbox, &["1", "2", "3", "4", "5"]);
    assert_eq!(outbox.stats(), DeliveryStats { waiting: 5, ..DeliveryStats::default() });
    let running = tokio::spawn(courier.run(server.clone()));
    rest().await;
    assert_eq!(server.had(), [vec!["1", "2"], vec!["3", "4"], vec!["5"]]);
    assert_eq!(outbox.stats(), DeliveryStats { connected: true, delivered: 5, ..DeliveryStats::default() });
    record(&outbox, &["6"]);
    rest().await;
    assert_eq!((outbox.stats().delivered, server.pauses().len()), (6, 0));
    let counts = outbox.counts.clone();
    drop(outbox);
    running.await.unwrap();
    assert!(!counts.connected.load(Ordering::Relaxed), "nobody is connected when the worker has ended");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_ever_less_often_and_complained_of_once() {
    let (options, said) = options();
    let (outbox, courier) = outbox(options);
    let server = Server::new(&[Next::Fails; 8], &[]);
    record(&outbox, &["1"]);
    let _running = tokio::spawn(courier.run(server.clone()));
    sleep(Duration::from_millis(350)).await;
    assert_eq!(outbox.stats(), DeliveryStats { waiting: 1, errors: 3, ..DeliveryStats::default() });
    sleep(Duration::from_secs(60)).await;
    assert_eq!(server.pauses(), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(outbox.stats(), DeliveryStats { connected: true, delivered: 1, errors: 8, ..DeliveryStats::default() });
    assert_eq!(said.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_the_server_went_is_brought_again() {
    let (options, said) = options();
    let (outbox, courier) = outbox(options.batch(2));
    let server = Server::new(&[], &[Next::Works, Next::Fails, Next::Fails, Next::Works, Next::Fails]);
    record(&outbox, &["1", "2", "3", "4", "5"]);
    let _running = tokio::spawn(courier.run(server.clone()));
    rest().await;
    let stats = outbox.stats();
    assert_eq!((stats.connected, stats.delivered, stats.waiting, stats.errors), (false, 2, 3, 1));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(server.had(), [vec!["1", "2"], vec!["3", "4"], vec!["5"]]);
    assert_eq!(server.pauses(), [100, 200, 100], "who has taken something is no longer away");
    assert_eq!((outbox.stats().delivered, outbox.stats().waiting, outbox.stats().errors), (5, 0, 3));
    assert_eq!(said.load(Ordering::Relaxed), 2, "once for each time that it went");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_will_not_have_keeps_nothing_else_back() {
    let (options, said) = options();
    let (outbox, courier) = outbox(options);
    let server = Server::default();
    record(&outbox, &["1", "bad 2", "3", "bad 4", "5"]);
    let _running = tokio::spawn(courier.run(server.clone()));
    rest().await;
    assert_eq!(server.had(), [["1"], ["3"], ["5"]]);
    let expected = DeliveryStats { connected: true, delivered: 3, refused: 2, ..DeliveryStats::default() };
    assert_eq!((outbox.stats(), said.load(Ordering::Relaxed)), (expected, 2));
    record(&outbox, &["6"]);
    rest().await;
    assert_eq!(outbox.stats(), DeliveryStats { delivered: 4, ..expected });
}

#[tokio::test(start_paused = true)]
async fn a_trip_that_takes_too_long_is_given_up() {
    for (connections, trips) in [(&[Next::Hangs][..], &[][..]), (&[], &[Next::Hangs])] {
        let (outbox, courier) = outbox(DeliveryOptions::new().timeout(Duration::from_secs(2)));
        let server = Server::new(connections, trips);
        record(&outbox, &["1"]);
        let _running = tokio::spawn(courier.run(server.clone()));
        sleep(Duration::from_millis(1_999)).await;
        assert_eq!((outbox.stats().waiting, outbox.stats().errors), (1, 0));
        sleep(Duration::from_millis(200)).await;
        assert_eq!((outbox.stats().delivered, outbox.stats().errors), (1, 1));
        assert_eq!(server.pauses(), [2_100]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_dropped_and_what_waits_is_lost_with_the_worker() {
    let (outbox, courier) = outbox(DeliveryOptions::new().queue(3).batch(2));
    record(&outbox, &["1", "2", "3", "4"]);
    assert_eq!(outbox.stats(), DeliveryStats { waiting: 3, dropped: 1, ..DeliveryStats::default() });
    let running = tokio::spawn(courier.run(Server::new(&[], &[Next::Hangs])));
    rest().await;
    assert_eq!(outbox.stats().waiting, 3, "two are on their way");
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(outbox.stats(), DeliveryStats { dropped: 4, ..DeliveryStats::default() });
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_until_everything_is_there_but_not_longer_than_it_may() {
    let (outbox, courier) = outbox(DeliveryOptions::new());
    assert!(outbox.flush(Duration::ZERO).await, "there is nothing");
    record(&outbox, &["1"]);
    let _running = tokio::spawn(courier.run(Server::new(&[Next::Fails], &[])));
    assert!(!outbox.flush(Duration::from_millis(50)).await);
    assert!(outbox.flush(Duration::from_millis(100)).await);
    assert_eq!(outbox.stats().delivered, 1);
}
