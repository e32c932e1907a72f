//! One answer, in the form that its request asked for.

use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use super::answer::AnswerHead;
use super::chunk_writer::ChunkWriter;
use super::message_writer::MessageWriter;
use super::request::ChatRequest;
use super::sink::{Citation, FinishReason, Reasoning, Seen, Sink, ToolKind};
use crate::error::ApiError;
use crate::json::Text;
use crate::media_type;
use crate::usage::{Usage, UsageCell};

/// Writes an answer as a stream of chunks or as one message, whichever the request asked for.
///
/// For a host whose own service answers a model: say the answer in verbs, send what [`take`](Self::take) hands over, and
/// begin with the response of [`respond`](Self::respond). Without [`end`](Sink::end) a message never comes, and a stream
/// looks broken off.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use http_body_util::Full;
/// use tower_completions::chat::{AnswerWriter, FinishReason, Sink};
/// use tower_completions::{ApiError, ChatRequest};
///
/// # fn answer(chat: ChatRequest) -> Result<Response<Full<Bytes>>, ApiError> {
/// let mut answer = AnswerWriter::new(&chat);
/// answer.start("".into(), chat.model().into());
/// answer.text("Good morning.".into());
/// answer.finish(FinishReason::Stop, None);
/// answer.end();
/// let body = answer.take().ok_or_else(ApiError::internal)?;
/// Ok(answer.respond(Full::new(body)))
/// # }
/// ```
#[derive(Debug)]
pub struct AnswerWriter {
    form: Form,
    cell: UsageCell,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "both are of about the same size, and there is one for each answer")]
enum Form {
    Chunks(ChunkWriter),
    Message(MessageWriter),
}

impl AnswerWriter {
    /// A writer for the answer to this request, which begins now.
    pub fn new(chat: &ChatRequest) -> Self {
        Self::with_head(chat.stream(), chat.include_usage(), AnswerHead::now(), UsageCell::new())
    }

    pub(crate) fn with_head(stream: bool, show_usage: bool, head: AnswerHead, cell: UsageCell) -> Self {
        let form = if stream {
            Form::Chunks(ChunkWriter::new(head, cell.clone(), show_usage))
        } else {
            Form::Message(MessageWriter::new(head, cell.clone()))
        };
        Self { form, cell }
    }

    /// What can be sent: of a stream the events since the last time, of a message all of it once it has ended.
    pub fn take(&mut self) -> Option<Bytes> {
        let writer = match &mut self.form {
            Form::Message(writer) => return writer.take(),
            Form::Chunks(writer) => writer,
        };
        let first = writer.take()?;
        if writer.is_empty() {
            return Some(first);
        }
        let mut events = BytesMut::from(first);
        while let Some(more) = writer.take() {
            events.extend_from_slice(&more);
        }
        Some(events.freeze())
    }

    /// The answer has failed: a stream ends with the error, without `[DONE]`. Of a message nothing was sent yet; return
    /// the error instead of it.
    pub fn fail(&mut self, error: &ApiError) {
        self.cell.record(|seen| seen.fail(error));
        if let Form::Chunks(writer) = &mut self.form {
            writer.forward(error.to_event());
        }
    }

    /// A 200 with this body: it has the content type, and the [`UsageCell`] for the layers outside.
    pub fn respond<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.reserve(USUAL_HEADERS);
        match self.form {
            Form::Message(_) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
            }
            Form::Chunks(_) => stream_headers(headers),
        }
        response.extensions_mut().insert(self.cell.clone());
        response
    }
}

/// How many headers an answer has when all layers have said what they know.
const USUAL_HEADERS: usize = 12;

/// The headers of a streamed answer.
pub(crate) fn stream_headers(headers: &mut http::HeaderMap) {
    headers.reserve(USUAL_HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::EVENTS));
    unbuffered(headers);
}

/// Asks whoever stands between to pass events on as they come; `x-accel-buffering` is nginx's, and others have taken it up.
/// What is there already stays.
pub(crate) fn unbuffered(headers: &mut http::HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    headers.entry(ACCEL_BUFFERING).or_insert(HeaderValue::from_static("no"));
}

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Passes a verb on to the writer.
macro_rules! tell {
    ($self:ident.$verb:ident($($argument:expr),*)) => {
        match &mut $self.form {
            Form::Chunks(writer) => writer.$verb($($argument),*),
            Form::Message(writer) => writer.$verb($($argument),*),
        }
    };
}

impl Sink for AnswerWriter {
    fn start(&mut self, id: Text<'_>, model: Text<'_>) {
        tell!(self.start(id, model));
    }

    fn text(&mut self, text: Text<'_>) {
        tell!(self.text(text));
    }

    fn refusal(&mut self, text: Text<'_>) {
        tell!(self.refusal(text));
    }

    fn reasoning(&mut self, reasoning: Reasoning<'_>) {
        tell!(self.reasoning(reasoning));
    }

    fn tool_start(&mut self, id: Text<'_>, name: Text<'_>, kind: ToolKind) {
        tell!(self.tool_start(id, name, kind));
    }

    fn tool_args(&mut self, fragment: Text<'_>) {
        tell!(self.tool_args(fragment));
    }

    fn tool_signature(&mut self, signature: Text<'_>) {
        tell!(self.tool_signature(signature));
    }

    fn citation(&mut self, citation: Citation<'_>) {
        tell!(self.citation(citation));
    }

    fn finish(&mut self, reason: FinishReason, native: Option<Text<'_>>) {
        tell!(self.finish(reason, native));
    }

    fn usage(&mut self, usage: Usage) {
        tell!(self.usage(usage));
    }

    fn service_tier(&mut self, tier: Text<'_>) {
        tell!(self.service_tier(tier));
    }

    fn forward(&mut self, bytes: Bytes) {
        tell!(self.forward(bytes));
    }

    fn observe(&mut self, seen: Seen<'_>) {
        tell!(self.observe(seen));
    }

    fn end(&mut self) {
        tell!(self.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_can_be_sent_is_handed_over_at_once() {
        let body = r#"{"model":"m","messages":[{"role":"user"}],"stream":true}"#;
        let mut answer = AnswerWriter::new(&ChatRequest::from_bytes(body).unwrap());
        assert_eq!(answer.take(), None);
        answer.start("x".into(), "m".into());
        answer.text("Hi".into());
        answer.fail(&ApiError::internal());
        let sent = answer.take().unwrap();
        assert!(sent.starts_with(b"data: {\"id\":\"x\"") && sent.ends_with(&ApiError::internal().to_event()));
        assert_eq!(answer.take(), None);
    }
}
