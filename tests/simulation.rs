//! Three providers that fail at random, ten thousand requests, and a clock that nobody has to wait for. Everything follows
//! from a seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use support::{STREAM, ask};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tower::retry::budget::{Budget, TpsBudget};
use tower::{ServiceBuilder, ServiceExt};
use tower_completions::clock::Clock;
use tower_completions::mock::{Answer, Mock};
use tower_completions::random::Random;
use tower_completions::route::{Balance, Health, RetryPolicy, Target, TargetState, Targets};
use tower_completions::timeout::TimeoutLayer;
use tower_completions::translate::{Anthropic, Dialect, Gemini, OpenAi};
use tower_completions::{Attempts, ChatRequest, Model, ModelRouter, TranslateLayer};

/// tokio's clock, which stands still unless everybody waits.
#[derive(Clone, Copy)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        Duration::from_secs(1_792_567_600) + self.0.elapsed()
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long a provider may say nothing.
const PATIENCE: Duration = ms(2_000);

/// What is wrong with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// Two of five requests fail.
    Flaky,
    Refused,
    Failing,
    Overloaded,
    Limited,
    Silent,
    Garbage,
    BadKey,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::Flaky,
    Trouble::Refused,
    Trouble::Failing,
    Trouble::Overloaded,
    Trouble::Limited,
    Trouble::Silent,
    Trouble::Garbage,
    Trouble::BadKey,
];

/// When a provider is in which trouble: each entry holds until the time of the next.
#[derive(Clone)]
struct Weather(Arc<[(Duration, Trouble)]>);

impl Weather {
    fn new(random: &Random, until: Duration) -> Self {
        let (mut at, mut spans) = (Duration::ZERO, Vec::new());
        while at < until {
            spans.push((at, Trouble::None));
            at += ms(5_000 + random.below(30_000));
            spans.push((at, TROUBLES[random.below(TROUBLES.len() as u64) as usize]));
            at += ms(2_000 + random.below(13_000));
        }
        Self(spans.into())
    }

    fn at(&self, time: Duration) -> Trouble {
        self.0.iter().rfind(|(from, _)| *from <= time).map_or(Trouble::None, |(_, trouble)| *trouble)
    }

    /// Whether it is well in all of this time.
    fn is_fair(&self, from: Duration, to: Duration) -> bool {
        self.at(from) == Trouble::None && self.0.iter().all(|(at, _)| !(from..=to).contains(at) || *at == from)
    }
}

/// What a provider saw: how many requests it gave each status, where 0 is none.
type Seen = Arc<Mutex<BTreeMap<u16, u64>>>;

/// Lets a provider answer by its weather, and tells `arrived` of each request.
fn answer_by(
    mock: &Mock,
    weather: Weather,
    start: Instant,
    random: Random,
    arrived: impl Fn() + Send + Sync + 'static,
) -> Seen {
    let seen = Seen::default();
    let tally = seen.clone();
    mock.respond_with(move |_| {
        arrived();
        let trouble = match weather.at(start.elapsed()) {
            Trouble::Flaky if random.below(5) < 2 => Trouble::Failing,
            trouble => trouble,
        };
        let slow = ms(20 + random.below(60));
        let (status, answer) = match trouble {
            Trouble::None | Trouble::Flaky => (200, Answer::text("a few words").delay_head(slow)),
            Trouble::Refused => (0, Answer::refuse()),
            Trouble::Failing => (500, Answer::error(500)),
            Trouble::Overloaded => (503, Answer::error(503)),
            Trouble::Limited => (429, Answer::error(429).header("retry-after", "8")),
            Trouble::Silent => (0, Answer::text("never").delay_head(Duration::MAX)),
            Trouble::Garbage => (200, Answer::json(200, "{}")),
            Trouble::BadKey => (401, Answer::error(401)),
        };
        *tally.lock().unwrap().entry(status).or_default() += 1;
        answer
    });
    seen
}

fn target<D>(name: &'static str, dialect: D, mock: &Mock) -> Target
where
    D: Dialect<Decoder: Send> + Send + Sync + 'static,
{
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new().first_byte(PATIENCE))
        .layer(TranslateLayer::new(dialect).provider(name))
        .service(mock.clone());
    Target::new(name, service)
}

/// tower's budget, and what was asked of it.
struct Counted {
    budget: TpsBudget,
    requests: AtomicU64,
    granted: AtomicU64,
    denied: AtomicU64,
}

impl Budget for &'static Counted {
    fn deposit(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.budget.deposit();
    }

    fn withdraw(&self) -> bool {
        let granted = self.budget.withdraw();
        if granted { &self.granted } else { &self.denied }.fetch_add(1, Ordering::Relaxed);
        granted
    }
}

/// One of the simulation's requests, as it ended.
struct Ended {
    is_served: bool,
    /// Whether somebody could have served it, beyond doubt.
    was_servable: bool,
    attempts: Attempts,
}

const REQUESTS: u64 = 10_000;

async fn simulate(seed: u64) {
    let random = Random::seeded(seed);
    let start = Instant::now();
    let clock = TokioClock(start);
    let span = ms(25) * u32::try_from(REQUESTS).unwrap();
    let weathers: [Weather; 3] = std::array::from_fn(|_| Weather::new(&random, span * 2));
    let mocks = [Mock::openai(), Mock::anthropic(), Mock::gemini()].map(|mock| mock.keep_requests(0));

    // Model `m` is at `a` and at `b`; `n`, which is at `c`, stands in for it.
    let a = target("a", OpenAi::new("http://a/v1").unwrap(), &mocks[0]);
    let b = target("b", Anthropic::new("http://b").unwrap(), &mocks[1]);
    let c = target("c", Gemini::new("http://c").unwrap(), &mocks[2]);
    let balanced = |targets: Targets| targets.clock(clock).random(random.clone()).balance(Balance::LeastLoaded);
    let m = balanced(Targets::new([a, b])).health(Health::new().refuse_when_all_rest());
    let n = balanced(Targets::new([c]));
    let counted: &'static Counted = Box::leak(Box::new(Counted {
        budget: TpsBudget::new(Duration::from_secs(10), 1, 0.1),
        requests: AtomicU64::new(0),
        granted: AtomicU64::new(0),
        denied: AtomicU64::new(0),
    }));
    let policy = RetryPolicy::new().budget(counted).clock(clock).random(random.clone());
    let retried = |targets: &Targets| ServiceBuilder::new().retry(policy.clone()).service(targets.clone());
    let router = ModelRouter::new([Model::new("m", retried(&m)).fallbacks(["n"]), Model::new("n", retried(&n))]);

    // Each arrival at `a` or `b`, by what their health was.
    let (while_resting, probes) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new([Vec::new(), Vec::new()])));
    let seen: [Seen; 3] = std::array::from_fn(|at| {
        let (m, while_resting, probes) = (m.clone(), while_resting.clone(), probes.clone());
        answer_by(&mocks[at], weathers[at].clone(), start, Random::seeded(seed + at as u64), move || {
            match m.snapshot().get(at).map(|target| target.state) {
                Some(TargetState::Resting(_)) => drop(while_resting.fetch_add(1, Ordering::Relaxed)),
                Some(TargetState::HalfOpen) => probes.lock().unwrap()[at].push(start.elapsed()),
                _ => {}
            }
        })
    });

    let mut requests = JoinSet::new();
    let mut arrival = Duration::ZERO;
    for number in 0..REQUESTS {
        arrival += ms(random.below(50));
        let (router, m, n, weathers) = (router.clone(), m.clone(), n.clone(), weathers.clone());
        let more = if number % 2 == 0 { STREAM } else { "" };
        requests.spawn(async move {
            sleep_until(start + arrival).await;
            // Well, known to be, and for so long that no failure of before is still under way.
            let states: Vec<TargetState> =
                m.snapshot().into_iter().chain(n.snapshot()).map(|target| target.state).collect();
            let attempts = Attempts::new();
            let mut request = Request::new(ChatRequest::from_bytes(ask(more)).unwrap());
            request.extensions_mut().insert(attempts.clone());
            let is_served = match router.oneshot(request).await {
                Ok(response) if response.status() == 200 => {
                    let body = response.into_body().collect().await.unwrap().to_bytes();
                    let body = std::str::from_utf8(&body).unwrap().to_owned();
                    assert!(body.contains("words") && !body.contains("\"error\""), "{body}");
                    true
                }
                _ => false,
            };
            let (from, to) = (arrival.saturating_sub(PATIENCE), start.elapsed());
            let was_servable =
                states.iter().zip(&weathers).any(|(state, at)| *state == TargetState::Ready && at.is_fair(from, to));
            Ended { is_served, was_servable, attempts }
        });
    }
    let ended = requests.join_all().await;

    let served = ended.iter().filter(|request| request.is_served).count();
    let servable = ended.iter().filter(|request| request.was_servable).count();
    let lost = ended.iter().filter(|request| request.was_servable && !request.is_served).count();
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let (granted, denied, asked) = (count(&counted.granted), count(&counted.denied), count(&counted.requests));
    println!(
        "seed {seed}: {served} of {REQUESTS} served in {:?}, {servable} beyond doubt; {granted} retries, {denied} denied; \
         received {:?}; probes {:?}",
        start.elapsed(),
        mocks.each_ref().map(Mock::received),
        probes.lock().unwrap().each_ref().map(Vec::len),
    );
    assert_eq!(lost, 0, "whoever could be served was");
    assert!(servable > 8_000 && served >= servable, "{servable} {served}");

    // Nobody who rests is asked, and one who has rested is asked by one.
    assert_eq!(count(&while_resting), 0);
    for probes in probes.lock().unwrap().iter() {
        assert!(probes.len() > 3);
        assert!(probes.windows(2).all(|two| two[1] - two[0] >= Duration::from_secs(5)), "{probes:?}");
    }

    // A tenth of the requests, one a second, and the reserve of the first ten seconds.
    let seconds = start.elapsed().as_secs() + 1;
    assert!(granted > 0 && granted <= asked / 10 + seconds + 10, "{granted} of {asked} in {seconds} s");

    // What was tried is what the providers saw, to the last status.
    let mut tried: BTreeMap<String, BTreeMap<u16, u64>> = BTreeMap::new();
    for attempt in ended.iter().flat_map(|request| request.attempts.list()) {
        assert_eq!(&*attempt.model, if &*attempt.provider == "c" { "n" } else { "m" });
        let status = attempt.status.map_or(0, |status| status.as_u16());
        *tried.entry(attempt.provider.to_string()).or_default().entry(status).or_default() += 1;
    }
    for (name, seen) in ["a", "b", "c"].into_iter().zip(&seen) {
        assert_eq!(tried[name], *seen.lock().unwrap(), "{name}");
    }
    assert!(m.snapshot().iter().chain(&n.snapshot()).all(|target| target.in_flight == 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_can_be_served_is_and_nobody_pays_for_it() {
    simulate(1).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_under_another_sky() {
    simulate(20_261_130).await;
}

/// What each of so many requests took, one every 10 ms, before providers that take 50 ms.
async fn latencies(targets: &Targets, requests: u32) -> Vec<Duration> {
    let start = Instant::now();
    let router = ModelRouter::new([Model::new("m", targets.clone())]);
    let mut tasks = JoinSet::new();
    for number in 0..requests {
        let router = router.clone();
        tasks.spawn(async move {
            sleep_until(start + ms(10) * number).await;
            let asked = Instant::now();
            let request = Request::new(ChatRequest::from_bytes(ask("")).unwrap());
            assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
            asked.elapsed()
        });
    }
    let mut all = tasks.join_all().await;
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn a_dead_provider_among_three_costs_the_others_nothing() {
    for balance in [Balance::LeastLoaded, Balance::Weighted, Balance::InOrder] {
        let mocks = [Mock::openai(), Mock::openai(), Mock::openai()].map(|mock| mock.keep_requests(0));
        // It takes connections, and never says a word: the worst that a dead provider can do.
        mocks[0].always(Answer::text("never").delay_head(Duration::MAX));
        for mock in &mocks[1..] {
            mock.always(Answer::text("here").delay_head(ms(50)));
        }
        let names = ["dead", "b", "c"];
        let each = names.iter().zip(&mocks).map(|(name, mock)| target(name, OpenAi::new("http://h/v1").unwrap(), mock));
        let targets = Targets::new(each).balance(balance).clock(TokioClock(Instant::now())).random(Random::seeded(7));
        // Until it is known to be dead, those who were sent to it wait; how many that are, the balance says.
        latencies(&targets, 300).await;
        let known = mocks[0].received();
        let all = latencies(&targets, 4_000).await;
        let late = all.iter().filter(|took| **took != ms(50)).count();
        let probed = mocks[0].received() - known;
        println!("{balance:?}: {known} at first, then {late} of {} late, {probed} probes", all.len());
        assert_eq!(all[all.len() * 99 / 100], ms(50), "the 99th percentile is that of a provider that is well");
        assert_eq!(late, probed, "only who probes it waits for it");
        // In 40 seconds: rests of 5, 10 and 20, and the probes' own two.
        assert!((2..=4).contains(&probed), "{probed}");
    }
}
