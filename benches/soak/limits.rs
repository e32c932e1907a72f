//! The limits: all of it back when nothing is in progress, the money of the ledger, and refusals where they have to be.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::checks::Checks;
use super::client::Clients;
use super::configuration::{BOB_RPM, CAROL_PARALLEL, DAVE_NANO, ERIN_TPM, KEYS};
use super::ledger::{Ledger, nano_dollars};
use super::plan::Plan;
use super::slots::{Seen, Slots};

/// A window is a minute, and what was owed comes on top of it.
const WINDOW: Duration = Duration::from_secs(90);
/// What one request can cost at most more than was held back for it: its tokens and their price.
const TOKENS_OVER: u64 = 4_000;
const NANO_OVER: u64 = 50_000_000;

/// Waits until every window is full again.
pub(crate) async fn come_back(clients: &Clients, checks: &mut Checks) {
    let begin = Instant::now();
    loop {
        let mut short = Vec::new();
        for key in KEYS {
            let standing = clients.standing(key).await;
            for limit in ["requests", "tokens", "parallel"] {
                if standing[limit]["remaining"] != standing[limit]["limit"] {
                    short.push(format!("{key}'s {limit}: {}", standing[limit]));
                }
            }
        }
        if short.is_empty() || begin.elapsed() > WINDOW {
            let found =
                if short.is_empty() { format!("after {} s", begin.elapsed().as_secs()) } else { short.join("; ") };
            checks.that(
                "requests, tokens and parallel answers of all keys are back at their limits",
                short.is_empty(),
                found,
            );
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// What is in progress right after the load: no permit may be out.
pub(crate) async fn permits(clients: &Clients, checks: &mut Checks) {
    let mut out = Vec::new();
    for key in KEYS {
        let parallel = clients.standing(key).await["parallel"].clone();
        if parallel["remaining"] != parallel["limit"] {
            out.push(format!("{key}: {parallel}"));
        }
    }
    checks.that(
        "no permit of a parallel answer is out once the clients have stopped",
        out.is_empty(),
        if out.is_empty() { "none".to_owned() } else { out.join("; ") },
    );
}

/// Carol may have so many streams at once, and one more is refused; when they are gone she may have as many again.
pub(crate) async fn refuse_one_more(clients: &Clients, slots: &Slots, checks: &mut Checks) {
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let mut open = Vec::new();
        for _ in 0..=CAROL_PARALLEL {
            open.extend(clients.hold(&Plan::held(slots.number(), "carol"), slots).await);
        }
        rounds.push(open.len() as u64);
        drop(open);
        sleep(Duration::from_secs(1)).await;
    }
    checks.that(
        "as many streams at once as the limit says, and one more is refused, twice",
        rounds == [CAROL_PARALLEL; 2],
        format!("{rounds:?}"),
    );
}

/// The ledger's sums are the limiter's, and no limit was passed.
pub(crate) async fn agree(clients: &Clients, ledger: &Ledger, elapsed: Duration, checks: &mut Checks) {
    let mut differ = Vec::new();
    let mut sum = 0;
    for (at, key) in KEYS.into_iter().enumerate() {
        let spent = spent(clients, key).await;
        sum += spent;
        if spent != ledger.nano[at] {
            differ.push(format!("{key}: {spent} and {}", ledger.nano[at]));
        }
    }
    let found = if differ.is_empty() { format!("{sum} nano-dollars of five keys") } else { differ.join("; ") };
    checks.that("what the limiter says was spent is the sum of the ledger", differ.is_empty(), found);

    // A window's worth at the beginning, and then what comes back.
    let allowed = |each: u64| (each as f64 * (1.0 + elapsed.as_secs_f64() / 60.0)) as u64;
    let [_, bob, _, dave, erin] = [0, 1, 2, 3, 4];
    let (requests, most) = (ledger.admitted[bob], allowed(BOB_RPM));
    checks.that("requests in a minute were never passed", requests <= most, format!("{requests} of at most {most}"));
    let (tokens, most) = (ledger.tokens[erin], allowed(ERIN_TPM) + TOKENS_OVER);
    checks.that("nor were tokens in a minute", tokens <= most, format!("{tokens} of at most {most}"));
    let (spent, most) = (ledger.nano[dave], DAVE_NANO + NANO_OVER);
    checks.that("nor was the budget", spent <= most, format!("{spent} of {DAVE_NANO} nano-dollars"));
}

pub(crate) async fn spent(clients: &Clients, key: &str) -> u64 {
    nano_dollars(clients.standing(key).await["budget"]["spent_usd"].as_str().unwrap())
}

/// How many of the requests in this range were seen so.
pub(crate) fn seen(slots: &Slots, range: std::ops::Range<u64>, what: Seen) -> u64 {
    range.filter(|number| slots.get(*number).seen() == what).count() as u64
}
