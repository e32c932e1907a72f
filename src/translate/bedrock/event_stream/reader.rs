//! Cutting a byte stream into frames.

use super::frame::{Frame, PRELUDE, length};
use crate::error::ApiError;

/// How large a frame may be by default.
pub(in crate::translate::bedrock) const DEFAULT_MAX_FRAME: usize = 8 << 20;

/// Cuts a byte stream into [`Frame`]s. A frame that lies in one chunk is not copied; of one that does not, what there is of
/// it is kept until the rest comes.
#[derive(Clone)]
pub(in crate::translate::bedrock) struct Reader {
    held: Vec<u8>,
    max_frame: usize,
}

impl Reader {
    pub(in crate::translate::bedrock) fn new(max_frame: usize) -> Self {
        Self { held: Vec::new(), max_frame }
    }

    /// Hands on the frames that end in this chunk. Their lengths are checked before anything of them is kept.
    ///
    /// # Errors
    /// 502 if a frame is broken or too large, or what `each` returns.
    pub(in crate::translate::bedrock) fn feed(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(&Frame<'_>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        while !chunk.is_empty() {
            if self.held.is_empty() {
                match self.length(chunk)?.and_then(|total| chunk.split_at_checked(total)) {
                    Some((frame, rest)) => {
                        chunk = rest;
                        each(&Frame::read(frame)?)?;
                    }
                    None => {
                        self.held.extend_from_slice(chunk);
                        return Ok(());
                    }
                }
                continue;
            }
            let total = self.length(&self.held)?;
            let missing = total.unwrap_or(PRELUDE) - self.held.len();
            let (more, rest) = chunk.split_at(missing.min(chunk.len()));
            self.held.extend_from_slice(more);
            chunk = rest;
            if self.length(&self.held)? == Some(self.held.len()) {
                each(&Frame::read(&self.held)?)?;
                self.held.clear();
            }
        }
        Ok(())
    }

    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, ApiError> {
        match length(bytes)? {
            Some(total) if total > self.max_frame => Err(ApiError::upstream_too_large()),
            total => Ok(total),
        }
    }

    /// Whether the stream may end here: no frame is half there.
    pub(in crate::translate::bedrock) fn is_between_frames(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::Kind;
    use super::super::write::{Header, event, frame};
    use super::*;

    fn read(reader: &mut Reader, pieces: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
        let mut frames = Vec::new();
        for piece in pieces {
            reader.feed(piece, |frame| {
                frames.push((format!("{:?}", frame.kind), frame.payload.to_vec()));
                Ok(())
            })?;
        }
        Ok(frames)
    }

    fn all(pieces: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
        read(&mut Reader::new(DEFAULT_MAX_FRAME), pieces)
    }

    #[test]
    fn a_frame_is_read_with_headers_of_every_type() {
        let headers = [
            Header("true", 0, &[]),
            Header("false", 1, &[]),
            Header("i8", 2, &[1]),
            Header("i16", 3, &[1, 2]),
            Header("i32", 4, &[1, 2, 3, 4]),
            Header("i64", 5, &[1, 2, 3, 4, 5, 6, 7, 8]),
            Header("bytes", 6, b"\x00\x03abc"),
            Header("time", 8, &[0; 8]),
            Header("uuid", 9, &[0; 16]),
            Header(":event-type", 7, b"\x00\x01e"),
        ];
        let bytes = frame(&headers, b"{}");
        assert_eq!(Frame::read(&bytes).unwrap(), Frame { kind: Kind::Event("e"), payload: b"{}" });
        let error = frame(&[Header(":message-type", 7, b"\x00\x05error"), Header(":error-code", 7, b"\x00\x01c")], b"");
        assert_eq!(Frame::read(&error).unwrap().kind, Kind::Error("c"));
    }

    #[test]
    fn lengths_that_are_none_are_refused_at_once() {
        for (total, headers) in [(0_u32, 0_u32), (15, 0), (16, 1), (1 << 31, 0), (u32::MAX, u32::MAX), (20, 5)] {
            let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            prelude.extend(super::super::crc::crc32(&prelude).to_be_bytes());
            let mut reader = Reader::new(DEFAULT_MAX_FRAME);
            assert!(read(&mut reader, &[&prelude]).is_err(), "{total} {headers}");
            assert!(reader.held.capacity() < 64);
        }
    }

    #[test]
    fn headers_that_do_not_fit_are_refused() {
        for headers in [&b"\x05ab"[..], b"\x01a\x07\x00\x09x", b"\x01a\x0a", b"\x01a", b"\x01a\x07\x00\x01\xff"] {
            let mut bytes = [(16 + headers.len() as u32).to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
            bytes.extend(super::super::crc::crc32(&bytes).to_be_bytes());
            bytes.extend(headers);
            bytes.extend(super::super::crc::crc32(&bytes).to_be_bytes());
            assert!(all(&[&bytes]).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn a_frame_may_be_as_large_as_the_host_says() {
        let bytes = event("e", "x");
        assert_eq!(read(&mut Reader::new(bytes.len()), &[&bytes]).unwrap().len(), 1);
        let error = read(&mut Reader::new(bytes.len() - 1), &[&bytes]).unwrap_err();
        assert_eq!(error.code(), Some("upstream_response_too_large"));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let bytes = [event("a", r#"{"x":1}"#), event("b", "{}")].concat();
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let mut reader = Reader::new(DEFAULT_MAX_FRAME);
            let whole = read(&mut reader, &[&broken]).is_ok_and(|frames| frames.len() == 2);
            assert!(!whole, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            payloads in prop::collection::vec("[a-z]{0,40}", 1..6),
            cuts in prop::collection::vec(0..400_usize, 0..6),
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            let frames = all(&pieces).unwrap();
            let expected: Vec<_> =
                payloads.iter().map(|payload| (r#"Event("e")"#.to_owned(), payload.clone().into_bytes())).collect();
            prop_assert_eq!(frames, expected.clone());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(all(&single).unwrap(), expected);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _either = all(&[&bytes]);
        }
    }
}
