//! What a request used, counted in another way: from the text that its client got, and from the provider's own words.

use serde_json::Value;
use tower_completions::UsageSource;

use super::golden::Golden;
use super::support::events;

/// Prompt and completion tokens, as the provider said them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) written: u64,
    pub(crate) completion: u64,
}

/// The last figure in the first bytes of a provider's stream. `ended` says whether nothing more can follow.
pub(crate) fn said(golden: &Golden, bytes: &[u8], ended: bool) -> Option<Said> {
    let mut said = None;
    for event in provider_events(golden, bytes, ended) {
        match golden.folder.as_str() {
            "anthropic" | "anthropic_streams" => {
                if event["type"] == "error" {
                    break;
                }
                let usage = if event["type"] == "message_start" { &event["message"]["usage"] } else { &event["usage"] };
                if usage.is_object() {
                    let said = said.get_or_insert_with(AnthropicSaid::default);
                    said.add(usage);
                }
            }
            "gemini" => said = gemini(&event["usageMetadata"]).or(said),
            "bedrock" => said = bedrock(&event["usage"]).or(said),
            _ => {
                let usages = [&event["usage"], &event["x_groq"]["usage"], &event["choices"][0]["usage"]];
                // An error inside an event is the end, and what else is in it does not count.
                if event["error"].is_object() {
                    break;
                }
                said = usages.into_iter().find_map(openai).or(said);
            }
        }
    }
    said.map(|said| said.0)
}

/// One figure, as its dialect adds it up.
#[derive(Clone, Copy, Debug, Default)]
struct AnthropicSaid(Said, [u64; 3]);

impl AnthropicSaid {
    /// Each field that is there takes the place of the one before.
    fn add(&mut self, usage: &Value) {
        if let Some(rounds) = usage["iterations"].as_array() {
            let sum = |name: &str| rounds.iter().filter_map(|round| round[name].as_u64()).sum::<u64>();
            self.1[0] = sum("input_tokens");
            self.0.completion = sum("output_tokens");
            let [input, cached, written] = self.1;
            self.0.prompt = input + cached + written;
            return;
        }
        let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
        for (field, name) in self.1.iter_mut().zip(names) {
            *field = usage[name].as_u64().unwrap_or(*field);
        }
        self.0.completion = usage["output_tokens"].as_u64().unwrap_or(self.0.completion);
        let [input, cached, written] = self.1;
        self.0 = Said { prompt: input + cached + written, cached, written, ..self.0 };
    }
}

fn whole(said: Said) -> AnthropicSaid {
    AnthropicSaid(said, [0; 3])
}

fn openai(usage: &Value) -> Option<AnthropicSaid> {
    let (prompt, completion) = (usage["prompt_tokens"].as_u64()?, usage["completion_tokens"].as_u64().unwrap_or(0));
    let details = usage["prompt_tokens_details"]["cached_tokens"].as_u64();
    let cached = details.or(usage["prompt_cache_hit_tokens"].as_u64()).or(usage["cached_tokens"].as_u64()).unwrap_or(0);
    Some(whole(Said { prompt, cached, written: 0, completion }))
}

fn gemini(usage: &Value) -> Option<AnthropicSaid> {
    let prompt = usage["promptTokenCount"].as_u64()?;
    let completion = usage["totalTokenCount"].as_u64()?.saturating_sub(prompt);
    let cached = usage["cachedContentTokenCount"].as_u64().unwrap_or(0);
    Some(whole(Said { prompt, cached, written: 0, completion }))
}

fn bedrock(usage: &Value) -> Option<AnthropicSaid> {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (cached, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
    let prompt = usage["inputTokens"].as_u64()? + cached + written;
    Some(whole(Said { prompt, cached, written, completion: count("outputTokens") }))
}

/// The events of which the last byte is there.
fn provider_events(golden: &Golden, bytes: &[u8], ended: bool) -> Vec<Value> {
    if !golden.twins.is_empty() {
        return binary_events(golden, bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    let whole = match text.rfind("\n\n") {
        // What follows the last blank line counts if nothing can be added to it.
        _ if ended => &text[..],
        Some(end) => &text[..end + 2],
        None => "",
    };
    let data = events(whole).into_iter().take_while(|data| data != "[DONE]");
    data.filter_map(|data| serde_json::from_str(&data).ok()).collect()
}

fn binary_events(golden: &Golden, bytes: &[u8]) -> Vec<Value> {
    let (mut at, mut found) = (0, Vec::new());
    for twin in &golden.twins {
        let Some(length) = bytes.get(at..at + 4) else { break };
        at += u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if at > bytes.len() {
            break;
        }
        let twin: Value = serde_json::from_str(twin).unwrap();
        found.push(twin["payload"].clone());
    }
    found
}

/// What a client got of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    /// Bytes of text, reasoning and tools.
    pub(crate) text: u64,
    pub(crate) is_done: bool,
    /// The code of the error.
    pub(crate) error: Option<String>,
}

impl Got {
    pub(crate) fn read(stream: &str) -> Self {
        let mut got = Self::default();
        for data in events(stream) {
            if data == "[DONE]" {
                got.is_done = true;
                break;
            }
            let event: Value = serde_json::from_str(&data).unwrap();
            if event["error"].is_object() {
                got.error = Some(event["error"]["code"].as_str().unwrap_or("").to_owned());
                break;
            }
            let choices = event["choices"].as_array().cloned().unwrap_or_default();
            got.text += choices.iter().map(|choice| text_of(&choice["delta"])).sum::<u64>();
        }
        got
    }

    /// The tokens that have to be in the ledger, and where they come from.
    pub(crate) fn tokens(&self, said: Option<Said>, prompt: u64) -> (u64, u64, UsageSource) {
        let text = self.text.div_ceil(4);
        match said {
            Some(said) if self.is_done => (said.prompt, said.completion, UsageSource::Reported),
            Some(said) => (said.prompt, said.completion.max(text), UsageSource::Partial),
            None if self.error.is_some() && text == 0 => (0, 0, UsageSource::None),
            None => (prompt, text, UsageSource::Estimated),
        }
    }
}

fn text_of(delta: &Value) -> u64 {
    let len = |value: &Value| value.as_str().map_or(0, str::len) as u64;
    let plain = ["content", "refusal", "reasoning_content", "reasoning"].into_iter().map(|name| len(&delta[name]));
    let tools = delta["tool_calls"].as_array().cloned().unwrap_or_default();
    let tools = tools.iter().map(|call| {
        let parts = [&call["function"]["name"], &call["function"]["arguments"], &call["custom"]["name"]];
        parts.into_iter().map(len).sum::<u64>() + len(&call["custom"]["input"])
    });
    plain.sum::<u64>() + tools.sum::<u64>()
}
