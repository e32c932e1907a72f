//! Turns: messages in a row of the same speaker are one.

use super::body::Body;

/// Who speaks, in the words of Anthropic and Bedrock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    User,
    Assistant,
    System,
}

/// The `messages` array. A turn begins with its first block, so that there are no empty ones.
pub(crate) struct Turns<'b> {
    body: &'b mut Body,
    speaker: Option<Speaker>,
    thinks_first: bool,
}

impl<'b> Turns<'b> {
    /// Begins the array.
    pub(crate) fn new(body: &'b mut Body) -> Self {
        body.field("messages").put("[");
        Self { body, speaker: None, thinks_first: false }
    }

    /// Whose turn it is.
    pub(crate) fn speaker(&self) -> Option<Speaker> {
        self.speaker
    }

    /// Whether the last turn of the assistant begins with its thinking.
    pub(crate) fn thinks_first(&self) -> bool {
        self.thinks_first
    }

    /// Goes on with a speaker's turn, or begins a new one. A block must follow.
    pub(crate) fn open(&mut self, speaker: Speaker) -> &mut Body {
        if self.speaker != Some(speaker) {
            self.close();
            self.body.comma();
            self.body.put(match speaker {
                Speaker::User => r#"{"role":"user","content":["#,
                Speaker::Assistant => r#"{"role":"assistant","content":["#,
                Speaker::System => r#"{"role":"system","content":["#,
            });
            self.speaker = Some(speaker);
            if speaker == Speaker::Assistant {
                self.thinks_first = false;
            }
        }
        self.body
    }

    /// The same for a block of thinking.
    pub(crate) fn open_thinking(&mut self) -> &mut Body {
        let is_first = self.speaker != Some(Speaker::Assistant);
        self.open(Speaker::Assistant);
        self.thinks_first |= is_first;
        self.body
    }

    fn close(&mut self) {
        if self.speaker.is_some() {
            self.body.put("]}");
        }
    }

    /// Ends the array.
    pub(crate) fn finish(mut self) {
        self.close();
        self.body.put("]");
    }
}
