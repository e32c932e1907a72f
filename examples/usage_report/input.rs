//! The logs as lines, whatever their length.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Failure;
use super::args::Args;
use super::rotated;
use super::visible::visible;

/// The longest line that is read as a whole.
const MAX_LINE: u64 = 1 << 20;
/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// A log that is open.
pub(crate) struct Source {
    /// For people.
    pub(crate) name: String,
    /// How long it is, if that can be known.
    pub(crate) bytes: Option<u64>,
    pub(crate) log: Box<dyn BufRead>,
}

/// What is to be read, in order. All of it is opened before anything is read, so that whatever is rotated from now on is
/// read once.
pub(crate) fn sources(args: &Args) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    let mut known = HashSet::new();
    let output = args.output.as_ref().and_then(|path| fs::canonicalize(path).ok());
    for file in &args.files {
        let (paths, opened) = if args.rotated { open_rotated(file)? } else { (vec![file.clone()], vec![open(file)?]) };
        for (path, source) in paths.into_iter().zip(opened) {
            // What is no regular file, such as a pipe, may have no path that could be compared.
            let same = fs::canonicalize(&path).ok().filter(|_| source.bytes.is_some()).unwrap_or(path);
            if output.as_ref() == Some(&same) {
                return Err(Failure::arguments(format!("--output would overwrite the log {}", source.name)));
            }
            if !known.insert(same) {
                return Err(Failure::arguments(format!("{} would be read twice", source.name)));
            }
            sources.push(source);
        }
    }
    Ok(sources)
}

/// A log with what it was rotated into. If it is rotated in this very moment, all is done again.
fn open_rotated(file: &Path) -> Result<(Vec<PathBuf>, Vec<Source>), Failure> {
    let all = || -> Result<Vec<PathBuf>, Failure> {
        let mut paths = rotated::before(file).map_err(|error| unread(file, &error))?;
        paths.push(file.to_owned());
        Ok(paths)
    };
    let mut paths = all()?;
    loop {
        let opened: Result<Vec<_>, _> = paths.iter().map(|path| open(path)).collect();
        let now = all()?;
        if now == paths {
            return Ok((paths, opened?));
        }
        paths = now;
    }
}

fn open(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        let log = Box::new(BufReader::with_capacity(BUFFER, io::stdin()));
        return Ok(Source { name: "standard input".to_owned(), bytes: None, log });
    }
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    let metadata = file.metadata().map_err(|error| unread(path, &error))?;
    if metadata.is_dir() {
        return Err(Failure::running(format!("{}: a folder; name the logs in it", path.display())));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let name = visible(&path.display().to_string()).into_owned();
    Ok(Source { name, bytes, log: Box::new(BufReader::with_capacity(BUFFER, file)) })
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::running(format!("{}: cannot be read: {error}", path.display()))
}

/// A line that is not blank.
pub(crate) struct Line<'a> {
    /// Counted from 1, blank ones included.
    pub(crate) number: u64,
    pub(crate) text: &'a [u8],
    /// Whether it is longer than any line of a usage log, and `text` not all of it.
    pub(crate) too_long: bool,
}

/// The lines of one log.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
    /// How many bytes were read.
    pub(crate) bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(mut reader: R) -> io::Result<Self> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let start = reader.fill_buf()?;
        let compressed: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh"];
        if compressed.iter().any(|magic| start.starts_with(magic)) {
            return Err(io::Error::other(
                "it is compressed; unpack it into standard input: zcat FILE | usage_report -",
            ));
        }
        let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        reader.consume(mark);
        Ok(Self { reader, buffer: Vec::new(), number: 0, bytes: mark as u64 })
    }

    /// The next line that is not blank.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            let read = (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bytes += read as u64;
            let too_long = read as u64 == MAX_LINE && !self.buffer.ends_with(b"\n") && self.skip_rest()?;
            if !self.buffer.trim_ascii().is_empty() {
                break Ok(Some(Line { number: self.number, text: &self.buffer, too_long }));
            }
        }
    }

    /// To the end of the line; false if it was there already.
    fn skip_rest(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let read = end.map_or(buffer.len(), |at| at + 1);
            any |= end.unwrap_or(read) > 0;
            self.reader.consume(read);
            self.bytes += read as u64;
            if end.is_some() || read == 0 {
                return Ok(any);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &[u8]) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines::new(BufReader::with_capacity(16, log)).unwrap();
        let mut read = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            read.push((line.number, line.text.trim_ascii().len(), line.too_long));
        }
        assert_eq!(lines.bytes, log.len() as u64);
        read
    }

    #[test]
    fn lines_are_counted_and_blank_ones_left_out() {
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\xef\xbb\xbfab\r\n\n  \nc"), [(1, 2, false), (4, 1, false)]);
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let longest = MAX_LINE as usize;
        let mut log = vec![b'x'; 3 * longest];
        log.extend_from_slice(b"\nab\n");
        log.extend_from_slice(&vec![b'y'; longest]);
        log.extend_from_slice(b"\nz");
        assert_eq!(read(&log), [(1, longest, true), (2, 2, false), (3, longest, false), (4, 1, false)]);
    }

    #[test]
    fn what_is_compressed_is_not_taken_for_a_log_without_lines() {
        let error = Lines::new(&b"\x1f\x8b\x08\0"[..]).err().unwrap();
        assert!(error.to_string().contains("zcat"), "{error}");
    }
}
