//! The log as a sink.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::names::Names;
use super::options::{LogOptions, SyncPolicy};
use super::repair;
use super::worker::LogWorker;
use super::writer::{Writer, sync_folder};
use crate::calendar::DAY;
use crate::meter::receipt::Receipt;
use crate::meter::recording::Recording;
use crate::meter::sink::UsageSink;

/// A file of receipts, one JSON line each. See the [module](super) for what it promises.
///
/// Clones are the same log. The last one writes what still waits when it is dropped.
#[derive(Clone)]
pub struct UsageLog(Arc<Shared>);

pub(super) struct Shared {
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    options: LogOptions,
    path: PathBuf,
    torn_bytes: u64,
    _lock: File,
}

/// Lines on their way to whoever writes next. Locked for no longer than it takes to copy a line.
#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    day: u64,
    /// How many lines there were since the log was opened.
    taken: u64,
    /// How many of them somebody has begun to write.
    led: u64,
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogStats {
    /// Lines that are in the file.
    pub written: u64,
    /// Lines that wait in memory because they cannot be written.
    pub waiting: u64,
    /// Lines that are lost: they could not be written, and more waited than [`LogOptions::keep`] allows.
    pub dropped: u64,
    /// How often writing, forcing to the disk, or beginning a new file has failed.
    pub errors: u64,
    /// What was moved aside when the log was opened: the torn end that a killed process had left.
    pub torn_bytes: u64,
}

impl UsageLog {
    /// Opens the log at this path, or begins it, and mends what a killed process has left. Its folder has to be there.
    ///
    /// # Errors
    /// If the files cannot be written, or if another process, or another `UsageLog` of this one, has the log:
    /// [`io::ErrorKind::ResourceBusy`].
    pub fn open(path: impl AsRef<Path>, options: LogOptions) -> io::Result<Self> {
        let names = Names::new(path.as_ref());
        let lock = lock_file(&names.beside(".lock"))?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(names.current())?;
        if options.sync != SyncPolicy::Never {
            sync_folder(names.folder())?;
        }
        let torn_bytes = repair::repair(&file, &names.beside(".torn"))?;
        let (size, day) = (file.metadata()?.len(), repair::first_day(&file)?);
        Ok(Self(Arc::new(Shared {
            queue: Mutex::default(),
            path: names.current().to_owned(),
            writer: Mutex::new(Writer::new(names, Arc::new(file), size, day)),
            options,
            torn_bytes,
            _lock: lock,
        })))
    }

    /// What became of the lines so far.
    pub fn stats(&self) -> LogStats {
        self.0.stats()
    }

    /// The worker that [`SyncPolicy::Every`](super::SyncPolicy::Every) needs. It also writes what waits after an outage when
    /// no request comes by to do so.
    pub fn worker(&self) -> LogWorker {
        LogWorker::new(&self.0)
    }

    /// Writes what waits, and forces the file to the disk, whatever the policy. For the end of a process.
    ///
    /// # Errors
    /// If that cannot be done; what waits goes on waiting.
    pub fn flush(&self) -> io::Result<()> {
        self.0.write_waiting();
        let waiting = self.0.stats().waiting;
        let files = lock(&self.0.writer).take_dirty();
        let mut result = Ok(());
        for file in files {
            if let Err(error) = file.sync() {
                lock(&self.0.writer).still_dirty(file);
                result = result.and(Err(error));
            }
        }
        if waiting > 0 {
            return Err(io::Error::other(format!("{waiting} lines of usage could not be written")));
        }
        result
    }
}

impl UsageSink for UsageLog {
    fn record(&self, receipt: &Receipt) {
        with_line(receipt, |line, day| self.0.append(line, day));
    }

    fn submit(&self, receipt: &Receipt) -> Recording {
        let ticket = with_line(receipt, |line, day| self.0.hand_over(line, day));
        let shared = Arc::clone(&self.0);
        Recording::new(move || shared.write_up_to(ticket))
    }
}

/// Does something with the line of a receipt and the day on which it is written.
fn with_line<T>(receipt: &Receipt, act: impl FnOnce(&[u8], u64) -> T) -> T {
    // A buffer for each thread: a line costs no allocation.
    let mut line = LINE.try_with(RefCell::take).unwrap_or_default();
    line.clear();
    receipt.write_json(&mut line);
    line.push(b'\n');
    let ended = receipt.time.saturating_add(receipt.duration);
    let done = act(&line, ended.as_secs() / DAY);
    if line.capacity() <= LARGE {
        let _gone = LINE.try_with(|place| place.replace(line));
    }
    done
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is larger is not kept for the next line.
const LARGE: usize = 64 << 10;

impl Shared {
    /// Returns when the line is written, by this thread or by another that was quicker.
    fn append(&self, line: &[u8], day: u64) {
        if !self.append_alone(line, day) {
            self.write_up_to(self.hand_over(line, day));
        }
    }

    /// Hands a line over to whoever writes next. Returns its number.
    pub(super) fn hand_over(&self, line: &[u8], day: u64) -> u64 {
        let mut queue = lock(&self.queue);
        queue.lines.extend_from_slice(line);
        queue.day = queue.day.max(day);
        queue.taken += 1;
        queue.taken
    }

    /// Returns when the line of this number is written: all that were handed over in one go, if nobody else was quicker.
    fn write_up_to(&self, ticket: u64) {
        let mut writer = lock(&self.writer);
        let mut queue = lock(&self.queue);
        if queue.led >= ticket {
            return;
        }
        queue.led = queue.taken;
        let (mut lines, day) = (std::mem::take(&mut queue.lines), queue.day);
        drop(queue);
        let error = writer.append(&lines, day, &self.options);
        lines.clear();
        if lines.capacity() <= LARGE {
            let mut queue = lock(&self.queue);
            if queue.lines.capacity() == 0 {
                queue.lines = lines;
            }
        }
        drop(writer);
        self.say(error);
    }

    /// Writes the line as it stands, if nobody else writes or waits to.
    fn append_alone(&self, line: &[u8], day: u64) -> bool {
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let mut queue = lock(&self.queue);
        if !queue.lines.is_empty() {
            return false;
        }
        queue.day = queue.day.max(day);
        queue.taken += 1;
        queue.led = queue.taken;
        let day = queue.day;
        drop(queue);
        let error = writer.append(line, day, &self.options);
        drop(writer);
        self.say(error);
        true
    }

    pub(super) fn options(&self) -> &LogOptions {
        &self.options
    }

    /// Writes all that was handed over, and what could not be written before.
    pub(super) fn write_waiting(&self) {
        self.write_up_to(self.taken());
        let error = lock(&self.writer).write_waiting(&self.options);
        self.say(error);
    }

    /// Forces to the disk what is not there yet. The lock is not held meanwhile.
    pub(super) fn sync(&self) {
        let files = lock(&self.writer).take_dirty();
        for file in files {
            let result = file.sync();
            let error = lock(&self.writer).synced(file, result);
            self.say(error);
        }
    }

    fn stats(&self) -> LogStats {
        let writer = lock(&self.writer);
        let (waiting, dropped, errors) = (writer.waiting(), writer.dropped, writer.errors);
        let led = lock(&self.queue).led;
        LogStats { written: led - waiting - dropped, waiting, dropped, errors, torn_bytes: self.torn_bytes }
    }

    /// Tells the host of an error, with no lock held.
    fn say(&self, error: Option<io::Error>) {
        if let (Some(error), Some(callback)) = (error, &self.options.on_error) {
            callback(&error);
        }
    }

    /// How many lines were handed over, written or not.
    pub(super) fn taken(&self) -> u64 {
        lock(&self.queue).taken
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }
}

#[cfg(test)]
impl UsageLog {
    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.write_waiting();
        if self.options.sync != SyncPolicy::Never {
            self.sync();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::Error(error)) => Err(error),
        Err(fs::TryLockError::WouldBlock) => {
            let message = format!("the usage log is in use: {} is locked by another writer", path.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
        }
    }
}

impl fmt::Debug for UsageLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageLog").field("path", &self.0.path).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
