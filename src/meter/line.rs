//! A receipt as a line of a usage log.

use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use http::StatusCode;

use super::receipt::{Receipt, Try};
use crate::calendar::write_time;
use crate::decimal::write_scaled;
use crate::json::{write_str, write_u64};
use crate::price::Price;
use crate::usage::{Usage, UsageSource};

/// A field's name, which needs no escape, after a comma: all in one piece.
macro_rules! name {
    ($out:expr, $name:literal) => {
        $out.put_slice(concat!(",\"", $name, "\":").as_bytes())
    };
}

/// A field, which is `null` if there is nothing to be written.
macro_rules! field {
    ($out:expr, $name:literal, $value:expr, $write:ident) => {
        match $value {
            Some(value) => {
                name!($out, $name);
                $write($out, value);
            }
            None => $out.put_slice(concat!(",\"", $name, "\":null").as_bytes()),
        }
    };
}

impl Receipt {
    /// Appends the receipt as one JSON object in one line, without a newline.
    ///
    /// Tokens are those of OpenAI's `usage`: `cached_tokens`, `cache_write_tokens` and `input_audio_tokens` are among the
    /// `prompt_tokens`, `cache_write_1h_tokens` among the `cache_write_tokens`, `reasoning_tokens` and
    /// `output_audio_tokens` among the `completion_tokens`. `cost_usd` is an exact decimal number as a string, or null if
    /// nobody knows. `price` is the text that a [`Price`] is read from, so that the cost can be computed again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_completions::meter::Receipt;
    ///
    /// let mut receipt = Receipt::new("r-1", Duration::from_millis(1_795_341_600_250), "gpt-4o-mini");
    /// receipt.cost = Some(321_000);
    /// let mut line = Vec::new();
    /// receipt.write_json(&mut line);
    /// let line = String::from_utf8(line)?;
    /// assert!(line.starts_with(r#"{"id":"r-1","time":"2026-11-22T10:00:00.250Z","key":null,"model":"gpt-4o-mini","#));
    /// assert!(line.contains(r#""cost_usd":"0.000321""#) && !line.contains('\n'));
    /// # Ok::<(), std::string::FromUtf8Error>(())
    /// ```
    pub fn write_json(&self, out: &mut impl BufMut) {
        out.put_slice(b"{\"id\":");
        write_str(out, &self.id);
        name!(out, "time");
        out.put_u8(b'"');
        write_time(out, self.time);
        out.put_u8(b'"');
        field!(out, "key", &self.key, write_str);
        name!(out, "model");
        write_str(out, &self.model);
        field!(out, "provider", &self.provider, write_str);
        field!(out, "served_model", &self.served_model, write_str);
        field!(out, "upstream_model", &self.upstream_model, write_str);
        name!(out, "stream");
        out.put_slice(if self.stream { b"true" } else { b"false" });
        name!(out, "status");
        code(out, self.status);
        name!(out, "outcome");
        word(out, self.outcome.as_str());
        field!(out, "reason", &self.reason, write_str);
        field!(out, "error_code", &self.error_code, write_str);
        field!(out, "finish_reason", &self.finish_reason, write_str);
        bill(out, &self.usage, self.usage_source, self.price.as_ref(), self.cost);
        name!(out, "attempts");
        write_u64(out, self.tries.len() as u64);
        if self.tries.len() > 1 {
            tries(out, &self.tries);
        }
        field!(out, "first_byte_ms", &self.first_byte, millis);
        field!(out, "first_token_ms", &self.first_token, millis);
        name!(out, "duration_ms");
        millis(out, &self.duration);
        field!(out, "client_request_id", &self.client_request_id, write_str);
        field!(out, "upstream_request_id", &self.upstream_request_id, write_str);
        if !self.tags.is_empty() {
            tags(out, &self.tags);
        }
        out.put_u8(b'}');
    }
}

/// The tokens, what each costs, and what all do.
fn bill(out: &mut impl BufMut, usage: &Usage, source: UsageSource, price: Option<&Price>, cost: Option<u64>) {
    name!(out, "prompt_tokens");
    write_u64(out, usage.prompt_tokens());
    name!(out, "cached_tokens");
    write_u64(out, usage.cache_read);
    name!(out, "cache_write_tokens");
    write_u64(out, usage.cache_write_tokens());
    name!(out, "cache_write_1h_tokens");
    write_u64(out, usage.cache_write_1h);
    name!(out, "input_audio_tokens");
    write_u64(out, usage.input_audio);
    name!(out, "completion_tokens");
    write_u64(out, usage.completion_tokens());
    name!(out, "reasoning_tokens");
    write_u64(out, usage.reasoning);
    name!(out, "output_audio_tokens");
    write_u64(out, usage.output_audio);
    name!(out, "usage_source");
    word(out, source.as_str());
    field!(out, "price", price.map(Price::text), word);
    field!(out, "cost_usd", cost, dollars);
}

fn tries(out: &mut impl BufMut, tries: &[Try]) {
    name!(out, "tries");
    let mut before = b'[';
    for tried in tries {
        out.put_u8(before);
        before = b',';
        out.put_slice(b"{\"provider\":");
        match &tried.provider {
            Some(provider) => write_str(out, provider),
            None => out.put_slice(b"null"),
        }
        name!(out, "model");
        write_str(out, &tried.model);
        field!(out, "status", tried.status, code);
        field!(out, "reason", &tried.reason, write_str);
        field!(out, "error_code", &tried.error_code, write_str);
        bill(out, &tried.usage, tried.usage_source, tried.price.as_ref(), tried.cost);
        out.put_u8(b'}');
    }
    out.put_u8(b']');
}

fn tags(out: &mut impl BufMut, tags: &[(Arc<str>, Arc<str>)]) {
    name!(out, "tags");
    let mut before = b'{';
    for (tag, value) in tags {
        out.put_u8(before);
        before = b',';
        write_str(out, tag);
        out.put_u8(b':');
        write_str(out, value);
    }
    out.put_u8(b'}');
}

/// A text of ours, in which nothing needs an escape.
fn word(out: &mut impl BufMut, text: &str) {
    out.put_u8(b'"');
    out.put_slice(text.as_bytes());
    out.put_u8(b'"');
}

fn dollars(out: &mut impl BufMut, nano: u64) {
    out.put_u8(b'"');
    write_scaled(out, nano, 9);
    out.put_u8(b'"');
}

fn millis(out: &mut impl BufMut, time: &Duration) {
    write_u64(out, u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
}

fn code(out: &mut impl BufMut, status: StatusCode) {
    write_u64(out, u64::from(status.as_u16()));
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::receipt::Outcome;
    use super::*;

    fn line(receipt: &Receipt) -> String {
        let mut out = Vec::new();
        receipt.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// A receipt in which nothing is empty.
    fn full() -> Receipt {
        let usage = Usage {
            input: 1,
            cache_read: 2,
            cache_write: 4,
            cache_write_1h: 8,
            input_audio: 16,
            output: 32,
            reasoning: 64,
            output_audio: 128,
        };
        let price: Price = "input=1 output=2 >100 input=3".parse().unwrap();
        let failed = Try {
            provider: None,
            model: "a".into(),
            status: None,
            reason: Some("upstream_timeout".into()),
            error_code: Some("idle_timeout".into()),
            usage: Usage { input: 7, ..Usage::default() },
            usage_source: UsageSource::Estimated,
            price: None,
            cost: None,
        };
        let good = Try {
            provider: Some("second".into()),
            model: "b".into(),
            status: Some(StatusCode::OK),
            reason: None,
            error_code: None,
            usage,
            usage_source: UsageSource::Reported,
            price: Some(price.clone()),
            cost: Some(479_000),
        };
        Receipt {
            key: Some("al\"ice".into()),
            provider: Some("second".into()),
            served_model: Some("b".into()),
            upstream_model: Some("b-2026".into()),
            stream: true,
            status: StatusCode::OK,
            outcome: Outcome::Complete,
            reason: Some("none".into()),
            error_code: Some("odd".into()),
            finish_reason: Some("stop".into()),
            usage: Usage { input: 8, ..usage },
            usage_source: UsageSource::Estimated,
            cost: None,
            price: Some(price),
            tries: [failed, good].into(),
            first_byte: Some(Duration::from_micros(12_999)),
            first_token: Some(Duration::from_millis(13)),
            duration: Duration::from_millis(1_500),
            tags: [("team".into(), "search".into()), ("a\nb".into(), "ü".into())].into(),
            client_request_id: Some("theirs".into()),
            upstream_request_id: Some("req_1".into()),
            ..Receipt::new("r-1", Duration::from_millis(1_795_341_600_250), "asked")
        }
    }

    #[test]
    fn every_field_has_its_name() {
        let expected = concat!(
            r#"{"id":"r-1","time":"2026-11-22T10:00:00.250Z","key":"al\"ice","model":"asked","provider":"second","#,
            r#""served_model":"b","upstream_model":"b-2026","stream":true,"status":200,"outcome":"complete","#,
            r#""reason":"none","error_code":"odd","finish_reason":"stop","#,
            r#""prompt_tokens":38,"cached_tokens":2,"cache_write_tokens":12,"cache_write_1h_tokens":8,"#,
            r#""input_audio_tokens":16,"completion_tokens":224,"reasoning_tokens":64,"output_audio_tokens":128,"#,
            r#""usage_source":"estimated","price":"input=1 output=2 >100 input=3","cost_usd":null,"attempts":2,"#,
            r#""tries":[{"provider":null,"model":"a","status":null,"reason":"upstream_timeout","error_code":"idle_timeout","#,
            r#""prompt_tokens":7,"cached_tokens":0,"cache_write_tokens":0,"cache_write_1h_tokens":0,"#,
            r#""input_audio_tokens":0,"completion_tokens":0,"reasoning_tokens":0,"output_audio_tokens":0,"#,
            r#""usage_source":"estimated","price":null,"cost_usd":null},"#,
            r#"{"provider":"second","model":"b","status":200,"reason":null,"error_code":null,"#,
            r#""prompt_tokens":31,"cached_tokens":2,"cache_write_tokens":12,"cache_write_1h_tokens":8,"#,
            r#""input_audio_tokens":16,"completion_tokens":224,"reasoning_tokens":64,"output_audio_tokens":128,"#,
            r#""usage_source":"reported","price":"input=1 output=2 >100 input=3","cost_usd":"0.000479"}],"#,
            r#""first_byte_ms":12,"first_token_ms":13,"duration_ms":1500,"client_request_id":"theirs","#,
            r#""upstream_request_id":"req_1","tags":{"team":"search","a\nb":"ü"}}"#,
        );
        assert_eq!(line(&full()), expected);
    }

    #[test]
    fn what_is_not_known_is_null_and_what_is_not_there_is_left_out() {
        let mut receipt = Receipt::new("r", Duration::ZERO, "m");
        receipt.cost = None;
        let line = line(&receipt);
        for part in [
            r#""key":null"#,
            r#""provider":null"#,
            r#""cost_usd":null"#,
            r#""attempts":0"#,
            r#""first_byte_ms":null"#,
            r#""duration_ms":0"#,
            r#""outcome":"refused""#,
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("tries") && !line.contains("tags"));
    }

    #[test]
    fn a_line_is_a_line_whatever_is_in_it() {
        let nasty = "\r\n\0\u{2028}\"}\\";
        let mut receipt = full();
        receipt.model = nasty.into();
        receipt.key = Some(nasty.into());
        receipt.tags = [(nasty.into(), nasty.into())].into();
        let line = line(&receipt);
        assert!(line.bytes().all(|byte| byte >= b' '), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["model"], &read["key"], &read["tags"][nasty]), (&nasty.into(), &nasty.into(), &nasty.into()));
    }

    #[test]
    fn one_try_is_the_line_itself() {
        let mut receipt = full();
        receipt.tries = receipt.tries[..1].into();
        let line = line(&receipt);
        assert!(line.contains(r#""attempts":1"#) && !line.contains("tries"), "{line}");
    }
}
