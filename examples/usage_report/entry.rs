//! One line of a usage log.

use std::borrow::Cow;

use tower_completions::json::{Kind, Raw};

use super::calendar::Time;

/// One request, as a line of a usage log tells it. Fields that are not looked at may be anything.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) time: Time,
    pub(crate) key: Option<Cow<'a, str>>,
    pub(crate) model: Option<Cow<'a, str>>,
    pub(crate) provider: Option<Cow<'a, str>>,
    pub(crate) served_model: Option<Cow<'a, str>>,
    pub(crate) reason: Option<Cow<'a, str>>,
    pub(crate) outcome: Outcome,
    /// All that went in, those of a cache among them.
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    /// All that came out, reasoning among it.
    pub(crate) completion: u64,
    pub(crate) reasoning: u64,
    /// Whether the provider did not say all of the tokens.
    pub(crate) estimated: bool,
    /// In nano-dollars; `None` where nobody knows.
    pub(crate) cost: Option<u64>,
    /// In microseconds.
    pub(crate) first_byte: Option<u64>,
    /// In microseconds.
    pub(crate) duration: Option<u64>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Complete,
    Aborted,
    Failed,
    Refused,
    /// A word that came after this program.
    Other,
}

impl Outcome {
    pub(crate) const COUNT: usize = 5;

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Other => "other",
        }
    }
}

impl<'a> Entry<'a> {
    /// Reads a line. What is wrong is said without a word of what stands there.
    pub(crate) fn read(line: &'a [u8]) -> Result<Self, String> {
        let line = Raw::from_bytes(line.trim_ascii()).map_err(|fault| fault.to_string())?;
        if line.kind() != Kind::Object {
            return Err("not an object".to_owned());
        }
        let (mut id, mut time, mut key, mut model, mut outcome, mut cost) = (None, None, None, None, None, None);
        let mut entry = Self::empty();
        for (name, value) in line.fields() {
            match &*name.to_str() {
                "id" => id = Some(string(value, "id")?),
                "time" => time = value.as_str().and_then(|time| Time::parse(&time)),
                "key" => key = Some(name_or_null(value, "key")?),
                "model" => model = Some(name_or_null(value, "model")?),
                "provider" => entry.provider = name_or_null(value, "provider")?,
                "served_model" => entry.served_model = name_or_null(value, "served_model")?,
                "reason" => entry.reason = name_or_null(value, "reason")?,
                "outcome" => outcome = Some(string(value, "outcome")?),
                "prompt_tokens" => entry.prompt = count(value, "prompt_tokens")?,
                "cached_tokens" => entry.cached = count(value, "cached_tokens")?,
                "cache_write_tokens" => entry.cache_write = count(value, "cache_write_tokens")?,
                "completion_tokens" => entry.completion = count(value, "completion_tokens")?,
                "reasoning_tokens" => entry.reasoning = count(value, "reasoning_tokens")?,
                "usage_source" => entry.estimated = matches!(&*string(value, "usage_source")?, "estimated" | "partial"),
                "cost_usd" => cost = Some(money(value)?),
                "first_byte_ms" => entry.first_byte = millis(value, "first_byte_ms")?,
                "duration_ms" => entry.duration = millis(value, "duration_ms")?,
                _ => {}
            }
        }
        let outcome = match &*outcome.ok_or("no outcome")? {
            "complete" => Outcome::Complete,
            "aborted" => Outcome::Aborted,
            "failed" => Outcome::Failed,
            "refused" => Outcome::Refused,
            _ => Outcome::Other,
        };
        Ok(Self {
            id: id.ok_or("no id")?,
            time: time.ok_or("no time in UTC")?,
            key: key.ok_or("no key")?,
            model: model.ok_or("no model")?,
            cost: cost.ok_or("no cost_usd")?,
            outcome,
            ..entry
        })
    }

    fn empty() -> Self {
        Self {
            id: Cow::Borrowed(""),
            time: Time::EPOCH,
            key: None,
            model: None,
            provider: None,
            served_model: None,
            reason: None,
            outcome: Outcome::Other,
            prompt: 0,
            cached: 0,
            cache_write: 0,
            completion: 0,
            reasoning: 0,
            estimated: false,
            cost: None,
            first_byte: None,
            duration: None,
        }
    }
}

fn string<'a>(value: Raw<'a>, field: &str) -> Result<Cow<'a, str>, String> {
    value.as_str().ok_or_else(|| format!("{field} is not a string"))
}

fn name_or_null<'a>(value: Raw<'a>, field: &str) -> Result<Option<Cow<'a, str>>, String> {
    if value.is_null() { Ok(None) } else { string(value, field).map(Some) }
}

fn count(value: Raw<'_>, field: &str) -> Result<u64, String> {
    if value.is_null() { Ok(0) } else { value.as_u64().ok_or_else(|| format!("{field} is not a count")) }
}

/// Milliseconds as microseconds.
fn millis(value: Raw<'_>, field: &str) -> Result<Option<u64>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let whole = value.as_u64().map(|millis| millis.saturating_mul(1000));
    let micros =
        whole.or_else(|| value.as_f64().filter(|millis| *millis >= 0.0).map(|millis| (millis * 1000.0) as u64));
    micros.map(Some).ok_or_else(|| format!("{field} is not a time"))
}

/// A decimal string as nano-dollars, exactly; or null. No ledger of ours has more than nine decimals, so what has more is
/// refused rather than rounded.
fn money(value: Raw<'_>) -> Result<Option<u64>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let nano = value.as_str().and_then(|text| nano_dollars(&text));
    nano.map(Some).ok_or_else(|| "cost_usd is neither null nor a decimal string".to_owned())
}

fn nano_dollars(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (kept, rest) = fraction.split_at_checked(fraction.len().min(9))?;
    if !digits(whole) || !digits(fraction) || rest.bytes().any(|digit| digit != b'0') {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(format!("{kept:0<9}").parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"r","time":"2026-11-30T12:00:00Z","key":"al\"ice","model":"m","provider":null,"outcome":"complete","prompt_tokens":12,"cached_tokens":null,"completion_tokens":3,"cost_usd":"0.000321","duration_ms":1500,"first_byte_ms":12.5,"tags":{"key":"not this"}}"#;

    #[test]
    fn a_line_is_read() {
        let entry = Entry::read(LINE.as_bytes()).unwrap();
        assert_eq!((entry.key.as_deref(), entry.model.as_deref(), entry.provider), (Some("al\"ice"), Some("m"), None));
        assert_eq!((entry.prompt, entry.cached, entry.completion, entry.reasoning), (12, 0, 3, 0));
        assert_eq!((entry.cost, entry.duration, entry.first_byte), (Some(321_000), Some(1_500_000), Some(12_500)));
        assert_eq!((entry.outcome, entry.estimated), (Outcome::Complete, false));
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let entry = LINE.replace("\"0.000321\"", "null").replace("\"al\\\"ice\"", "null").replace("12.5", "null");
        let entry = Entry::read(entry.as_bytes()).unwrap();
        assert_eq!((entry.cost, entry.key, entry.first_byte), (None, None, None));
    }

    #[test]
    fn later_words_are_borne() {
        let entry = LINE.replace("complete", "evaporated").replace("\"tags\"", "\"usage_source\":\"partial\",\"x\"");
        let entry = Entry::read(entry.as_bytes()).unwrap();
        assert_eq!((entry.outcome, entry.estimated), (Outcome::Other, true));
    }

    #[test]
    fn foreign_lines_are_refused_with_a_reason_and_without_their_words() {
        for (line, reason) in [
            (LINE[..100].to_owned(), "the JSON ends too early, at byte 100"),
            ("secret".to_owned(), "invalid JSON at byte 0"),
            ("[]".to_owned(), "not an object"),
            ("{\"level\":\"info\",\"message\":\"secret\"}".to_owned(), "no outcome"),
            (LINE.replace("\"id\"", "\"no\""), "no id"),
            (LINE.replace("12:00:00Z", "12:00:00"), "no time in UTC"),
            (LINE.replace("12:00:00Z", "12:00:00+02:00"), "no time in UTC"),
            (LINE.replace("\"0.000321\"", "0.000321"), "cost_usd is neither null nor a decimal string"),
            (LINE.replace("0.000321", "-1"), "cost_usd is neither null nor a decimal string"),
            (LINE.replace("0.000321", "0.0000000001"), "cost_usd is neither null nor a decimal string"),
            (LINE.replace(":12,", ":-12,"), "prompt_tokens is not a count"),
            (LINE.replace(":12,", ":\"secret\","), "prompt_tokens is not a count"),
            (LINE.replace("\"m\"", "[\"secret\"]"), "model is not a string"),
            (LINE.replace("1500", "-1"), "duration_ms is not a time"),
        ] {
            assert_eq!(Entry::read(line.as_bytes()), Err(reason.to_owned()), "{line}");
        }
    }

    #[test]
    fn money_is_exact() {
        for (text, nano) in [
            ("0", Some(0)),
            ("3", Some(3_000_000_000)),
            ("0.000000001", Some(1)),
            ("0.0000000010", Some(1)),
            ("12.345678901", Some(12_345_678_901)),
            ("18446744073.709551615", Some(u64::MAX)),
            ("18446744073.709551616", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("+1", None),
            ("0.00000000é", None),
        ] {
            assert_eq!(nano_dollars(text), nano, "{text}");
        }
    }
}
