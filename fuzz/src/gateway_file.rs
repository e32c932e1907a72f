//! The file of the example gateway.

#[path = "../../examples/gateway/config/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the gateway uses the rest")]
mod config;

use crate::Input;

/// What stands in the place of a secret.
const PLANTED: &str = "sk-planted-in-the-file";

/// A file is understood or refused, in one line that says where, and never with a secret.
pub fn gateway_file(bytes: &[u8]) {
    let Some(source) = Input::new(bytes).and_then(|input| input.text()) else { return };
    let env = |name: &str| (name == "GOOD").then(|| PLANTED.to_owned());
    let Err(refusal) = config::parse(source, &env) else { return };
    let told = refusal.to_string();
    let (line, reason) = told.split_once(": ").unwrap();
    let line: usize = line.parse().unwrap();
    assert!((1..=source.matches('\n').count() + 1).contains(&line) && !reason.is_empty(), "{told}");
    if only_in_secrets(source) {
        assert!(!told.contains(PLANTED), "{told}");
    }
}

/// Whether the planted text is nothing but the value of fields that hold secrets.
fn only_in_secrets(source: &str) -> bool {
    let fields = ["\nsecret", "\napi_key", "\nsecret_access_key", "\nsession_token", "\nsecret_sha256", "\nredis"];
    let as_a_value = |at: usize| {
        let before = &source[..at];
        fields.iter().any(|field| before.ends_with(&format!("{field} = \"")))
    };
    source.match_indices(PLANTED).all(|(at, _)| as_a_value(at))
}
