//! Answers of each provider: whole, streamed, cut anywhere, and with an error status.

#[allow(dead_code, reason = "each dialect uses a part")]
#[path = "../../../src/translate/decode/fold.rs"]
mod fold;

mod anthropic;
mod bedrock;
mod check;
mod frames;
mod gemini;
mod openai;
mod seen;
mod told;

pub use anthropic::anthropic;
pub use bedrock::bedrock;
pub use frames::bedrock_frames;
pub use gemini::gemini;
pub use openai::openai;

pub(crate) use bedrock::framed;
pub(crate) use seen::Seen;
pub(crate) use told::{Copied, streamed, whole};
