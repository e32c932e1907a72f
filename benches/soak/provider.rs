//! The providers: mocks on real sockets, which fail five times in a hundred and keep an account of each request.

use std::sync::Arc;
use std::time::Duration;

use tower_completions::mock::{Answer, Listening, Mock, Recorded};

use super::plan::{ANSWER, Chance, Kind, of_body, tokens};
use super::slots::Slots;

/// Faults in a hundred attempts.
pub(crate) const FAULTS: u64 = 5;

pub(crate) struct Providers {
    pub(crate) listening: Vec<Listening>,
    pub(crate) mocks: Vec<Mock>,
}

impl Providers {
    /// Three that speak OpenAI's protocol, and one that speaks Anthropic's.
    pub(crate) async fn listen(slots: &Arc<Slots>) -> Self {
        let mocks = vec![Mock::openai(), Mock::openai(), Mock::openai(), Mock::anthropic()];
        let mut listening = Vec::new();
        let mut kept = Vec::new();
        for mock in mocks {
            let mock = mock.keep_requests(0);
            let slots = slots.clone();
            mock.respond_with(move |request| answer(&slots, request));
            listening.push(mock.listen().await.unwrap());
            kept.push(mock);
        }
        Self { listening, mocks: kept }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.listening.iter().map(Listening::base_url).collect()
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.listening.iter().map(|listening| listening.addr().port()).collect()
    }

    /// How many answers are in progress.
    pub(crate) fn in_flight(&self) -> usize {
        self.mocks.iter().map(Mock::in_flight).sum()
    }
}

fn answer(slots: &Slots, request: &Recorded) -> Answer {
    let Some((kind, number)) = of_body(&request.body) else { return Answer::error(400) };
    let tries = slots.asked(number);
    let mut chance = Chance::of(number, 2 + tries);
    if kind == Kind::Mixed && chance.below(100) < FAULTS {
        slots.failed(number);
        let is_stream = memchr::memmem::find(&request.body, b"\"stream\":true").is_some();
        return fault(slots, number, is_stream, &mut chance);
    }
    if kind == Kind::Held {
        return good(number).stall_after(700);
    }
    slots.made(number);
    match chance.below(10) {
        0..5 => good(number),
        5..9 => good(number).delay_frames(Duration::from_millis(2)),
        _ => good(number).delay_frames(Duration::from_millis(15)),
    }
}

fn good(number: u64) -> Answer {
    let (input, output) = tokens(number);
    Answer::text(ANSWER).usage(input, output)
}

/// One of the things that go wrong. Only the slow one is an answer that somebody may see whole.
fn fault(slots: &Slots, number: u64, is_stream: bool, chance: &mut Chance) -> Answer {
    let (cut, ended, stalled) = if is_stream { (2600, 2600, 700) } else { (200, 200, 200) };
    match chance.below(11) {
        0 => Answer::error(429).header("retry-after-ms", "5"),
        1 => Answer::error(429),
        2 => Answer::error(500),
        3 => Answer::error(503),
        4 => Answer::error(401),
        5 => Answer::refuse(),
        6 => good(number).cut_after(50 + chance.below(cut) as usize),
        7 => good(number).end_after(50 + chance.below(ended) as usize),
        8 => Answer::raw(200, "text/html", "<html>Bad gateway</html>"),
        9 => good(number).stall_after(stalled),
        _ => {
            slots.made(number);
            good(number).delay_head(Duration::from_millis(400 + chance.below(800)))
        }
    }
}
