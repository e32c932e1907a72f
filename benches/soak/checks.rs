//! What has to be so, and whether it is.

use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct Checks {
    all: Vec<(String, bool, String)>,
}

impl Checks {
    /// `what` has to be so; `found` are the figures.
    pub(crate) fn that(&mut self, what: &str, is: bool, found: impl Into<String>) {
        let found = found.into();
        println!("{:4} {what}: {found}", if is { "ok" } else { "NO" });
        self.all.push((what.to_owned(), is, found));
    }

    pub(crate) fn hold(&self) -> bool {
        self.all.iter().all(|(_, is, _)| *is)
    }

    pub(crate) fn json(&self) -> Value {
        self.all.iter().map(|(what, is, found)| json!({"check": what, "holds": is, "found": found})).collect()
    }
}
