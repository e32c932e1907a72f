//! One frame whose checksums are right.

use super::crc::crc32;
use crate::translate::decode::Unreadable;

/// The prelude: two lengths and a checksum.
pub(super) const PRELUDE: usize = 12;

/// What a frame is at the least: the prelude and the checksum at its end.
const OVERHEAD: usize = PRELUDE + size_of::<u32>();

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::translate::bedrock) struct Frame<'a> {
    pub(in crate::translate::bedrock) kind: Kind<'a>,
    pub(in crate::translate::bedrock) payload: &'a [u8],
}

/// What a frame is about.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::translate::bedrock) enum Kind<'a> {
    /// `:event-type`.
    Event(&'a str),
    /// `:exception-type`.
    Exception(&'a str),
    /// An error that is no part of the protocol's model: `:error-code`.
    Error(&'a str),
}

/// The length of the frame that begins with these bytes, once there are enough of them to tell.
///
/// # Errors
/// If the prelude's checksum is wrong, or its lengths are none.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
    let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
    let [total, headers, crc] = [word(prelude, 0)?, word(prelude, 4)?, word(prelude, 8)?];
    if crc32(&prelude[..8]) != crc {
        return Err(Unreadable);
    }
    let (total, headers) = (usize::try_from(total), usize::try_from(headers));
    match (total, headers) {
        (Ok(total), Ok(headers)) if headers <= total.saturating_sub(OVERHEAD) && total >= OVERHEAD => Ok(Some(total)),
        _ => Err(Unreadable),
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Unreadable> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|word| u32::from_be_bytes(*word)).ok_or(Unreadable)
}

impl<'a> Frame<'a> {
    /// Reads a frame, of which [`length`] has checked the prelude.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Unreadable)?;
        if crc32(body) != u32::from_be_bytes(*crc) {
            return Err(Unreadable);
        }
        let headers = usize::try_from(word(body, 4)?).map_err(|_| Unreadable)?;
        let (headers, payload) =
            body.get(PRELUDE..).and_then(|body| body.split_at_checked(headers)).ok_or(Unreadable)?;
        Ok(Self { kind: Kind::read(headers)?, payload })
    }
}

impl<'a> Kind<'a> {
    /// Without `:message-type` it is an event.
    fn read(headers: &'a [u8]) -> Result<Self, Unreadable> {
        const NONE: &[u8] = b"";
        let (mut message, mut event, mut exception, mut code) = (&b"event"[..], NONE, NONE, NONE);
        let mut rest = headers;
        while !rest.is_empty() {
            let (name, value) = header(&mut rest)?;
            let Value::Text(value) = value else { continue };
            match name {
                b":message-type" => message = value,
                b":event-type" => event = value,
                b":exception-type" => exception = value,
                b":error-code" => code = value,
                _ => {}
            }
        }
        Ok(match message {
            b"exception" => Self::Exception(text(exception)?),
            b"error" => Self::Error(text(code)?),
            _ => Self::Event(text(event)?),
        })
    }
}

/// The value of a header: a text, or something that no header of this protocol is.
enum Value<'a> {
    Text(&'a [u8]),
    Other,
}

fn text(value: &[u8]) -> Result<&str, Unreadable> {
    str::from_utf8(value).map_err(|_| Unreadable)
}

/// Takes a header off the front: the length of its name in a byte, its name, its type in a byte, its value.
fn header<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Value<'a>), Unreadable> {
    let length = usize::from(take(rest, 1)?[0]);
    let name = take(rest, length)?;
    let kind = take(rest, 1)?[0];
    let size = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | 7 => take(rest, 2)?.first_chunk().map(|size| usize::from(u16::from_be_bytes(*size))).ok_or(Unreadable)?,
        9 => 16,
        _ => return Err(Unreadable),
    };
    let value = take(rest, size)?;
    if kind != 7 {
        return Ok((name, Value::Other));
    }
    if !value.is_ascii() {
        text(value)?;
    }
    Ok((name, Value::Text(value)))
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], Unreadable> {
    let (taken, after) = rest.split_at_checked(size).ok_or(Unreadable)?;
    *rest = after;
    Ok(taken)
}
