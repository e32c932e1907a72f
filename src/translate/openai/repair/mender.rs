//! Chunks and whole answers.

use super::again::Again;
use super::choice::{Choice, Form};
use super::finish::Failure;
use super::usage;
use crate::error::ApiError;
use crate::json::{Found, Kind, Raw, Template, Text, write_str};
use crate::translate::openai::repairs::Repairs;

/// Writes the chunks of one answer, or all of it, as OpenAI would.
#[derive(Clone, Debug)]
pub(in crate::translate::openai) struct Mender {
    repairs: Repairs,
    show_usage: bool,
    /// What the client called the model.
    asked: String,
    /// `"id":…,"object":…,"created":…,"model":…` of the first chunk that has them, for those that do not.
    head: Option<Head>,
    /// The choices whose role has been told, one bit for each.
    roles: u128,
    /// Azure's results of the prompt, which came before any choice.
    filter_results: Option<Vec<u8>>,
    /// The usage that was told last.
    usage: Option<Vec<u8>>,
    /// What becomes of the chunk that was learned last.
    again: Again,
    /// What the server has said in place of an answer.
    failure: Option<Failure>,
}

/// What all chunks of an answer have in common, as JSON.
#[derive(Clone, Debug)]
struct Head {
    id: Vec<u8>,
    created: Vec<u8>,
    model: Vec<u8>,
}

impl Mender {
    pub(in crate::translate::openai) fn new(repairs: Repairs, show_usage: bool, asked: &str) -> Self {
        Self {
            repairs,
            show_usage,
            asked: asked.to_owned(),
            head: None,
            roles: 0,
            filter_results: None,
            usage: None,
            again: Again::default(),
            failure: None,
        }
    }

    /// The chunk that was mended last is likely to come again, with another text. To see what becomes of it then, it is
    /// mended once more, which changes nothing here: what there was to note of it has been noted.
    pub(in crate::translate::openai) fn learn(&mut self, template: &Template) {
        let mut mended = Vec::new();
        if let Some(marked) = Again::marked(template)
            && let Ok(chunk) = Raw::from_bytes(&marked)
        {
            self.chunk(chunk, &mut mended);
        }
        self.again = Again::cut(&mended);
    }

    /// Appends the event for the chunk that was learned last, with another text; false if it has to be mended anew.
    pub(in crate::translate::openai) fn again(&self, found: &Found<'_>, out: &mut Vec<u8>) -> bool {
        self.again.write(found, out)
    }

    /// Appends the event for a chunk; nothing, where there is nothing in it for a client.
    pub(in crate::translate::openai) fn chunk(&mut self, chunk: Raw<'_>, out: &mut Vec<u8>) {
        let choices = chunk.get("choices").filter(|choices| choices.kind() == Kind::Array);
        let is_empty = choices.is_none_or(|choices| choices.elements().next().is_none());
        self.note_head(chunk);
        let told = self.note_usage(chunk);
        if is_empty && self.repairs.usage && told {
            return;
        }
        if is_empty && self.repairs.azure && !told {
            let results = chunk.get("prompt_filter_results").map(|results| results.text().as_bytes().to_vec());
            self.filter_results = results.or(self.filter_results.take());
            return;
        }
        let start = out.len();
        out.extend_from_slice(b"data: ");
        let says = self.object(chunk, Form::Delta, out);
        out.extend_from_slice(b"\n\n");
        if !says && self.repairs.null_deltas {
            out.truncate(start);
        }
    }

    /// The error, if the server has said that the answer is none. Of one that was starved the text counts, if there is any.
    pub(in crate::translate::openai) fn failure(&self, has_text: bool) -> Option<ApiError> {
        match self.failure? {
            Failure::Failed => {
                Some(ApiError::upstream_error("The upstream provider failed in the middle of its answer."))
            }
            Failure::Starved if has_text => None,
            Failure::Starved => Some(ApiError::overloaded("The upstream provider is overloaded.")),
        }
    }

    /// Appends what comes before `[DONE]`: the usage, if the client asked for it and no chunk of its own has told it.
    pub(in crate::translate::openai) fn end(&mut self, out: &mut Vec<u8>) {
        let Some(usage) = self.usage.take().filter(|_| self.show_usage && self.repairs.usage) else { return };
        out.extend_from_slice(b"data: {");
        if let Some(Head { id, created, model }) = &self.head {
            for (name, value) in [("id", id), ("created", created), ("model", model)] {
                member(out, name, value);
            }
        }
        member(out, "object", br#""chat.completion.chunk""#);
        member(out, "choices", b"[]");
        member(out, "usage", &usage);
        out.extend_from_slice(b"}\n\n");
    }

    /// A whole answer.
    pub(in crate::translate::openai) fn whole(&mut self, answer: Raw<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(answer.text().len() + 64);
        self.note_usage(answer);
        self.object(answer, Form::Message, &mut out);
        out
    }

    /// Writes a chunk or an answer. Whether there is anything in it that a client would miss.
    fn object(&mut self, object: Raw<'_>, form: Form, out: &mut Vec<u8>) -> bool {
        let mut says = false;
        let mut has_object = false;
        out.push(b'{');
        for (key, value) in object.fields() {
            match &*key.to_str() {
                "choices" if value.kind() == Kind::Array => {
                    member(out, "choices", b"[");
                    says |= self.choices(value, form, out);
                    out.push(b']');
                }
                "usage" if form == Form::Delta && self.repairs.usage => {}
                "usage" if form == Form::Message => match self.usage.take() {
                    Some(usage) => member(out, "usage", &usage),
                    None => raw_member(out, key, value),
                },
                "service_tier" if self.repairs.service_tiers => {
                    let known = ["auto", "default", "flex", "scale", "priority"];
                    let is_known = value.as_text().is_none_or(|tier| known.iter().any(|known| tier.eq_str(known)));
                    member(out, "service_tier", if is_known { value.text().as_bytes() } else { br#""default""# });
                }
                "model" if self.repairs.model_name => {
                    member(out, "model", b"");
                    write_str(out, &self.asked);
                }
                name @ ("id" | "created" | "model" | "object") => {
                    has_object |= name == "object";
                    match self.filled(name, value) {
                        Some(known) => member(out, name, &known),
                        None => raw_member(out, key, value),
                    }
                }
                _ => raw_member(out, key, value),
            }
        }
        if !has_object {
            let name: &[u8] = if form == Form::Delta { br#""chat.completion.chunk""# } else { br#""chat.completion""# };
            member(out, "object", name);
        }
        if let Some(results) = self.filter_results.take() {
            member(out, "prompt_filter_results", &results);
        }
        out.push(b'}');
        says
    }

    fn choices(&mut self, choices: Raw<'_>, form: Form, out: &mut Vec<u8>) -> bool {
        let mut says = false;
        for (at, choice) in (0..).zip(choices.elements()) {
            if at > 0 {
                out.push(b',');
            }
            if choice.kind() != Kind::Object {
                out.extend_from_slice(choice.text().as_bytes());
                continue;
            }
            let index = choice.get("index").and_then(Raw::as_u64).unwrap_or(at);
            let bit = u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or(0);
            let has_role = self.roles & bit != 0;
            let mut written =
                Choice { out: &mut *out, repairs: self.repairs, form, has_role, says: false, failure: None };
            written.write(choice, at);
            says |= written.says;
            self.failure = written.failure.or(self.failure);
            if written.has_role {
                self.roles |= bit;
            }
        }
        says
    }

    /// What a chunk of Azure's lacks: its first one, and those of the filter, have neither id nor model.
    fn filled(&self, name: &str, value: Raw<'_>) -> Option<Vec<u8>> {
        let is_empty = value.as_text().is_some_and(Text::is_empty) || value.as_u64() == Some(0);
        let head = self.head.as_ref().filter(|_| self.repairs.azure && is_empty)?;
        Some(match name {
            "id" => head.id.clone(),
            "created" => head.created.clone(),
            "model" => head.model.clone(),
            _ => br#""chat.completion.chunk""#.to_vec(),
        })
    }

    fn note_head(&mut self, chunk: Raw<'_>) {
        if self.head.is_some() || chunk.get("id").and_then(Raw::as_text).is_none_or(Text::is_empty) {
            return;
        }
        let json = |name: &str, none: &str| chunk.get(name).map_or(none, Raw::text).as_bytes().to_vec();
        let mut head = Head { id: json("id", "\"\""), created: json("created", "0"), model: json("model", "\"\"") };
        if self.repairs.model_name {
            head.model.clear();
            write_str(&mut head.model, &self.asked);
        }
        self.head = Some(head);
    }

    /// Notes the usage, wherever the server puts it. Whether there is any.
    fn note_usage(&mut self, chunk: Raw<'_>) -> bool {
        let in_choices =
            chunk.get("choices").into_iter().flat_map(Raw::elements).filter_map(|choice| choice.get("usage"));
        let groq = chunk.get("x_groq").and_then(|groq| groq.get("usage"));
        let all = chunk.get("usage").into_iter().chain(groq).chain(in_choices);
        let found = all.filter_map(|usage| usage::shown(usage, self.repairs.reasoning_outside)).next();
        let told = found.is_some();
        self.usage = found.or(self.usage.take());
        told
    }
}

fn member(out: &mut Vec<u8>, name: &str, json: &[u8]) {
    comma(out);
    write_str(out, name);
    out.push(b':');
    out.extend_from_slice(json);
}

fn raw_member(out: &mut Vec<u8>, key: Text<'_>, value: Raw<'_>) {
    comma(out);
    key.write_quoted(out);
    out.push(b':');
    out.extend_from_slice(value.text().as_bytes());
}

fn comma(out: &mut Vec<u8>) {
    if !out.ends_with(b"{") {
        out.push(b',');
    }
}
