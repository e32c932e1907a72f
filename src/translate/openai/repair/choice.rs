//! A choice of a chunk or of a whole answer.

use super::finish::{Failure, mapped};
use crate::json::{Kind, Raw, Text, write_str, write_u64};
use crate::translate::openai::repairs::Repairs;

/// What stands in a choice: its `delta` or its `message`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Delta,
    Message,
}

/// A choice that is being written anew.
pub(super) struct Choice<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) repairs: Repairs,
    pub(super) form: Form,
    /// Whether the role has been told.
    pub(super) has_role: bool,
    /// Whether there is anything in it that a client would miss.
    pub(super) says: bool,
    /// Whether the server says that the answer is none.
    pub(super) failure: Option<Failure>,
}

impl Choice<'_> {
    /// Writes the choice, without usage, which has a place of its own.
    pub(super) fn write(&mut self, choice: Raw<'_>, at: u64) {
        let name = if self.form == Form::Delta { "delta" } else { "message" };
        let (mut has_index, mut has_inner, mut has_finish) = (false, false, false);
        self.out.push(b'{');
        for (key, value) in choice.fields() {
            match &*key.to_str() {
                inner if inner == name && value.kind() == Kind::Object => {
                    has_inner = true;
                    self.key(name);
                    self.inner(value);
                }
                // Perplexity repeats the whole message in every chunk.
                inner if inner == name || (inner == "message" && self.form == Form::Delta) => {}
                "usage" if self.repairs.usage => {}
                "finish_reason" => {
                    has_finish = true;
                    self.finish(value, choice);
                }
                "index" => {
                    has_index = true;
                    self.member(key, value);
                }
                "logprobs" => self.member(key, value),
                _ => {
                    self.says = true;
                    self.member(key, value);
                }
            }
        }
        if !has_index {
            self.key("index");
            write_u64(self.out, at);
        }
        if !has_inner && self.form == Form::Delta {
            self.key(name);
            self.put("{}");
        }
        if !has_finish {
            self.key("finish_reason");
            self.put("null");
        }
        self.out.push(b'}');
    }

    fn finish(&mut self, value: Raw<'_>, choice: Raw<'_>) {
        let word = value.as_str();
        if !self.repairs.finish_reasons || word.is_none() {
            self.says |= word.is_some();
            self.key("finish_reason");
            return self.put(value.text());
        }
        let word = word.unwrap_or_default();
        self.failure = Failure::of(&word);
        self.key("finish_reason");
        match mapped(&word) {
            None if self.form == Form::Delta => self.put("null"),
            // xAI: the answer is all there, and says how it ended by what is in it.
            None => {
                let calls = choice.get("message").and_then(|message| message.get("tool_calls"));
                let is_call = calls.is_some_and(|calls| calls.elements().next().is_some());
                write_str(self.out, if is_call { "tool_calls" } else { "stop" });
            }
            Some((reason, is_native)) => {
                self.says = true;
                write_str(self.out, reason);
                if is_native {
                    self.key("native_finish_reason");
                    write_str(self.out, &word);
                }
            }
        }
    }

    /// The delta, or the message.
    fn inner(&mut self, inner: Raw<'_>) {
        self.out.push(b'{');
        let is_first = self.form == Form::Delta && self.repairs.null_deltas && !self.has_role;
        if is_first {
            self.has_role = true;
            self.says = true;
            self.put(r#""role":"assistant""#);
        }
        let (mut has_content, mut has_key) = (false, false);
        let tells_reasoning = |inner: Raw<'_>| inner.get("reasoning_content").is_some_and(|text| !text.is_null());
        for (key, value) in inner.fields() {
            let name = key.to_str();
            has_key |= name == "content";
            match &*name {
                "role" if is_first => {}
                "role" if self.form == Form::Delta && self.repairs.null_deltas => {}
                "content" | "refusal" if value.is_null() && self.form == Form::Message => self.member(key, value),
                _ if value.is_null() && self.repairs.null_deltas => {}
                "content" if value.kind() == Kind::Array && self.repairs.content_parts => {
                    has_content = true;
                    self.parts(value);
                }
                "tool_calls" if self.repairs.null_deltas && value.kind() == Kind::Array => self.calls(value),
                "reasoning" if self.repairs.mirror_reasoning && !tells_reasoning(inner) => {
                    self.says = true;
                    self.member(key, value);
                    if value.kind() == Kind::String {
                        self.key("reasoning_content");
                        self.put(value.text());
                    }
                }
                _ => {
                    has_content |= name == "content";
                    self.says |= value.as_text().is_none_or(|text| !text.is_empty());
                    self.member(key, value);
                }
            }
        }
        if is_first && !has_content {
            self.key("content");
            self.put("\"\"");
        }
        // Azure's filter may leave nothing of a message.
        if self.form == Form::Message && self.repairs.azure && !has_key {
            self.key("content");
            self.put("null");
        }
        self.out.push(b'}');
    }

    /// `[{"type":"thinking","thinking":[{"type":"text","text":"…"}]},{"type":"text","text":"…"}]`.
    fn parts(&mut self, parts: Raw<'_>) {
        let is =
            |part: Raw<'_>, kind: &str| part.get("type").and_then(Raw::as_text).is_some_and(|text| text.eq_str(kind));
        let texts = parts.elements().filter(|part| is(*part, "text")).filter_map(|part| part.get("text")?.as_text());
        let mut reasoning: Vec<Text<'_>> = Vec::new();
        for thinking in parts.elements().filter(|part| is(*part, "thinking")).filter_map(|part| part.get("thinking")) {
            reasoning.extend(thinking.as_text());
            reasoning.extend(thinking.elements().filter_map(|part| part.get("text")?.as_text()));
        }
        self.joined("content", texts.collect());
        if !reasoning.is_empty() {
            self.joined("reasoning_content", reasoning);
        }
        self.says = true;
    }

    fn joined(&mut self, name: &str, texts: Vec<Text<'_>>) {
        self.key(name);
        self.out.push(b'"');
        for text in texts {
            text.write_escaped(self.out);
        }
        self.out.push(b'"');
    }

    /// Tool calls without `null`, and without the empty names that some servers repeat.
    fn calls(&mut self, calls: Raw<'_>) {
        if calls.elements().next().is_none() {
            return;
        }
        self.says = true;
        self.key("tool_calls");
        self.out.push(b'[');
        for call in calls.elements() {
            self.comma();
            if call.kind() == Kind::Object {
                let has_id = call.get("id").and_then(Raw::as_text).is_some_and(|id| !id.is_empty());
                self.call(call, has_id);
            } else {
                self.put(call.text());
            }
        }
        self.out.push(b']');
    }

    /// A call, or the function in it. What goes on with a call that has begun has no id, and then its type is known too.
    fn call(&mut self, call: Raw<'_>, begins: bool) {
        self.out.push(b'{');
        for (key, value) in call.fields().filter(|(_, value)| !value.is_null()) {
            let is_empty = value.as_text().is_some_and(Text::is_empty) && (key.eq_str("name") || key.eq_str("id"));
            let is_known = key.eq_str("type") && !begins;
            if (key.eq_str("function") || key.eq_str("custom")) && value.kind() == Kind::Object {
                self.comma();
                key.write_quoted(self.out);
                self.out.push(b':');
                self.call(value, begins);
            } else if !is_empty && !is_known {
                self.member(key, value);
            }
        }
        self.out.push(b'}');
    }

    fn member(&mut self, key: Text<'_>, value: Raw<'_>) {
        self.comma();
        key.write_quoted(self.out);
        self.out.push(b':');
        self.put(value.text());
    }

    fn key(&mut self, name: &str) {
        self.comma();
        write_str(self.out, name);
        self.out.push(b':');
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn put(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }
}
