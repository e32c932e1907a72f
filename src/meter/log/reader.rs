//! Reading a log back, from all of its files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::names::Names;

/// All files of a usage log as one stream of lines, oldest first.
///
/// What is written while it reads may be missing from its end, nothing else: files may be renamed meanwhile. Budgets are
/// restored from it:
///
/// ```no_run
/// use tower_completions::auth::{Budget, Limits};
/// use tower_completions::limit::{MemoryLimits, Subject};
/// use tower_completions::meter::log::LogReader;
///
/// let limits = Limits::new().budget(Budget::per_month_usd(10.0));
/// MemoryLimits::new().restore_log(LogReader::open("usage.jsonl")?, |key| vec![Subject::caller(key, limits)])?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LogReader {
    older: VecDeque<PathBuf>,
    current: Option<File>,
    reading: Option<BufReader<File>>,
    /// The last byte that was read of this file.
    last: u8,
    /// The file ended within a line, and the next one begins a new line.
    gap: bool,
    bytes: u64,
}

impl LogReader {
    /// Finds the files of the log at this path. One that does not exist is empty.
    ///
    /// # Errors
    /// If the folder or the file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let names = Names::new(path.as_ref());
        // The file is opened between two looks at the names: if it was renamed meanwhile, they differ.
        loop {
            let older = names.older()?;
            let current = found(File::open(names.current()))?;
            if names.older()? != older {
                continue;
            }
            let mut bytes = current.as_ref().map_or(Ok(0), |file| file.metadata().map(|file| file.len()))?;
            for file in &older {
                bytes += found(std::fs::metadata(file))?.map_or(0, |file| file.len());
            }
            return Ok(Self { older: older.into(), current, reading: None, last: b'\n', gap: false, bytes });
        }
    }

    /// How many bytes there were in all files when it was opened.
    pub fn total_bytes(&self) -> u64 {
        self.bytes
    }

    fn next(&mut self) -> io::Result<Option<File>> {
        while let Some(path) = self.older.pop_front() {
            // The host may delete what is old.
            if let Some(file) = found(File::open(path))? {
                return Ok(Some(file));
            }
        }
        Ok(self.current.take())
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

impl BufRead for LogReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while !self.gap {
            match &mut self.reading {
                Some(file) => {
                    if !file.fill_buf()?.is_empty() {
                        break;
                    }
                    self.reading = None;
                    self.gap = self.last != b'\n';
                }
                None => match self.next()? {
                    Some(file) => (self.reading, self.last) = (Some(BufReader::with_capacity(64 << 10, file)), b'\n'),
                    None => return Ok(&[]),
                },
            }
        }
        match &mut self.reading {
            Some(file) if !self.gap => file.fill_buf(),
            _ => Ok(b"\n"),
        }
    }

    fn consume(&mut self, bytes: usize) {
        let Some(last) = bytes.checked_sub(1) else { return };
        if self.gap {
            (self.gap, self.last) = (false, b'\n');
        } else if let Some(file) = &mut self.reading {
            self.last = file.buffer().get(last).copied().unwrap_or(b'\n');
            file.consume(bytes);
        }
    }
}

impl Read for LogReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = self.fill_buf()?;
        let read = buffer.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
