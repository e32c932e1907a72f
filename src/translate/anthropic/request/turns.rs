//! Turns: messages in a row of the same speaker are one.

use super::body::Body;

/// Who speaks, in Anthropic's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    Assistant,
    System,
}

/// The `messages` array. A turn begins with its first block, so that there are no empty ones.
pub(super) struct Turns<'b> {
    body: &'b mut Body,
    speaker: Option<Speaker>,
    thinks_first: bool,
}

impl<'b> Turns<'b> {
    /// Begins the array.
    pub(super) fn new(body: &'b mut Body) -> Self {
        body.field("messages").put("[");
        Self { body, speaker: None, thinks_first: false }
    }

    /// Whose turn it is.
    pub(super) fn speaker(&self) -> Option<Speaker> {
        self.speaker
    }

    /// Whether the last turn of the assistant begins with its thinking.
    pub(super) fn thinks_first(&self) -> bool {
        self.thinks_first
    }

    /// Goes on with a speaker's turn, or begins a new one. A block must follow.
    pub(super) fn open(&mut self, speaker: Speaker) -> &mut Body {
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
    pub(super) fn open_thinking(&mut self) -> &mut Body {
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
    pub(super) fn finish(mut self) {
        self.close();
        self.body.put("]");
    }
}
