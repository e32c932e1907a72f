//! How Claude thinks about a request: `reasoning_effort` into `thinking` and `output_config.effort`.

use std::borrow::Cow;

use super::check;
use super::tools::Tools;
use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::capability::claude::{Capabilities, Effort, Thinking};

/// The smallest budget that Anthropic takes.
const MIN_BUDGET: u64 = 1024;

/// OpenAI's efforts, with Anthropic's, and the budgets that stand for them on older models (LiteLLM's numbers).
const EFFORTS: [(&str, &str, u64); 6] = [
    ("minimal", "low", 1024),
    ("low", "low", 1024),
    ("medium", "medium", 2048),
    ("high", "high", 4096),
    ("xhigh", "xhigh", 8192),
    ("max", "max", 16384),
];

/// How the model thinks about this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing is said about it.
    Silent,
    /// The client says it itself, in Anthropic's words; whether it wants thinking.
    Client { thinks: bool },
    /// `enabled`, with this budget.
    Budget(u64),
    /// `adaptive`, with this effort.
    Adaptive(&'static str),
}

impl Plan {
    /// Decides by `reasoning_effort`; the client's own `thinking` wins over it. `limit` is `max_tokens`, which counts
    /// the thinking too, and its name in the request.
    pub(crate) fn make(
        effort: Option<Raw<'_>>,
        thinking: Option<Raw<'_>>,
        capabilities: &Capabilities,
        limit: (u64, &'static str),
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let names = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let effort = effort.map(|effort| check::word(effort, "reasoning_effort", &names)).transpose()?;
        if let Some(thinking) = thinking {
            if effort.is_some() {
                dropped.push("reasoning_effort");
            }
            let kind = thinking.get("type").and_then(Raw::as_str);
            return Ok(Self::Client { thinks: matches!(kind.as_deref(), Some("enabled" | "adaptive")) });
        }
        let always = capabilities.thinking == Thinking::Always;
        let unsupported = |reason| Err(ApiError::unsupported_value("reasoning_effort", reason));
        let Some(effort) = effort else { return Ok(Self::Silent) };
        let Some(&(_, level, budget)) = EFFORTS.iter().find(|(name, ..)| *name == effort) else {
            return if always { unsupported("this model always thinks; use 'low'.") } else { Ok(Self::Silent) };
        };
        match capabilities.thinking {
            Thinking::None => Err(ApiError::unsupported_parameter("reasoning_effort")),
            Thinking::Budget => {
                let (limit, name) = limit;
                if limit <= MIN_BUDGET {
                    let reason = format!("with 'reasoning_effort' this model needs more than {MIN_BUDGET} tokens.");
                    return Err(ApiError::unsupported_value(name, reason));
                }
                Ok(Self::Budget(budget.min(limit - 1)))
            }
            Thinking::Adaptive | Thinking::Always => {
                let knows = match capabilities.effort {
                    Effort::None => false,
                    Effort::Four => level != "xhigh",
                    Effort::Five => true,
                };
                if knows { Ok(Self::Adaptive(level)) } else { unsupported("this model knows no such effort.") }
            }
        }
    }

    /// With a budget, a model that goes on after tool results must find its signed thinking in the last turn. A client
    /// that has not kept it would get a 400 at every step of a tool loop, so the model does not think there, and that
    /// is reported.
    pub(crate) fn resume(self, resumes_unsigned: bool, dropped: &mut Dropped) -> Self {
        match self {
            Self::Budget(_) if resumes_unsigned => {
                dropped.push("reasoning_effort");
                Self::Silent
            }
            plan => plan,
        }
    }

    /// With a budget, a model that thinks takes no forced tool.
    pub(crate) fn check_forced(self, tools: &Tools<'_>) -> Result<(), ApiError> {
        if !tools.is_forced() || !matches!(self, Self::Budget(_)) {
            return Ok(());
        }
        let reason = "this model cannot be forced to call a tool while it thinks; leave out 'reasoning_effort'.";
        Err(ApiError::unsupported_value("tool_choice", reason))
    }

    /// Whether the request asks for thinking.
    pub(crate) fn thinks(self) -> bool {
        !matches!(self, Self::Silent | Self::Client { thinks: false })
    }

    /// The value of `thinking`, unless the client has written it.
    pub(crate) fn thinking(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Silent | Self::Client { .. } => None,
            Self::Budget(budget) => Some(format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#).into()),
            // Without `display`, the text of the thinking comes back empty.
            Self::Adaptive(_) => Some(r#"{"type":"adaptive","display":"summarized"}"#.into()),
        }
    }

    /// The effort for `output_config`.
    pub(crate) fn effort(self) -> Option<&'static str> {
        if let Self::Adaptive(effort) = self { Some(effort) } else { None }
    }
}
