//! One event of a stream, read in one pass over its text.

use crate::json::{Fault, Kind, Raw, Scanner};
use crate::translate::decode::Unreadable;

/// The fields of an event. What kind of value each is, is asked where it is used: an event of an unknown type may have
/// fields of the same names.
#[derive(Default)]
pub(super) struct Event<'a> {
    pub(super) kind: Option<Raw<'a>>,
    pub(super) index: Option<Raw<'a>>,
    pub(super) message: Option<Raw<'a>>,
    pub(super) content_block: Option<Raw<'a>>,
    pub(super) delta: Option<Delta<'a>>,
    pub(super) usage: Option<Raw<'a>>,
    pub(super) error: Option<Raw<'a>>,
}

/// The `delta` of an event: of a block, or of the message.
#[derive(Default)]
pub(super) struct Delta<'a> {
    pub(super) kind: Option<Raw<'a>>,
    pub(super) text: Option<Raw<'a>>,
    pub(super) thinking: Option<Raw<'a>>,
    pub(super) signature: Option<Raw<'a>>,
    pub(super) partial_json: Option<Raw<'a>>,
    pub(super) citation: Option<Raw<'a>>,
    pub(super) stop_reason: Option<Raw<'a>>,
    pub(super) stop_details: Option<Raw<'a>>,
}

impl<'a> Event<'a> {
    /// Reads the data of an event: one JSON object, and all of it valid.
    pub(super) fn read(text: &'a str) -> Result<Self, Unreadable> {
        let mut scanner = Scanner::new(text);
        scanner.space();
        if scanner.kind()? != Kind::Object {
            return Err(Unreadable);
        }
        let mut event = Self::default();
        scanner.object(|scanner, key| {
            let key = scanner.last_string(&text[key]).to_str();
            if key == "delta" && scanner.kind()? == Kind::Object {
                event.delta = Some(Delta::read(scanner, text)?);
                return Ok(());
            }
            let value = Some(Raw::checked(&text[scanner.value()?]));
            match &*key {
                "type" => event.kind = value,
                "index" => event.index = value,
                "message" => event.message = value,
                "content_block" => event.content_block = value,
                "usage" => event.usage = value,
                "error" => event.error = value,
                _ => {}
            }
            Ok::<_, Fault>(())
        })?;
        scanner.end()?;
        Ok(event)
    }
}

impl<'a> Delta<'a> {
    fn read(scanner: &mut Scanner<'a>, text: &'a str) -> Result<Self, Fault> {
        let mut delta = Self::default();
        scanner.object(|scanner, key| {
            let key = scanner.last_string(&text[key]).to_str();
            let value = Some(Raw::checked(&text[scanner.value()?]));
            match &*key {
                "type" => delta.kind = value,
                "text" => delta.text = value,
                "thinking" => delta.thinking = value,
                "signature" => delta.signature = value,
                "partial_json" => delta.partial_json = value,
                "citation" => delta.citation = value,
                "stop_reason" => delta.stop_reason = value,
                "stop_details" => delta.stop_details = value,
                _ => {}
            }
            Ok::<_, Fault>(())
        })?;
        Ok(delta)
    }
}
