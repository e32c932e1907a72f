//! What each fuzz target holds against any input. The targets themselves are one line each, in `fuzz_targets`; here is what
//! can be run without a fuzzer, too: `cargo test` replays the kept corpus, `cargo run --release --example pump` looks for
//! inputs that cost more than their length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a broken promise is a crash")]

mod chat;
mod encode;
mod gateway_file;
mod input;
mod requests;
mod sse;
mod tap;
mod translate;
mod work;

pub use chat::chat;
pub use encode::encode;
pub use gateway_file::gateway_file;
pub use input::Input;
pub use sse::sse;
pub use tap::tap;
pub use translate::{anthropic, bedrock, bedrock_frames, gemini, openai};
pub use work::WORK;

/// A target: its name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("sse", sse),
    ("tap", tap),
    ("chat", chat),
    ("encode", encode),
    ("openai", openai),
    ("anthropic", anthropic),
    ("gemini", gemini),
    ("bedrock", bedrock),
    ("bedrock_frames", bedrock_frames),
    ("gateway_file", gateway_file),
];

/// The provider's key: no error may show it.
const KEY: &str = "sk-upstream-planted";
