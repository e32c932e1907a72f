//! What the host and the client say of a request.

use std::sync::Arc;

use super::reason::short;
use crate::chat::ChatRequest;

/// A name and a value.
pub type Tag = (Arc<str>, Arc<str>);

/// How many entries of `metadata` count, and how long their names and values may be, in characters: OpenAI's own limits.
const MAX_ENTRIES: usize = 16;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 512;

/// The host's tags, then the client's: `metadata.` and the name for each entry of `metadata`, and `user`. Of two with the
/// same name the first one counts, so that no client can say something in the host's name.
pub(super) fn tags(host: Vec<Tag>, chat: &ChatRequest, of_client: bool) -> Arc<[Tag]> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut add = |name: Arc<str>, value: Arc<str>| {
        if tags.iter().all(|(known, _)| *known != name) {
            tags.push((name, value));
        }
    };
    for (name, value) in host {
        add(name, value);
    }
    if of_client {
        let metadata = chat.given("metadata").into_iter().flat_map(|metadata| metadata.fields());
        let texts = metadata.filter_map(|(name, value)| Some((name.to_str(), value.as_str()?)));
        for (name, value) in texts.take(MAX_ENTRIES) {
            add(format!("metadata.{}", short(&name, MAX_NAME)).into(), short(&value, MAX_VALUE));
        }
        if let Some(user) = chat.given("user").and_then(|user| user.as_str()) {
            add("user".into(), short(&user, MAX_VALUE));
        }
    }
    // Without any there is nothing to be allocated.
    if tags.is_empty() { Arc::default() } else { tags.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &[(&str, &str)], more: &str, of_client: bool) -> Vec<(String, String)> {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}]{more}}}"#);
        let host = host.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
        let tags = tags(host, &ChatRequest::from_bytes(body).unwrap(), of_client);
        tags.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_hosts_come_first_and_nobody_speaks_for_it() {
        let more = r#","metadata":{"team":"x","n":1,"metadata.a":"y"},"user":"u-1""#;
        let host = [("plan", "gold"), ("user", "host"), ("plan", "other"), ("metadata.team", "host")];
        let expected = [
            pair("plan", "gold"),
            pair("user", "host"),
            pair("metadata.team", "host"),
            pair("metadata.metadata.a", "y"),
        ];
        assert_eq!(of(&host, more, true), expected);
        assert_eq!(of(&[], more, true)[2], pair("user", "u-1"));
        assert_eq!(of(&host[..1], more, false), expected[..1]);
    }

    #[test]
    fn what_a_client_says_is_bounded() {
        let entries: Vec<_> = (0..99).map(|at| format!(r#""{at}{}":"{}""#, "n".repeat(99), "v".repeat(999))).collect();
        let more = format!(r#","metadata":{{{}}},"user":"{}""#, entries.join(","), "u".repeat(9999));
        let tags = of(&[], &more, true);
        assert_eq!(tags.len(), MAX_ENTRIES + 1);
        assert!(tags.iter().all(|(name, value)| name.len() <= MAX_NAME + 9 && value.len() == MAX_VALUE));
    }

    #[test]
    fn odd_shapes_are_none() {
        for more in ["", r#","metadata":null,"user":null"#] {
            assert!(of(&[], more, true).is_empty(), "{more}");
        }
    }
}
