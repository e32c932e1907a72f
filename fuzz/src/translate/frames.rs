//! Bedrock's binary frames.

use super::check;
use crate::input::pieces;
use crate::{Input, requests};

/// The prelude: two lengths and their checksum.
const PRELUDE: usize = 12;

/// Frames of any bytes; with odd picks their checksums are put right first, or else hardly one would be read.
pub fn bedrock_frames(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let mut data = input.data.to_vec();
    if !input.pick.is_multiple_of(2) {
        put_right(&mut data);
    }
    check::stream(requests::bedrock(), &requests::requests()[1], &data, &pieces(&data, input.cut));
}

/// Puts the checksums of all frames right, as far as their lengths can be believed.
fn put_right(mut data: &mut [u8]) {
    while data.len() >= PRELUDE {
        let total = u32::from_be_bytes([data[0], data[1], data[2], data[3]]) as usize;
        let prelude = crc32(&data[..8]).to_be_bytes();
        data[8..PRELUDE].copy_from_slice(&prelude);
        if total < PRELUDE + 4 || total > data.len() {
            return;
        }
        let (frame, rest) = data.split_at_mut(total);
        let (before, checksum) = frame.split_at_mut(total - 4);
        checksum.copy_from_slice(&crc32(before).to_be_bytes());
        data = rest;
    }
}

/// An event with a JSON payload.
pub(super) fn event(name: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(&[(b":message-type", b"event"), (b":event-type", name), (b":content-type", b"application/json")], payload)
}

/// What ends a stream early.
pub(super) fn exception(name: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(&[(b":message-type", b"exception"), (b":exception-type", name)], payload)
}

fn frame(texts: &[(&[u8], &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in texts {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        headers.push(name.len() as u8);
        headers.extend_from_slice(name);
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value);
    }
    let total = (PRELUDE + headers.len() + payload.len() + 4) as u32;
    let mut frame = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend_from_slice(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut crc, mut bit) = (at as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}
