//! A message: whole, or as the first event of a stream carries it.

use crate::json::{Fault, Kind, Raw, Scanner, utf8};

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
    /// Reads the body of an answer, and checks it.
    pub(super) fn from_bytes(body: &'a [u8]) -> Result<Self, Fault> {
        let text = utf8(body)?;
        let mut scanner = Scanner::new(text);
        scanner.space();
        let message = Self::scan(text, &mut scanner)?;
        scanner.end()?;
        Ok(message)
    }

    /// Reads a part of something that has been checked.
    pub(super) fn read(raw: Raw<'a>) -> Self {
        Self::scan(raw.text(), &mut Scanner::checked(raw.text())).unwrap_or_default()
    }

    /// Reads the fields of the object that is next; of anything else there are none.
    fn scan(text: &'a str, scanner: &mut Scanner<'a>) -> Result<Self, Fault> {
        let mut message = Self::default();
        if scanner.kind()? != Kind::Object {
            scanner.skip()?;
            return Ok(message);
        }
        scanner.object(|scanner, key| {
            let key = scanner.last_string(&text[key]).to_str();
            let value = Some(Raw::checked(&text[scanner.value()?]));
            match &*key {
                "id" => message.id = value,
                "model" => message.model = value,
                "content" => message.content = value,
                "stop_reason" => message.stop_reason = value,
                "stop_details" => message.stop_details = value,
                "usage" => message.usage = value,
                "error" => message.error = value,
                _ => {}
            }
            Ok::<_, Fault>(())
        })?;
        Ok(message)
    }
}
