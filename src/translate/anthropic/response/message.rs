//! A message: whole, or as the first event of a stream carries it.

use crate::json::Raw;

/// The fields of a message, or of the error that came in its place.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) id: Option<Raw<'a>>,
    pub(super) model: Option<Raw<'a>>,
    pub(super) content: Option<Raw<'a>>,
    pub(super) stop_reason: Option<Raw<'a>>,
    pub(super) stop_details: Option<Raw<'a>>,
    pub(super) usage: Option<Raw<'a>>,
    pub(super) error: Option<Raw<'a>>,
}

impl<'a> Message<'a> {
    /// Reads the fields of an object; of anything else there are none.
    pub(super) fn read(raw: Raw<'a>) -> Self {
        let mut message = Self::default();
        for (key, value) in raw.fields() {
            let value = Some(value);
            match &*key.to_str() {
                "id" => message.id = value,
                "model" => message.model = value,
                "content" => message.content = value,
                "stop_reason" => message.stop_reason = value,
                "stop_details" => message.stop_details = value,
                "usage" => message.usage = value,
                "error" => message.error = value,
                _ => {}
            }
        }
        message
    }
}
