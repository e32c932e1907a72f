//! Which requests are looked at.

use super::calendar::Time;
use super::entry::Entry;

/// Which requests are looked at: those that pass everything that is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// At this time or later.
    pub(crate) from: Option<Time>,
    /// Before this time.
    pub(crate) to: Option<Time>,
    /// Of these callers, if there are any; the empty name is nobody's.
    pub(crate) keys: Vec<String>,
    /// For these models, if there are any.
    pub(crate) models: Vec<String>,
}

impl Filter {
    pub(crate) fn takes(&self, entry: &Entry<'_>) -> bool {
        let among = |names: &[String], name: Option<&str>| {
            names.is_empty() || names.iter().any(|wanted| wanted == name.unwrap_or_default())
        };
        self.from.is_none_or(|from| entry.time >= from)
            && self.to.is_none_or(|to| entry.time < to)
            && among(&self.keys, entry.key.as_deref())
            && among(&self.models, entry.model.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_set_counts() {
        let line =
            br#"{"id":"1","time":"2026-11-30T12:00:00Z","key":"a","model":"m","outcome":"complete","cost_usd":"0"}"#;
        let nobody = String::from_utf8_lossy(line).replace("\"a\"", "null");
        let takes = |filter: &Filter, line: &[u8]| filter.takes(&Entry::read(line).unwrap());
        let time = Time::parse("2026-11-30T12:00:00Z");
        assert!(takes(&Filter::default(), line));
        assert!(takes(&Filter { from: time, ..Filter::default() }, line));
        assert!(!takes(&Filter { to: time, ..Filter::default() }, line));
        let keys = Filter { keys: vec!["b".into(), "a".into()], ..Filter::default() };
        assert!(takes(&keys, line) && !takes(&keys, nobody.as_bytes()));
        let nobodys = Filter { keys: vec![String::new()], ..Filter::default() };
        assert!(!takes(&nobodys, line) && takes(&nobodys, nobody.as_bytes()));
        assert!(!takes(&Filter { models: vec!["n".into()], ..keys }, line));
    }
}
