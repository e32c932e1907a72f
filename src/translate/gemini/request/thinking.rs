//! `reasoning_effort` as `generationConfig.thinkingConfig`.

use crate::error::ApiError;
use crate::json::Raw;
use crate::translate::Dropped;
use crate::translate::capability::gemini::Thinking;
use crate::translate::encode::check;

/// The smallest budget of a model that always thinks.
const MIN_BUDGET: u64 = 128;

/// OpenAI's efforts, and the budgets and levels that stand for them: those of
/// [Google's own OpenAI endpoint](https://ai.google.dev/gemini-api/docs/openai#thinking). `xhigh` and `max` become the most
/// that there is, and are reported.
const EFFORTS: [(&str, u64, Level); 6] = [
    ("minimal", 1024, Level::Minimal),
    ("low", 1024, Level::Low),
    ("medium", 8192, Level::Medium),
    ("high", 24_576, Level::High),
    ("xhigh", 24_576, Level::High),
    ("max", 24_576, Level::High),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Minimal,
    Low,
    Medium,
    High,
}

/// How the model thinks about this request.
#[derive(Clone, Copy)]
pub(super) enum Plan {
    /// Nothing is said about it.
    Silent,
    Budget {
        tokens: u64,
        thoughts: bool,
    },
    Level {
        level: Level,
        thoughts: bool,
    },
}

impl Plan {
    /// Decides by `reasoning_effort`. `thoughts` is whether to ask for their summaries.
    pub(super) fn make(
        effort: Option<Raw<'_>>,
        thinking: Thinking,
        thoughts: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, ApiError> {
        let names = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let Some(effort) = effort else { return Ok(Self::Silent) };
        let effort = check::word(effort, "reasoning_effort", &names)?;
        let Some(&(_, tokens, level)) = EFFORTS.iter().find(|(name, ..)| *name == effort) else {
            return Ok(Self::off(thinking, dropped));
        };
        if matches!(effort, "xhigh" | "max") && thinking != Thinking::None {
            dropped.push("reasoning_effort");
        }
        Ok(match thinking {
            Thinking::None => return Err(ApiError::unsupported_parameter("reasoning_effort")),
            Thinking::Budget | Thinking::BudgetAlways => Self::Budget { tokens, thoughts },
            Thinking::TwoLevels | Thinking::ThreeLevels | Thinking::FourLevels => {
                let nearest = nearest(level, thinking);
                if nearest != level {
                    dropped.push("reasoning_effort");
                }
                Self::Level { level: nearest, thoughts }
            }
        })
    }

    /// As little as there is. A model that cannot but think is reported.
    fn off(thinking: Thinking, dropped: &mut Dropped) -> Self {
        let thoughts = false;
        match thinking {
            Thinking::None => Self::Silent,
            Thinking::Budget => Self::Budget { tokens: 0, thoughts },
            Thinking::BudgetAlways => {
                dropped.push("reasoning_effort");
                Self::Budget { tokens: MIN_BUDGET, thoughts }
            }
            Thinking::TwoLevels | Thinking::ThreeLevels | Thinking::FourLevels => {
                dropped.push("reasoning_effort");
                Self::Level { level: nearest(Level::Minimal, thinking), thoughts }
            }
        }
    }

    /// The value of `thinkingConfig`. Level and budget never stand together, which Gemini refuses.
    pub(super) fn config(self) -> Option<String> {
        let (said, thoughts) = match self {
            Self::Silent => return None,
            Self::Budget { tokens, thoughts } => (format!(r#""thinkingBudget":{tokens}"#), thoughts),
            Self::Level { level, thoughts } => (format!(r#""thinkingLevel":"{}""#, level.word()), thoughts),
        };
        let thoughts = if thoughts { r#","includeThoughts":true"# } else { "" };
        Some(format!("{{{said}{thoughts}}}"))
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

/// The level itself if the model has it, and otherwise the next one above: an answer that was thought about too much is
/// better than one that was thought about too little.
fn nearest(level: Level, thinking: Thinking) -> Level {
    match (level, thinking) {
        (Level::Minimal, Thinking::TwoLevels | Thinking::ThreeLevels) => Level::Low,
        (Level::Medium, Thinking::TwoLevels) => Level::High,
        (level, _) => level,
    }
}
