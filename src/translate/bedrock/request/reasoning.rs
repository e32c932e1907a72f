//! `reasoning_effort`, in the way of the model's family, and everything else in `additionalModelRequestFields`.

use super::options::Limit;
use crate::chat::ChatRequest;
use crate::error::ApiError;
use crate::json::{Kind, Raw, Text};
use crate::translate::Dropped;
use crate::translate::capability::bedrock::{Capabilities, Reasoning};
use crate::translate::encode::tools::Tools;
use crate::translate::encode::{Body, Plan as Claude, check};

/// How the model reasons about this request.
#[derive(Clone, Copy)]
pub(super) enum Plan {
    /// Nothing is said about it.
    Silent,
    /// As Claude; with a budget, the limit that it needs.
    Claude(Claude, u64),
    Nova(&'static str),
    Effort(&'static str),
    Nested(&'static str),
}

impl Plan {
    pub(super) fn make(
        chat: &ChatRequest,
        capabilities: &Capabilities,
        limit: &Limit,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let effort = chat.given("reasoning_effort");
        if let Some(claude) = capabilities.as_claude() {
            let limit = limit.with_budget(claude.max_output);
            let plan = Claude::make(effort, chat.given("thinking"), claude, limit, dropped)?;
            return Ok(Self::Claude(plan, limit.0));
        }
        let names = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let Some(effort) = effort else { return Ok(Self::Silent) };
        let effort = check::word(effort, "reasoning_effort", &names)?;
        Ok(match capabilities.reasoning {
            Reasoning::None | Reasoning::Claude(_) if effort == "none" => Self::Silent,
            Reasoning::None | Reasoning::Claude(_) => {
                return Err(ApiError::unsupported_parameter("reasoning_effort"));
            }
            // Nova reasons only if it is asked to.
            Reasoning::Nova if effort == "none" => Self::Silent,
            Reasoning::Nova => Self::Nova(of_three(effort, dropped)),
            Reasoning::Effort => Self::Effort(of_three(effort, dropped)),
            Reasoning::Nested => Self::Nested(effort),
        })
    }

    /// See [`Claude::resume`].
    pub(super) fn resume(self, resumes_unsigned: bool, dropped: &mut Dropped) -> Self {
        match self {
            Self::Claude(plan, limit) => Self::Claude(plan.resume(resumes_unsigned, dropped), limit),
            plan => plan,
        }
    }

    /// Whether Claude thinks about it, which fixes how it samples.
    pub(super) fn thinks(self) -> bool {
        matches!(self, Self::Claude(plan, _) if plan.thinks())
    }

    /// The limit that must be said even if the client names none.
    pub(super) fn needs_limit(self) -> Option<u64> {
        match self {
            Self::Claude(Claude::Budget(_), limit) => Some(limit),
            _ => None,
        }
    }

    /// See [`Claude::check_forced`].
    pub(super) fn check_forced(self, tools: &Tools<'_>) -> Result<(), ApiError> {
        if let Self::Claude(plan, _) = self { plan.check_forced(tools) } else { Ok(()) }
    }

    /// Writes `additionalModelRequestFields`: what Converse has no word for, and what the client says of its own.
    pub(super) fn write(
        self,
        body: &mut Body,
        thinking: Option<Raw<'_>>,
        tool_choice: Option<&str>,
        top_k: Option<&str>,
        forwarded: &[(Text<'_>, Raw<'_>)],
        dropped: &mut Dropped,
    ) {
        let mut extra = Extra { body, names: Vec::new() };
        if let Some(thinking) = thinking {
            extra.field("thinking").put(thinking.text());
        }
        let config = forwarded.iter().find(|(name, _)| name.eq_str("output_config")).map(|(_, config)| *config);
        match self {
            Self::Silent => {}
            Self::Claude(plan, _) => {
                if let Some(thinking) = plan.thinking().filter(|_| thinking.is_none()) {
                    extra.field("thinking").put(&thinking);
                }
                if let Some(effort) = plan.effort() {
                    write_config(extra.field("output_config"), effort, config);
                }
            }
            Self::Nova(effort) => {
                let body = extra.field("reasoningConfig");
                body.put(r#"{"type":"enabled","maxReasoningEffort":"#);
                body.string(effort);
                body.put("}");
            }
            Self::Effort(effort) => extra.field("reasoning_effort").string(effort),
            Self::Nested(effort) => {
                let body = extra.field("reasoning");
                body.put(r#"{"effort":"#);
                body.string(effort);
                body.put("}");
            }
        }
        if let Some(tool_choice) = tool_choice {
            extra.field("tool_choice").put(tool_choice);
        }
        if let Some(top_k) = top_k {
            extra.field("top_k").put(top_k);
        }
        for (name, value) in forwarded {
            extra.forward(*name, *value, dropped);
        }
        extra.finish();
    }
}

/// The effort of a model that knows three; whatever is nearest, and reported.
fn of_three(effort: &'static str, dropped: &mut Dropped) -> &'static str {
    let known = match effort {
        "none" | "minimal" => "low",
        "xhigh" | "max" => "high",
        known => return known,
    };
    dropped.push("reasoning_effort");
    known
}

/// `output_config` with an effort; what the client says there itself wins.
fn write_config(body: &mut Body, effort: &str, client: Option<Raw<'_>>) {
    body.put("{");
    let client = client.filter(|client| client.kind() == Kind::Object);
    for (name, value) in client.into_iter().flat_map(Raw::fields) {
        body.forward(name, value);
    }
    if client.is_none_or(|client| client.get("effort").is_none()) {
        body.comma();
        body.put(r#""effort":"#);
        body.string(effort);
    }
    body.put("}");
}

/// `additionalModelRequestFields`, which begins with its first field.
struct Extra<'b> {
    body: &'b mut Body,
    names: Vec<&'static str>,
}

impl Extra<'_> {
    fn open(&mut self) {
        if !self.body.has(NAME) {
            self.body.field(NAME).put("{");
        }
    }

    /// A field; its value must follow.
    fn field(&mut self, name: &'static str) -> &mut Body {
        self.open();
        self.names.push(name);
        self.body.comma();
        self.body.put("\"");
        self.body.put(name);
        self.body.put("\":");
        self.body
    }

    /// A field of the client's own, unless there is one of this name.
    fn forward(&mut self, name: Text<'_>, value: Raw<'_>, dropped: &mut Dropped) {
        let known = name.to_str();
        if !self.names.contains(&&*known) {
            self.open();
            self.body.forward(name, value);
        } else if known != "output_config" {
            dropped.push(known.into_owned());
        }
    }

    fn finish(self) {
        if self.body.has(NAME) {
            self.body.put("}");
        }
    }
}

const NAME: &str = "additionalModelRequestFields";
