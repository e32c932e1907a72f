//! The `contents` array: who speaks, part by part.

use crate::translate::encode::Object;

/// Whose parts follow. What tools answer is the user's role too, but a content of its own: Gemini wants all results of a
/// turn in one, and nothing else in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    Tools,
    Model,
}

/// The array. A content begins with its first part, so that there are no empty ones.
pub(super) struct Contents<'b> {
    body: &'b mut Object,
    speaker: Option<Speaker>,
}

impl<'b> Contents<'b> {
    /// Begins the array.
    pub(super) fn new(body: &'b mut Object) -> Self {
        body.field("contents").put("[");
        Self { body, speaker: None }
    }

    /// Goes on with a speaker's content, or begins a new one. A part must follow.
    pub(super) fn open(&mut self, speaker: Speaker) -> &mut Object {
        if self.speaker != Some(speaker) {
            self.close();
            self.body.comma();
            self.body.put(match speaker {
                Speaker::User | Speaker::Tools => r#"{"role":"user","parts":["#,
                Speaker::Model => r#"{"role":"model","parts":["#,
            });
            self.speaker = Some(speaker);
        }
        self.body.comma();
        self.body
    }

    fn close(&mut self) {
        if self.speaker.is_some() {
            self.body.put("]}");
        }
    }

    /// Ends the array. Whether it has any content.
    pub(super) fn finish(mut self) -> bool {
        self.close();
        self.body.put("]");
        self.speaker.is_some()
    }
}
