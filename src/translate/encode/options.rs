//! The fields that are one number or a few words, as far as Claude takes them alike wherever it runs.

use super::check;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::claude;

/// How many strings `stop` may hold.
const MAX_STOPS: usize = 4;

/// How long the answer may be, and what the client calls it; `max_completion_tokens` wins.
pub(crate) fn limit(chat: &ChatRequest) -> Result<Option<(u64, &'static str)>, ApiError> {
    let mut found = None;
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(value) = chat.given(name) {
            found = Some((check::whole(value, name, 1..=u64::MAX)?, name));
        }
    }
    Ok(found)
}

/// `temperature`, `top_p` and `top_k`, as far as the model takes them, as they are to be written.
#[derive(Default)]
pub(crate) struct Sampling<'a> {
    pub(crate) temperature: Option<&'a str>,
    pub(crate) top_p: Option<&'a str>,
    pub(crate) top_k: Option<&'a str>,
}

impl<'a> Sampling<'a> {
    /// Reads them. A model that thinks takes no temperature but 1, no `top_k`, and a `top_p` of 0.95 at the least.
    pub(crate) fn read(
        chat: &'a ChatRequest,
        sampling: claude::Sampling,
        thinks: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let set = |name, max| match chat.given(name) {
            Some(value) => check::number(value, name, 0.0..=max).map(|number| Some((value, number))),
            None => Ok(None),
        };
        let (temperature, top_p) = (set("temperature", 2.0)?, set("top_p", 1.0)?);
        let fixed = sampling == claude::Sampling::Fixed;
        let mut taken = Self::default();
        if let Some((value, number)) = temperature {
            if fixed || thinks {
                if number != 1.0 {
                    dropped.push("temperature");
                }
            } else {
                taken.temperature = Some(if number > 1.0 { "1" } else { value.text() });
                if number > 1.0 {
                    dropped.push("temperature");
                }
            }
        }
        if let Some((value, number)) = top_p {
            let excluded = sampling == claude::Sampling::One && taken.temperature.is_some();
            if fixed || excluded || thinks && number < 0.95 {
                if number != 1.0 {
                    dropped.push("top_p");
                }
            } else {
                taken.top_p = Some(value.text());
            }
        }
        if let Some(value) = chat.given("top_k") {
            if fixed || thinks {
                dropped.push("top_k");
            } else {
                taken.top_k = Some(value.text());
            }
        }
        Ok(taken)
    }
}

/// The strings of `stop`, without empty ones. Claude takes none of white space only.
pub(crate) fn stops(stop: Option<Raw<'_>>) -> Result<Vec<Text<'_>>, ApiError> {
    sequences(stop, |text, path| {
        if text.is_blank() && !text.is_empty() {
            let reason = "this model takes no stop sequences of white space only.";
            return Err(ApiError::unsupported_value(path(), reason));
        }
        Ok(())
    })
}

/// The strings of `stop`, without empty ones, where the model takes any.
pub(crate) fn any_stops(stop: Option<Raw<'_>>) -> Result<Vec<Text<'_>>, ApiError> {
    sequences(stop, |_, _| Ok(()))
}

/// The strings of `stop`, each checked with its place in the request.
fn sequences<'a>(
    stop: Option<Raw<'a>>,
    check: impl Fn(Text<'a>, &dyn Fn() -> String) -> Result<(), ApiError>,
) -> Result<Vec<Text<'a>>, ApiError> {
    let Some(stop) = stop else { return Ok(Vec::new()) };
    if stop.elements().count() > MAX_STOPS {
        return Err(ApiError::invalid_value("stop", format!("use at most {MAX_STOPS} strings.")));
    }
    let one = |value: Raw<'a>, path: &dyn Fn() -> String| {
        let text = value.as_text().ok_or_else(|| check::wrong_type(value, path(), "a string"))?;
        check(text, path).map(|()| text)
    };
    let mut sequences = Vec::with_capacity(MAX_STOPS);
    if stop.kind() == Kind::String {
        sequences.push(one(stop, &|| "stop".into())?);
    }
    for (at, value) in stop.elements().enumerate() {
        sequences.push(one(value, &|| format!("stop[{at}]"))?);
    }
    sequences.retain(|text: &Text<'_>| !text.is_empty());
    Ok(sequences)
}
