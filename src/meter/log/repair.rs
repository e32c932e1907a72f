//! What a log looks like after its process was killed, and how it is mended.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::calendar;
use crate::json::{Kind, Raw};

/// No line of ours is longer.
const MAX_LINE: u64 = 1 << 20;
const BLOCK: u64 = 64 << 10;

/// Makes a file end with a whole line: what is behind the last newline is moved to the file `aside`, unless it is a whole
/// line that lacks nothing else. Returns the number of bytes that were moved.
pub(super) fn repair(mut file: &File, aside: &Path) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let end = end_of_lines(file, length)?;
    if end == length {
        return Ok(0);
    }
    file.seek(SeekFrom::Start(end))?;
    if length - end <= MAX_LINE {
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        if Raw::from_bytes(&tail).is_ok_and(|line| line.kind() == Kind::Object) {
            file.write_all(b"\n")?;
            return Ok(0);
        }
        file.seek(SeekFrom::Start(end))?;
    }
    let mut torn = OpenOptions::new().append(true).create(true).open(aside)?;
    io::copy(&mut file, &mut torn)?;
    torn.write_all(b"\n")?;
    torn.sync_all()?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(length - end)
}

/// Where the last line ends that has a newline.
fn end_of_lines(mut file: &File, length: u64) -> io::Result<u64> {
    let mut block = Vec::new();
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The day of the first line, if it says one.
pub(super) fn first_day(mut file: &File) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file).take(MAX_LINE).read_until(b'\n', &mut line)?;
    let time = Raw::from_bytes(line.trim_ascii()).ok().and_then(|line| line.get("time")).and_then(Raw::as_str);
    Ok(time.and_then(|time| calendar::read_time(&time)).map(|time| time.as_secs() / calendar::DAY))
}
