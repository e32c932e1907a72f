//! What models take, as data: it changes monthly, and code must not.
//!
//! One file for each family of models, whoever serves them: Claude has the same rules at Anthropic and on Bedrock.

#[cfg(feature = "bedrock")]
pub(in crate::translate) mod bedrock;
pub(in crate::translate) mod claude;
pub(in crate::translate) mod gemini;
