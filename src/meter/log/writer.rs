//! The file that is written, and what could not be written to it yet.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::names::Names;
use super::options::{LogOptions, SyncPolicy};

/// A buffer that was needed once is not kept for ever.
const SPARE: usize = 256 << 10;

/// A file, or what stands for one in a test.
pub(super) trait Output: Send + Sync {
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    fn sync(&self) -> io::Result<()>;
}

impl Output for File {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        file.write(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Who has the lock writes; nothing here waits for anything but the disk.
pub(super) struct Writer {
    pub(super) names: Names,
    pub(super) file: Arc<dyn Output>,
    /// How long the file is, and the day of its first line.
    pub(super) size: u64,
    pub(super) day: Option<u64>,
    /// Whether the file ends with a whole line.
    whole: bool,
    /// What could not be written, from `at` on; the head of its first line may be in the file.
    waiting: Vec<u8>,
    at: usize,
    /// When to try again to write, and to begin a new file; `None` where the last try worked.
    retry: Option<Instant>,
    rotate: Option<Instant>,
    /// Whether the last try to force something to the disk failed.
    unsynced: bool,
    /// What was written and not yet forced to the disk.
    dirty: bool,
    earlier: Vec<Arc<dyn Output>>,
    /// Lines that were dropped, and errors there were.
    pub(super) dropped: u64,
    pub(super) errors: u64,
}

impl Writer {
    pub(super) fn new(names: Names, file: Arc<dyn Output>, size: u64, day: Option<u64>) -> Self {
        Self {
            names,
            file,
            size,
            day,
            whole: true,
            waiting: Vec::new(),
            at: 0,
            retry: None,
            rotate: None,
            unsynced: false,
            dirty: false,
            earlier: Vec::new(),
            dropped: 0,
            errors: 0,
        }
    }

    /// Appends whole lines, written on this day. Returns an error that nobody has been told of.
    pub(super) fn append(&mut self, lines: &[u8], day: u64, options: &LogOptions) -> Option<io::Error> {
        if self.at < self.waiting.len() {
            self.keep(lines, 0, options);
            return if self.is_due() { self.write_waiting(options) } else { None };
        }
        let rotated = self.rotate_if_due(day, lines.len() as u64, options);
        self.day.get_or_insert(day);
        let (written, result) = self.write(lines);
        if written < lines.len() {
            let first = memchr::memchr(b'\n', &lines[written..]).map_or(0, |end| end + 1);
            self.keep(&lines[written..], first, options);
        }
        let written = self.finish(result, options);
        rotated.or(written)
    }

    /// Lets as many of these lines wait as may. So many of their bytes wait in any case: the head of the first line may be in
    /// the file.
    fn keep(&mut self, lines: &[u8], least: usize, options: &LogOptions) {
        let room = options.keep.saturating_sub(self.waiting.len() - self.at).min(lines.len());
        let kept = memchr::memrchr(b'\n', &lines[..room]).map_or(0, |end| end + 1).max(least);
        self.waiting.extend_from_slice(&lines[..kept]);
        self.dropped += count(&lines[kept..]);
    }

    /// Writes what waits, if there is something.
    pub(super) fn write_waiting(&mut self, options: &LogOptions) -> Option<io::Error> {
        if self.at == self.waiting.len() {
            return None;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (written, result) = self.write(&waiting[self.at..]);
        self.waiting = waiting;
        self.at += written;
        if self.at == self.waiting.len() {
            self.at = 0;
            self.waiting.clear();
            self.waiting.shrink_to(SPARE);
        } else if self.at > SPARE {
            self.waiting.drain(..self.at);
            self.at = 0;
        }
        self.finish(result, options)
    }

    /// Whether what waits may be tried again.
    pub(super) fn is_due(&self) -> bool {
        self.retry.is_none_or(|at| Instant::now() >= at)
    }

    /// How many lines wait.
    pub(super) fn waiting(&self) -> u64 {
        count(&self.waiting[self.at..])
    }

    /// What has to be forced to the disk.
    pub(super) fn take_dirty(&mut self) -> Vec<Arc<dyn Output>> {
        let mut files = std::mem::take(&mut self.earlier);
        if std::mem::take(&mut self.dirty) {
            files.push(self.file.clone());
        }
        files
    }

    /// Counts an error. Returns it if it is the first one of an outage.
    fn failed(&mut self, error: io::Error, options: &LogOptions) -> Option<io::Error> {
        self.errors += 1;
        let is_first = self.retry.is_none();
        self.retry = Some(Instant::now() + options.pause);
        is_first.then_some(error)
    }

    /// This is to be forced to the disk again, since that has failed.
    pub(super) fn still_dirty(&mut self, file: Arc<dyn Output>) {
        if Arc::ptr_eq(&file, &self.file) {
            self.dirty = true;
        } else if !self.earlier.iter().any(|earlier| Arc::ptr_eq(&file, earlier)) {
            self.earlier.push(file);
        }
    }

    /// What came of forcing a file to the disk. Returns an error that nobody has been told of.
    pub(super) fn synced(&mut self, file: Arc<dyn Output>, result: io::Result<()>) -> Option<io::Error> {
        if result.is_err() {
            self.still_dirty(file);
        }
        let was_failing = std::mem::replace(&mut self.unsynced, result.is_err());
        let error = result.err()?;
        self.errors += 1;
        (!was_failing).then_some(error)
    }

    /// As much as can be written, and why it was not more.
    fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut written = 0;
        let result = loop {
            let rest = &bytes[written..];
            if rest.is_empty() {
                break Ok(());
            }
            match self.file.append(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if let Some(last) = bytes[..written].last() {
            self.size += written as u64;
            self.whole = *last == b'\n';
            self.dirty = true;
        }
        (written, result)
    }

    fn finish(&mut self, written: io::Result<()>, options: &LogOptions) -> Option<io::Error> {
        let unsynced = if options.sync == SyncPolicy::Always && std::mem::take(&mut self.dirty) {
            let file = self.file.clone();
            let result = file.sync();
            self.synced(file, result)
        } else {
            None
        };
        match written {
            Ok(()) => {
                self.retry = None;
                unsynced
            }
            Err(error) => self.failed(error, options).or(unsynced),
        }
    }

    /// Begins a new file, if it is time. If that fails, the old one is written on.
    fn rotate_if_due(&mut self, day: u64, more: u64, options: &LogOptions) -> Option<io::Error> {
        let is_full = self.size + more > options.max_bytes;
        let is_old = options.daily && self.day.is_some_and(|begun| day > begun);
        let may = self.whole && self.size > 0 && self.rotate.is_none_or(|at| Instant::now() >= at);
        if !may || !(is_full || is_old) {
            return None;
        }
        let begun = self.day.unwrap_or(day);
        match begin_file(&self.names, begun, options.sync != SyncPolicy::Never) {
            Ok(file) => {
                let old = std::mem::replace(&mut self.file, Arc::new(file));
                if std::mem::take(&mut self.dirty) && options.sync != SyncPolicy::Never {
                    self.earlier.push(old);
                }
                (self.size, self.day, self.rotate) = (0, None, None);
                None
            }
            Err(error) => {
                self.errors += 1;
                let is_first = self.rotate.is_none();
                self.rotate = Some(Instant::now() + options.pause);
                is_first.then_some(error)
            }
        }
    }
}

/// Gives the file of this day its lasting name, and begins a new one in its place.
fn begin_file(names: &Names, day: u64, sync: bool) -> io::Result<File> {
    let (new, kept) = (names.beside(".new"), names.free(day)?);
    // An empty one may have been left behind.
    unless_missing(fs::remove_file(&new))?;
    let file = OpenOptions::new().append(true).create_new(true).open(&new)?;
    unless_missing(fs::rename(names.current(), &kept))?;
    if let Err(error) = fs::rename(&new, names.current()) {
        fs::rename(&kept, names.current())?;
        return Err(error);
    }
    if sync {
        sync_folder(names.folder())?;
    }
    Ok(file)
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Makes files that were begun or renamed be there after a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}
