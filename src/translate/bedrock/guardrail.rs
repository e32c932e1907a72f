//! A guardrail that the host puts on every request.

use std::borrow::Cow;

use crate::translate::encode::Object;

/// A [guardrail](https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails.html) of the host's. What it stops ends
/// with OpenAI's `content_filter`.
#[derive(Clone, Debug)]
pub struct Guardrail {
    identifier: Cow<'static, str>,
    version: Cow<'static, str>,
    processing: Option<StreamProcessing>,
}

/// What a guardrail does while an answer streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamProcessing {
    /// Every piece is checked before it is sent. Bedrock's own default.
    Sync,
    /// Pieces are sent while they are being checked: sooner, and sometimes too soon.
    Async,
}

impl Guardrail {
    /// The guardrail of this id or ARN, in this version; `DRAFT` is the one that is being edited.
    pub fn new(identifier: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self { identifier: identifier.into(), version: version.into(), processing: None }
    }

    /// What it does while an answer streams.
    #[must_use]
    pub fn stream_processing(self, processing: StreamProcessing) -> Self {
        Self { processing: Some(processing), ..self }
    }

    pub(super) fn write(&self, body: &mut Object, stream: bool) {
        body.field("guardrailConfig").put(r#"{"guardrailIdentifier":"#);
        body.string(&self.identifier);
        body.put(r#","guardrailVersion":"#);
        body.string(&self.version);
        if let Some(processing) = self.processing.filter(|_| stream) {
            body.put(match processing {
                StreamProcessing::Sync => r#","streamProcessingMode":"sync""#,
                StreamProcessing::Async => r#","streamProcessingMode":"async""#,
            });
        }
        body.put("}");
    }
}
