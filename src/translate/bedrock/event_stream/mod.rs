//! AWS's binary event stream, `application/vnd.amazon.eventstream`: an incremental reader for any split.
//!
//! A frame is a prelude (its length, that of its headers, and a checksum of both), headers, a payload, and a checksum of
//! everything before it. The layout is that of
//! [the specification](https://smithy.io/2.0/aws/amazon-eventstream.html).

mod crc;
mod frame;
mod reader;

#[cfg(test)]
pub(super) mod write;

pub(super) use frame::{Frame, Kind};
pub(super) use reader::{DEFAULT_MAX_FRAME, Reader};
