//! What only the request knows, and the reader of its answer must.

/// What the reader of an answer is told by the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Primed {
    /// The names of `custom` tools: they travel as functions whose one property `input` is the text.
    pub(crate) custom_tools: Vec<String>,
    /// The tool that stands for `response_format`, where the model knows no schemas: its input is the answer's text.
    pub(crate) structured_tool: Option<String>,
}
