//! The gateway's file: two protocols, targets and fallbacks, and keys whose limits bind or do not.

use std::path::Path;

/// The keys. Alice has room for everything; each other has one limit that is too small for what it asks.
pub(crate) const KEYS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Bob's requests a minute.
pub(crate) const BOB_RPM: u64 = 1_200;
/// Carol's answers at once.
pub(crate) const CAROL_PARALLEL: u64 = 4;
/// Dave's budget, in nano-dollars.
pub(crate) const DAVE_NANO: u64 = 1_000_000_000;
/// Erin's tokens a minute.
pub(crate) const ERIN_TPM: u64 = 120_000;
/// Input and output in nano-dollars a token.
pub(crate) const PRICES: [(&str, [u64; 2]); 3] =
    [("pair", [1_000, 2_000]), ("claude", [3_000, 15_000]), ("alone", [150, 600])];

pub(crate) fn file(log: &Path, urls: &[String]) -> String {
    let [east, west, alone, claude] = urls else { panic!("four providers") };
    let price = |model: usize| {
        let [input, output] = PRICES[model].1.map(|nano| nano as f64 / 1e3);
        format!("price = {{ input = {input:?}, output = {output:?} }}")
    };
    let provider = |name, protocol, url| {
        format!(
            "[[providers]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nbase_url = \"{url}\"\napi_key = \"sk-upstream\"\n"
        )
    };
    let key = |name, limits| format!("[[keys]]\nid = \"{name}\"\nsecret = \"sk-{name}\"\n{limits}\n");
    let wide = "rpm = 100_000_000\ntpm = 100_000_000_000\nparallel = 100_000\nbudget_usd = 1_000_000.0";
    [
        "listen = \"127.0.0.1:0\"\n[timeouts]\nconnect_ms = 1000\nfirst_byte_ms = 1500\nidle_ms = 1000\n".to_owned(),
        format!("[usage]\npath = {log:?}\n[shed]\nmax_in_flight = 20000\n[keep_alive]\ninterval_ms = 500\n"),
        // A provider that fails one time in twenty rests for an instant.
        "[retry]\nbackoff_ms = 20\n[health]\nrest_ms = 5\nmax_rest_ms = 50\n".to_owned(),
        provider("east", "openai", format!("{east}/v1")),
        provider("west", "openai", format!("{west}/v1")),
        provider("alone", "openai", format!("{alone}/v1")),
        provider("claude", "anthropic", claude.clone()),
        format!("[[models]]\nid = \"pair\"\nfallbacks = [\"claude\"]\n{}\n", price(0)),
        "[[models.targets]]\nprovider = \"east\"\n[[models.targets]]\nprovider = \"west\"\n".to_owned(),
        format!("[[models]]\nid = \"claude\"\nprovider = \"claude\"\nfallbacks = [\"pair\"]\n{}\n", price(1)),
        format!("[[models]]\nid = \"alone\"\nprovider = \"alone\"\n{}\n", price(2)),
        key("alice", wide.to_owned()),
        key("bob", format!("rpm = {BOB_RPM}\nparallel = 100000\nbudget_usd = 1_000_000.0")),
        key("carol", format!("parallel = {CAROL_PARALLEL}\nbudget_usd = 1_000_000.0")),
        key("dave", format!("parallel = 100000\nbudget_usd = {:?}", DAVE_NANO as f64 / 1e9)),
        key("erin", format!("tpm = {ERIN_TPM}\nbudget_usd = 1_000_000.0")),
    ]
    .concat()
}
