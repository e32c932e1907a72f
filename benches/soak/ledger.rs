//! The ledger, line by line, against what clients and providers saw.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use serde_json::Value;
use tower_completions::meter::log::LogReader;

use super::checks::Checks;
use super::configuration::{KEYS, PRICES};
use super::plan::{Plan, tokens};
use super::slots::{Seen, Slots};

/// What the lines add up to.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) lines: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// For each key, in the order of [`KEYS`]: lines that were not refused, tokens, nano-dollars.
    pub(crate) admitted: [u64; KEYS.len()],
    pub(crate) tokens: [u64; KEYS.len()],
    pub(crate) nano: [u64; KEYS.len()],
    /// Of answers that were seen whole: in the ledger, and as the providers made them.
    whole: [u64; 2],
    made: [u64; 2],
}

/// Things that should not be, with the first few of each.
#[derive(Default)]
struct Faults(BTreeMap<&'static str, (u64, Vec<String>)>);

impl Faults {
    fn add(&mut self, what: &'static str, example: impl std::fmt::Display) {
        let (count, examples) = self.0.entry(what).or_default();
        *count += 1;
        if examples.len() < 3 {
            examples.push(example.to_string());
        }
    }

    fn check(&self, checks: &mut Checks, what: &'static str, holds: &str) {
        match self.0.get(what) {
            None => checks.that(what, true, holds),
            Some((count, examples)) => {
                checks.that(what, false, format!("not for {count}, such as {}", examples.join("\n")))
            }
        }
    }
}

const ONCE: &str = "each request has one line, by its id";
const SAME: &str = "the line says what the client saw";
const TRIES: &str = "the line has as many attempts as the providers were asked";
const TOKENS: &str = "an answer that was seen whole has the tokens that its provider made";
const COST: &str = "and costs what they cost";
const NONE: &str = "a refused request has no tokens";

pub(crate) fn read(path: &Path, slots: &Slots, checks: &mut Checks) -> Ledger {
    let (mut ledger, mut faults) = (Ledger::default(), Faults::default());
    let mut times = vec![0_u8; slots.count() as usize];
    for line in LogReader::open(path).unwrap().lines() {
        let text = line.unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        ledger.lines += 1;
        let id = line["client_request_id"].as_str().unwrap_or_default();
        let number = id.strip_prefix("soak-").and_then(|number| number.parse::<u64>().ok());
        match number.filter(|number| *number < slots.count()) {
            Some(number) => {
                times[number as usize] += 1;
                ledger.add(number, &line, slots, &mut faults);
            }
            None => faults.add(ONCE, &text),
        }
    }
    let mut unheard = 0;
    for (number, &times) in (0..).zip(&times) {
        let (slot, plan) = (slots.get(number), Plan::mixed(number));
        // Who leaves at once may have left before the gateway had read what was asked.
        let may_be_unheard =
            slot.seen() == Seen::Left && slot.tries() == 0 && plan.leaves.is_some_and(|(events, _)| events == 0);
        if times == 0 && may_be_unheard {
            unheard += 1;
        } else if times != 1 {
            faults.add(ONCE, format!("soak-{number}: {times} lines, {slot:?}"));
        }
    }
    let lines = ledger.lines;
    faults.check(checks, ONCE, &format!("{lines} lines; {unheard} clients had left before they were heard"));
    faults.check(checks, SAME, &format!("{:?}", ledger.outcomes));
    faults.check(checks, TRIES, "for all that were answered");
    faults.check(checks, TOKENS, &format!("{} + {} tokens", ledger.whole[0], ledger.whole[1]));
    faults.check(checks, COST, "to the nano-dollar");
    faults.check(checks, NONE, "none");
    let (whole, made) = (ledger.whole, ledger.made);
    checks.that("their sums are the providers'", whole == made, format!("{whole:?} and {made:?}"));
    ledger
}

impl Ledger {
    fn add(&mut self, number: u64, line: &Value, slots: &Slots, faults: &mut Faults) {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
        let outcome = text("outcome");
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        let key = KEYS.iter().position(|key| *key == text("key")).unwrap();
        let used = [count(line, "prompt_tokens"), count(line, "completion_tokens")];
        self.admitted[key] += u64::from(outcome != "refused");
        self.tokens[key] += used[0] + used[1];
        self.nano[key] += nano_dollars(text("cost_usd"));
        if outcome == "refused" && used != [0, 0] {
            faults.add(NONE, line);
        }

        let slot = slots.get(number);
        let (status, attempts) = (count(line, "status"), count(line, "attempts"));
        let is_same = match slot.seen() {
            Seen::Whole => outcome == "complete" && status == 200,
            // The answer, whatever it is, may have been on its way already.
            Seen::Left => true,
            Seen::Refused => status == 429 && ["refused", "failed"].contains(&outcome),
            // Refused is what nobody was asked for: all targets rested.
            Seen::Failed => status >= 500 && outcome == if attempts == 0 { "refused" } else { "failed" },
            Seen::Broken => outcome == "failed" && status == 200,
            Seen::Nothing | Seen::Lost | Seen::Wrong => false,
        };
        if !is_same {
            faults.add(SAME, format!("{:?}: {line}", slot.seen()));
        }
        if slot.seen() != Seen::Left && attempts != slot.tries() {
            faults.add(TRIES, format!("{} asked: {line}", slot.tries()));
        }
        if slot.seen() != Seen::Whole {
            return;
        }

        let (input, output) = tokens(number);
        // With several attempts a line has the tokens of all; the last of them is the one that was seen.
        let served = line["tries"].as_array().and_then(|tries| tries.last()).unwrap_or(line);
        let whole = [count(served, "prompt_tokens"), count(served, "completion_tokens")];
        let is_reported = served["usage_source"] == "reported";
        if whole != [input, output] || !is_reported {
            faults.add(TOKENS, format!("{input} + {output}: {line}"));
        }
        let served_model = text("served_model");
        let price = PRICES.iter().find(|(model, _)| *model == served_model).map(|(_, price)| price);
        let cost = price.map(|[price_in, price_out]| input * price_in + output * price_out);
        if cost != Some(nano_dollars(served["cost_usd"].as_str().unwrap_or_default())) {
            faults.add(COST, line);
        }
        self.whole = [self.whole[0] + whole[0], self.whole[1] + whole[1]];
        if slot.made() > 0 {
            self.made = [self.made[0] + input, self.made[1] + output];
        }
    }
}

pub(crate) fn nano_dollars(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{rest:0<9}").parse().unwrap_or_default()
}
