//! The parsed request, which is also the body.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::documented;
use super::index::{self, Index};
use super::message::Message;
use super::patch::Patch;
use super::tool::{Tool, ToolChoice};
use crate::error::{ApiError, BoxError};
use crate::json::{Raw, Text};

/// A chat completion request: the client's own bytes, with an index of their top-level fields.
///
/// It was checked as a whole when it was made: the text is UTF-8 and JSON, at most [`MAX_DEPTH`](crate::json::MAX_DEPTH)
/// deep, no top-level field stands twice, `model` and `messages` are there, and what OpenAI documents has the JSON type
/// that OpenAI documents. Nothing else was looked at, and nothing is lost: unknown fields, the digits of numbers and the
/// order of keys are still those of the client.
///
/// A clone costs reference counts. As an [`http_body::Body`] it yields the bytes, so that every HTTP layer and
/// client can work with it.
///
/// ```
/// use tower_completions::ChatRequest;
///
/// let chat = ChatRequest::from_bytes(r#"{"model": "mini", "messages": [{"role": "user", "content": "Hi"}], "x": 1e400}"#)?;
/// assert_eq!(chat.model(), "mini");
/// assert_eq!(chat.get("x").unwrap().text(), "1e400");
/// assert_eq!(
///     chat.with_model("gpt-4o-mini").to_bytes(),
///     r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "x": 1e400}"#,
/// );
/// # Ok::<(), tower_completions::ApiError>(())
/// ```
#[derive(Clone)]
pub struct ChatRequest {
    index: Arc<Index>,
    model: Option<Arc<str>>,
    unread: bool,
}

impl ChatRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// 400 `invalid_request_error` that names the field at fault.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, ApiError> {
        let index = Arc::new(index::read(bytes.into().into())?);
        Ok(Self { index, model: None, unread: true })
    }

    /// The model that is asked for, or that [`with_model`](Self::with_model) has set since.
    pub fn model(&self) -> &str {
        self.model_id()
    }

    /// The same, for whoever keeps it when the request has gone.
    pub(crate) fn model_id(&self) -> &Arc<str> {
        self.model.as_ref().unwrap_or(&self.index.model)
    }

    /// The same request for another model.
    #[must_use]
    pub fn with_model(&self, model: impl Into<Arc<str>>) -> Self {
        let model = Some(model.into()).filter(|model| **model != *self.index.model);
        Self { model, ..self.clone() }
    }

    /// Whether the answer is to be streamed.
    pub fn stream(&self) -> bool {
        self.index.stream
    }

    /// Whether the client asked for a usage chunk (`stream_options.include_usage`).
    pub fn include_usage(&self) -> bool {
        self.index.include_usage
    }

    /// A top-level field, as the client sent it. `model` is the client's, also after [`with_model`](Self::with_model).
    pub fn get(&self, field: &str) -> Option<Raw<'_>> {
        if self.index.traits & index::trait_of(field) == 0 {
            return None;
        }
        let found = self.index.fields.iter().find(|candidate| candidate.is(self.text(), field))?;
        Some(Raw::checked(&self.text()[found.value()]))
    }

    /// A top-level field that is set: `null` counts as absent, as it does for OpenAI.
    pub fn given(&self, field: &str) -> Option<Raw<'_>> {
        self.get(field).filter(|value| !value.is_null())
    }

    /// All top-level fields in the client's order.
    pub fn fields(&self) -> impl Iterator<Item = (Text<'_>, Raw<'_>)> {
        let text = self.text();
        self.index.fields.iter().map(move |field| (field.name(text), Raw::checked(&text[field.value()])))
    }

    /// The top-level fields that OpenAI does not document, in the client's order.
    pub fn extra(&self) -> impl Iterator<Item = (Text<'_>, Raw<'_>)> {
        self.fields().filter(|(name, _)| !documented::is_documented(&name.to_str()))
    }

    /// The conversation. Each message is read when the iterator comes to it.
    ///
    /// # Errors
    /// Each item is 400 `invalid_request_error` if a field of that message has the wrong JSON type.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = Result<Message<'_>, ApiError>> + ExactSizeIterator {
        let text = self.text();
        self.index.messages.iter().enumerate().map(move |(at, spans)| Message::read(at, text, *spans))
    }

    /// The tools, with the deprecated `functions` left out.
    ///
    /// # Errors
    /// Each item is 400 `invalid_request_error` if a field of that tool is missing or has the wrong JSON type.
    pub fn tools(&self) -> impl Iterator<Item = Result<Tool<'_>, ApiError>> {
        let tools = self.given("tools").into_iter().flat_map(Raw::elements);
        tools.enumerate().map(|(at, tool)| Tool::read(at, tool))
    }

    /// Which tool the model has to call.
    ///
    /// # Errors
    /// 400 `invalid_request_error` if it is none of the forms that OpenAI documents.
    pub fn tool_choice(&self) -> Result<Option<ToolChoice<'_>>, ApiError> {
        self.given("tool_choice").map(ToolChoice::read).transpose()
    }

    /// The request as it goes out: the client's bytes, with the model spliced in if it was changed.
    pub fn to_bytes(&self) -> Bytes {
        self.patch().finish()
    }

    /// Changes single fields of the body and leaves every other byte alone.
    pub fn patch(&self) -> Patch<'_> {
        let patch = Patch::new(&self.index);
        match &self.model {
            Some(model) => patch.set_str("model", model),
            None => patch,
        }
    }

    /// The size of the client's body in bytes.
    pub fn size(&self) -> usize {
        self.text().len()
    }

    /// The place for what the prompt is worth, which is computed once.
    pub(super) fn prompt_tokens(&self) -> &OnceLock<u64> {
        &self.index.prompt_tokens
    }

    /// Whether a message has its content in parts.
    pub(crate) fn has_parts(&self) -> bool {
        self.index.has_parts
    }

    /// Whether a message has another field than `role`, `content` and `name`.
    pub(crate) fn has_more(&self) -> bool {
        self.index.has_more
    }

    fn text(&self) -> &str {
        &self.index.text
    }
}

impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model())
            .field("stream", &self.stream())
            .field("messages", &self.index.messages.len())
            .field("bytes", &self.size())
            .finish()
    }
}

impl Body for ChatRequest {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !std::mem::take(&mut self.unread) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.to_bytes()))))
    }

    fn is_end_stream(&self) -> bool {
        !self.unread
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.unread { self.patch().len() as u64 } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn chat(body: &str) -> ChatRequest {
        ChatRequest::from_bytes(body.to_owned()).unwrap()
    }

    const BODY: &str =
        r#" {"x":[1e400, 1],"mod\u0065l" : "a\"b" ,"messages":[{"role":"user","content":"é"}],"stream":true} "#;

    #[test]
    fn reads_what_routing_needs() {
        let chat = chat(BODY);
        assert_eq!((chat.model(), chat.stream(), chat.include_usage()), ("a\"b", true, false));
        assert_eq!(chat.get("x").unwrap().text(), "[1e400, 1]");
        assert_eq!(chat.extra().map(|(name, _)| name.to_str().into_owned()).collect::<Vec<_>>(), ["x"]);
        assert_eq!(chat.messages().len(), 1);
    }

    #[test]
    fn only_the_model_changes() {
        let chat = chat(BODY);
        assert_eq!(chat.to_bytes(), BODY);
        let other = chat.with_model("c\"d");
        assert_eq!(other.to_bytes(), BODY.replace(r#""a\"b""#, r#""c\"d""#));
        assert_eq!(other.with_model("a\"b").to_bytes(), BODY);
    }

    #[tokio::test]
    async fn as_a_body_it_knows_its_length_and_is_read_once() {
        let mut body = chat(BODY).with_model("longer than before");
        let expected = body.to_bytes();
        assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, expected);
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", chat(r#"{"model":"m","messages":[{"role":"user","content":"secret"}]}"#));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn services_can_carry_it() {
        fn assert<T: Clone + Send + Sync + Unpin + 'static>() {}
        assert::<ChatRequest>();
    }
}
