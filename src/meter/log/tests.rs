//! The log in a folder of its own, and with a file that fails as it is told.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::writer::Output;
use super::{LogOptions, LogReader, SyncPolicy, UsageLog};
use crate::meter::{Receipt, UsageSink};

/// A folder that goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("usage-log-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn log(&self) -> PathBuf {
        self.0.join("usage.jsonl")
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with(".lock"));
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const NOON: u64 = 1_795_348_800; // 2026-11-22
const DAY: u64 = 86_400;

fn receipt(id: impl ToString, seconds: u64) -> Receipt {
    Receipt::new(id.to_string(), Duration::from_secs(seconds), "m")
}

/// The ids of all lines, each of which must be whole.
fn ids(path: &Path) -> Vec<String> {
    let lines = LogReader::open(path).unwrap().lines();
    lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).expect("a whole line");
            line["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn what_was_recorded_is_read_back_over_all_files() {
    let folder = Folder::new();
    let line = {
        let mut line = Vec::new();
        receipt("00", NOON).write_json(&mut line);
        line.len() as u64 + 1
    };
    let options = || LogOptions::new().max_bytes(2 * line);
    let log = UsageLog::open(folder.log(), options()).unwrap();
    for id in 10..15 {
        log.record(&receipt(id, NOON));
    }
    log.record(&receipt(15, NOON + DAY)); // another day, and the file is not full
    log.record(&receipt(16, NOON)); // it began before: a line goes where it is written
    assert_eq!(log.stats().written, 7);
    drop(log);
    // A process that begins on a later day keeps the file of the day before.
    let log = UsageLog::open(folder.log(), options()).unwrap();
    log.record(&receipt(17, NOON + 2 * DAY));
    let files = [
        "usage.2026-11-22.0001.jsonl",
        "usage.2026-11-22.0002.jsonl",
        "usage.2026-11-22.0003.jsonl",
        "usage.2026-11-23.0001.jsonl",
        "usage.jsonl",
    ];
    assert_eq!(folder.files(), files);
    assert_eq!(ids(&folder.log()), ["10", "11", "12", "13", "14", "15", "16", "17"]);
    assert_eq!(LogReader::open(folder.log()).unwrap().total_bytes(), 8 * line);
}

#[test]
fn one_writer_alone_has_the_log() {
    let folder = Folder::new();
    let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
    let refused = UsageLog::open(folder.log(), LogOptions::new()).unwrap_err();
    assert!(refused.kind() == ErrorKind::ResourceBusy && refused.to_string().contains("in use"), "{refused}");
    drop(log);
    assert!(UsageLog::open(folder.log(), LogOptions::new()).is_ok());
    assert!(UsageLog::open(folder.0.join("no/such/folder"), LogOptions::new()).is_err());
}

/// What kill -9 leaves, at each byte near the ends of a line and some between: no whole line is lost, and what was torn is set aside.
#[test]
fn a_torn_end_is_mended_wherever_it_is_torn() {
    let whole = {
        let mut line = Vec::new();
        receipt("whole \u{fc}", NOON).write_json(&mut line);
        line.push(b'\n');
        line
    };
    // Mending forces the disk, which takes its time.
    for cut in (0..=whole.len()).filter(|cut| *cut < 9 || cut % 17 == 0 || whole.len() - cut < 9) {
        let folder = Folder::new();
        fs::write(folder.log(), [&whole, &whole, &whole[..cut]].concat()).unwrap();
        let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
        log.record(&receipt("next", NOON));
        let is_whole = cut + 1 >= whole.len();
        let expected: &[&str] = if is_whole {
            &["whole \u{fc}", "whole \u{fc}", "whole \u{fc}", "next"]
        } else {
            &["whole \u{fc}", "whole \u{fc}", "next"]
        };
        assert_eq!(ids(&folder.log()), expected, "cut at {cut}");
        let torn = if is_whole { 0 } else { cut };
        assert_eq!(log.stats().torn_bytes, torn as u64);
        let aside = fs::read(folder.0.join("usage.jsonl.torn")).unwrap_or_default();
        assert_eq!(aside.strip_suffix(b"\n").unwrap_or_default(), &whole[..torn]);
    }
}

#[test]
fn zeros_of_a_crashed_machine_and_a_file_without_newlines_are_set_aside() {
    for (found, kept) in
        [([b"{\"id\":\"a\"}\n".as_slice(), &[0; 5000]].concat(), vec!["a", "b"]), (vec![b'x'; 3 << 20], vec!["b"])]
    {
        let folder = Folder::new();
        fs::write(folder.log(), &found).unwrap();
        let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
        log.record(&receipt("b", NOON));
        assert_eq!(ids(&folder.log()), kept);
        assert!(log.stats().torn_bytes >= 5000);
    }
}

#[test]
fn threads_share_writes_and_lose_nothing() {
    let folder = Folder::new();
    let log = UsageLog::open(folder.log(), LogOptions::new().max_bytes(64 << 10)).unwrap();
    let recorded = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (log, recorded, path) = (log.clone(), recorded.clone(), folder.log());
            std::thread::spawn(move || {
                for number in 0..250 {
                    let id = format!("{thread}-{number}");
                    log.record(&receipt(&id, NOON));
                    recorded.fetch_add(1, Ordering::SeqCst);
                    if number % 50 == 0 {
                        assert!(ids(&path).contains(&id), "it is there when `record` returns");
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut ids = ids(&folder.log());
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), log.stats().written), (2000, 2000));
    assert!(folder.files().len() > 3);
}

/// A file that does as it is told: so many bytes each time, or an error; when nothing is told, all.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Option<usize>>>,
    content: Mutex<Vec<u8>>,
    syncs: AtomicU64,
    sync_fails: AtomicU64,
    appends: AtomicU64,
}

impl Scripted {
    /// `None` is a full disk.
    fn then(&self, steps: impl IntoIterator<Item = Option<usize>>) {
        self.script.lock().unwrap().extend(steps);
    }

    fn ids(&self) -> Vec<String> {
        let content = self.content.lock().unwrap();
        let (lines, torn) = content.split_at(memchr::memrchr(b'\n', &content).map_or(0, |at| at + 1));
        assert_eq!(torn, b"");
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Output for Scripted {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let step = self.script.lock().unwrap().pop_front().unwrap_or(Some(usize::MAX));
        let written = step.ok_or(ErrorKind::StorageFull)?.min(bytes.len());
        self.content.lock().unwrap().extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.sync_fails.load(Ordering::SeqCst) > 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// A log over such a file, and what its host was told.
fn scripted(folder: &Folder, options: LogOptions) -> (UsageLog, Arc<Scripted>, Arc<AtomicU64>) {
    let told = Arc::new(AtomicU64::new(0));
    let options = LogOptions { pause: Duration::from_secs(3600), ..options }.on_error({
        let told = told.clone();
        move |error| {
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            told.fetch_add(1, Ordering::SeqCst);
        }
    });
    let log = UsageLog::open(folder.log(), options).unwrap();
    let file = Arc::new(Scripted::default());
    log.shared().writer().file = file.clone();
    (log, file, told)
}

#[test]
fn whoever_waits_at_the_same_time_shares_one_write_and_one_trip_to_the_disk() {
    let folder = Folder::new();
    let (log, file, _) = scripted(&folder, LogOptions::new().sync(SyncPolicy::Always));
    let busy = log.shared().writer();
    let threads: Vec<_> = (0..8)
        .map(|id| {
            let log = log.clone();
            std::thread::spawn(move || log.record(&receipt(id, NOON)))
        })
        .collect();
    while log.shared().taken() < 8 {
        std::thread::yield_now();
    }
    assert_eq!(file.appends.load(Ordering::SeqCst), 0);
    drop(busy);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((file.appends.load(Ordering::SeqCst), file.syncs.load(Ordering::SeqCst), file.ids().len()), (1, 1, 8));
}

#[test]
fn whoever_writes_writes_for_those_who_wait() {
    let folder = Folder::new();
    let (log, file, _) = scripted(&folder, LogOptions::new());
    log.shared().hand_over(b"{\"id\":\"a\"}\n", 0);
    log.record(&receipt("b", NOON));
    assert_eq!((file.appends.load(Ordering::SeqCst), file.ids().len(), log.stats().written), (1, 2, 2));
    log.record(&receipt("c", NOON));
    assert_eq!((file.appends.load(Ordering::SeqCst), log.stats().written), (2, 3));
    assert_eq!(file.ids(), ["a", "b", "c"]);
}

#[test]
fn what_is_submitted_at_the_same_moment_is_one_write() {
    let folder = Folder::new();
    let (log, file, _) = scripted(&folder, LogOptions::new().sync(SyncPolicy::Always));
    let submit = |id| tokio_test::task::spawn(log.submit(&receipt(id, NOON)));
    let mut recordings = ["a", "b", "c"].map(submit);
    assert!(recordings.iter_mut().all(|recording| recording.poll().is_pending()));
    assert_eq!((file.appends.load(Ordering::SeqCst), log.stats().written), (0, 0));
    assert!(recordings.iter_mut().all(|recording| recording.poll().is_ready()));
    assert_eq!(
        (file.appends.load(Ordering::SeqCst), file.syncs.load(Ordering::SeqCst), log.stats().written),
        (1, 1, 3)
    );
    drop(submit("d"));
    let waits = submit("e");
    log.flush().unwrap();
    assert_eq!(file.ids(), ["a", "b", "c", "d", "e"]);
    drop(waits);
    assert_eq!(log.stats().written, 5);
}

#[test]
fn what_could_not_be_forced_to_the_disk_is_tried_again() {
    for policy in [SyncPolicy::Never, SyncPolicy::Every(Duration::from_secs(1)), SyncPolicy::Always] {
        let folder = Folder::new();
        let (log, file, _) = scripted(&folder, LogOptions::new().sync(policy));
        file.sync_fails.store(1, Ordering::SeqCst);
        log.record(&receipt("a", NOON));
        assert!(log.worker().tick());
        assert!(log.flush().is_err(), "{policy:?}");
        assert!(log.flush().is_err(), "{policy:?}: nothing has changed");
        file.sync_fails.store(0, Ordering::SeqCst);
        let syncs = file.syncs.load(Ordering::SeqCst);
        log.flush().unwrap();
        assert_eq!(file.syncs.load(Ordering::SeqCst), syncs + 1, "{policy:?}");
        log.flush().unwrap();
        assert_eq!(file.syncs.load(Ordering::SeqCst), syncs + 1, "{policy:?}");
    }
}

#[test]
fn half_a_line_is_finished_before_anything_else() {
    let folder = Folder::new();
    let (log, file, told) = scripted(&folder, LogOptions::new());
    log.record(&receipt("a", NOON));
    file.then([Some(7), Some(3), None]);
    log.record(&receipt("b", NOON));
    log.record(&receipt("c", NOON));
    assert_eq!((log.stats().written, log.stats().waiting, log.stats().errors), (1, 2, 1));
    file.then([Some(11), None]); // the worker finds a little room
    assert!(log.worker().tick());
    assert_eq!((log.stats().waiting, log.stats().errors), (2, 2));
    log.record(&receipt("d", NOON));
    log.flush().unwrap();
    assert_eq!(file.ids(), ["a", "b", "c", "d"]);
    assert_eq!((log.stats().written, log.stats().waiting, log.stats().dropped), (4, 0, 0));
    assert_eq!(told.load(Ordering::SeqCst), 1, "once for each outage");
    file.then([None]);
    log.record(&receipt("e", NOON));
    assert_eq!(told.load(Ordering::SeqCst), 2);
    drop(log);
    assert_eq!(file.ids(), ["a", "b", "c", "d", "e"], "whoever goes last writes what waits");
}

#[test]
fn a_full_disk_takes_no_more_memory_than_it_may_and_each_line_is_counted() {
    let folder = Folder::new();
    let (log, file, told) = scripted(&folder, LogOptions::new().keep(2000));
    file.then([Some(10), None]);
    file.then(std::iter::repeat_n(None, 1000));
    for id in 0..100 {
        log.record(&receipt(id, NOON));
    }
    let stats = log.stats();
    assert!(stats.waiting >= 2 && stats.waiting <= 8, "{stats:?}");
    assert_eq!((stats.written, stats.waiting + stats.dropped), (0, 100));
    assert_eq!(stats.errors, 1, "not tried for each line");
    assert!(log.flush().unwrap_err().to_string().contains("could not be written"));
    file.script.lock().unwrap().clear();
    log.flush().unwrap();
    let expected: Vec<String> = (0..stats.waiting).map(|id| id.to_string()).collect();
    assert_eq!(file.ids(), expected, "the oldest are kept");
    log.record(&receipt("after", NOON));
    assert_eq!(log.stats().written, stats.waiting + 1);
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn of_what_is_submitted_together_as_much_is_kept_as_may_wait() {
    let folder = Folder::new();
    let length = {
        let mut line = Vec::new();
        receipt("a", NOON).write_json(&mut line);
        line.len() + 1
    };
    let (log, file, _) = scripted(&folder, LogOptions::new().keep(3 * length + 10));
    file.then(std::iter::repeat_n(None, 1000));
    let submit = |ids: &str| drop(ids.chars().map(|id| log.submit(&receipt(id, NOON))).collect::<Vec<_>>());
    // Some fit at once, and of the next some do as well.
    submit("a");
    submit("bcde");
    assert_eq!((log.stats().waiting, log.stats().dropped), (3, 2));
    file.script.lock().unwrap().clear();
    log.flush().unwrap();
    // As many at once as may not wait, of which half a line is written.
    file.then([Some(10)]);
    file.then(std::iter::repeat_n(None, 1000));
    submit("fghijk");
    assert_eq!((log.stats().waiting, log.stats().dropped), (3, 5));
    file.script.lock().unwrap().clear();
    log.flush().unwrap();
    assert_eq!(file.ids(), ["a", "b", "c", "f", "g", "h"], "the oldest are kept");
}

#[test]
fn each_policy_forces_to_the_disk_when_it_says_so() {
    for (policy, at_once, by_worker) in
        [(SyncPolicy::Never, 0, 0), (SyncPolicy::Every(Duration::from_millis(5)), 0, 1), (SyncPolicy::Always, 2, 2)]
    {
        let folder = Folder::new();
        let (log, file, told) = scripted(&folder, LogOptions::new().sync(policy));
        log.record(&receipt("a", NOON));
        log.record(&receipt("b", NOON));
        assert_eq!(file.syncs.load(Ordering::SeqCst), at_once, "{policy:?}");
        log.worker().tick();
        log.worker().tick();
        assert_eq!(file.syncs.load(Ordering::SeqCst), by_worker, "{policy:?}");
        file.sync_fails.store(1, Ordering::SeqCst);
        for id in 0..3 {
            log.record(&receipt(id, NOON));
            log.worker().tick();
        }
        // The worker tries again what whoever recorded could not do.
        let errors = if policy == SyncPolicy::Always { 6 } else { 3 * by_worker };
        assert_eq!((log.stats().errors, told.load(Ordering::SeqCst)), (errors, errors.min(1)), "{policy:?}");
        assert_eq!(log.stats().written, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn the_worker_ends_with_its_log() {
    let folder = Folder::new();
    let (log, file, _) = scripted(&folder, LogOptions::new().sync(SyncPolicy::Every(Duration::from_millis(50))));
    let worker = tokio::spawn(log.worker().run(tokio::time::sleep));
    log.record(&receipt("a", NOON));
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(file.syncs.load(Ordering::SeqCst), 1);
    drop(log);
    worker.await.unwrap();
}

/// A new file cannot be begun: the old one is written on, and it is tried again.
#[test]
fn what_cannot_be_rotated_is_written_on() {
    let folder = Folder::new();
    let told = Arc::new(AtomicU64::new(0));
    let options = LogOptions { pause: Duration::ZERO, ..LogOptions::new() }.max_bytes(100).on_error({
        let told = told.clone();
        move |_| _ = told.fetch_add(1, Ordering::SeqCst)
    });
    let log = UsageLog::open(folder.log(), options).unwrap();
    log.record(&receipt("a", NOON));
    let in_the_way = folder.0.join("usage.jsonl.new");
    fs::create_dir(&in_the_way).unwrap();
    log.record(&receipt("b", NOON));
    log.record(&receipt("c", NOON));
    assert_eq!((folder.files().len(), told.load(Ordering::SeqCst), log.stats().errors), (2, 1, 2));
    fs::remove_dir(&in_the_way).unwrap();
    log.record(&receipt("d", NOON));
    assert_eq!(folder.files(), ["usage.2026-11-22.0001.jsonl", "usage.jsonl"]);
    assert_eq!(ids(&folder.log()), ["a", "b", "c", "d"]);
}

#[test]
fn a_reader_mends_what_lacks_a_newline_and_skips_what_is_gone() {
    let folder = Folder::new();
    fs::write(folder.0.join("usage.2026-11-20.0001.jsonl"), "one\ntwo").unwrap();
    fs::write(folder.0.join("usage.2026-11-20.0002.jsonl"), "").unwrap();
    fs::write(folder.0.join("usage.2026-11-21.0001.jsonl"), "gone\n").unwrap();
    let reader = LogReader::open(folder.log()).unwrap();
    fs::remove_file(folder.0.join("usage.2026-11-21.0001.jsonl")).unwrap();
    fs::write(folder.log(), "late\n").unwrap();
    assert_eq!(reader.lines().collect::<Result<Vec<_>, _>>().unwrap(), ["one", "two"]);
    let reader = LogReader::open(folder.log()).unwrap();
    assert_eq!(reader.lines().collect::<Result<Vec<_>, _>>().unwrap(), ["one", "two", "late"]);
}

/// Killed between the two renames that begin a new file.
#[test]
fn a_log_goes_on_after_half_a_rotation() {
    let folder = Folder::new();
    let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
    log.record(&receipt("a", NOON));
    drop(log);
    fs::rename(folder.log(), folder.0.join("usage.2026-11-22.0001.jsonl")).unwrap();
    fs::write(folder.0.join("usage.jsonl.new"), "").unwrap();
    assert_eq!(ids(&folder.log()), ["a"]);
    let log = UsageLog::open(folder.log(), LogOptions::new().max_bytes(10)).unwrap();
    log.record(&receipt("b", NOON));
    log.record(&receipt("c", NOON));
    assert_eq!(ids(&folder.log()), ["a", "b", "c"]);
    assert_eq!(folder.files(), ["usage.2026-11-22.0001.jsonl", "usage.2026-11-22.0002.jsonl", "usage.jsonl"]);
}

/// What happens to a log.
#[derive(Clone, Debug)]
enum Step {
    Record(usize),
    /// Answers of these lengths end at the same moment.
    Submit(Vec<usize>),
    /// The next write takes so many bytes, or fails.
    Write(Option<usize>),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..300_usize).prop_map(Step::Record),
        2 => proptest::collection::vec(0..300_usize, 0..9).prop_map(Step::Submit),
        3 => proptest::option::of(1..400_usize).prop_map(Step::Write),
        1 => Just(Step::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a disk does, the file is a beginning of the lines that were not dropped, and in the end it is all of them.
    #[test]
    fn lines_are_whole_and_in_order_whatever_a_disk_does(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = Folder::new();
        let options = LogOptions { pause: Duration::ZERO, ..LogOptions::new().keep(1500) };
        let log = UsageLog::open(folder.log(), options).unwrap();
        let file = Arc::new(Scripted::default());
        log.shared().writer().file = file.clone();
        let (mut expected, mut recorded, mut dropped) = (Vec::new(), 0, 0);
        for step in steps {
            match step {
                Step::Write(step) => file.then([step]),
                Step::Tick => prop_assert!(log.worker().tick()),
                Step::Record(length) => {
                    let mut receipt = receipt(recorded, NOON);
                    receipt.model = "m".repeat(length).into();
                    log.record(&receipt);
                    recorded += 1;
                    if log.stats().dropped == dropped {
                        receipt.write_json(&mut expected);
                        expected.push(b'\n');
                    }
                    dropped = log.stats().dropped;
                }
                Step::Submit(lengths) => {
                    let (mut lines, mut recordings) = (Vec::new(), Vec::new());
                    for length in lengths {
                        let mut receipt = receipt(recorded, NOON);
                        receipt.model = "m".repeat(length).into();
                        recordings.push(log.submit(&receipt));
                        recorded += 1;
                        let mut line = Vec::new();
                        receipt.write_json(&mut line);
                        line.push(b'\n');
                        lines.push(line);
                    }
                    drop(recordings);
                    let more = log.stats().dropped - dropped;
                    expected.extend(lines[..lines.len() - more as usize].concat());
                    dropped += more;
                }
            }
            prop_assert!(expected.starts_with(&file.content.lock().unwrap()));
            let stats = log.stats();
            prop_assert_eq!(stats.written + stats.waiting + stats.dropped, recorded as u64);
        }
        file.script.lock().unwrap().clear();
        drop(log);
        prop_assert_eq!(&*file.content.lock().unwrap(), &expected);
    }
}

#[test]
fn a_day_begins_a_file_only_where_that_is_wanted() {
    for (daily, files) in [(true, 2), (false, 1)] {
        let folder = Folder::new();
        let log = UsageLog::open(folder.log(), LogOptions::new().daily(daily)).unwrap();
        log.record(&receipt("today", NOON));
        log.record(&receipt("tomorrow", NOON + DAY));
        assert_eq!(folder.files().len(), files);
        assert_eq!(ids(&folder.log()), ["today", "tomorrow"]);
    }
}

#[test]
fn a_log_is_read_in_any_way_that_a_file_is() {
    let folder = Folder::new();
    let log = UsageLog::open(folder.log(), LogOptions::new().max_bytes(1)).unwrap();
    (0..3).for_each(|id| log.record(&receipt(id, NOON)));
    let by_lines: Vec<String> = LogReader::open(folder.log()).unwrap().lines().collect::<Result<_, _>>().unwrap();
    let mut whole = String::new();
    io::Read::read_to_string(&mut LogReader::open(folder.log()).unwrap(), &mut whole).unwrap();
    assert_eq!((by_lines.len(), whole), (3, by_lines.join("\n") + "\n"));
    assert!(LogReader::open(folder.log().join("below a file")).is_err(), "only what is missing is empty");
}

#[tokio::test(start_paused = true)]
async fn the_worker_rests_as_long_as_the_policy_says() {
    let folder = Folder::new();
    let (log, file, _) = scripted(&folder, LogOptions::new().sync(SyncPolicy::Every(Duration::from_millis(50))));
    let _worker = tokio::spawn(log.worker().run(tokio::time::sleep));
    for round in 1..4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        log.record(&receipt(round, NOON));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(file.syncs.load(Ordering::SeqCst), round);
    }
}

#[test]
fn the_last_line_of_a_long_log_lacks_its_newline_and_is_kept() {
    let folder = Folder::new();
    let mut content = "{}\n".repeat(400_000).into_bytes();
    receipt("last", NOON).write_json(&mut content);
    fs::write(folder.log(), &content).unwrap();
    let log = UsageLog::open(folder.log(), LogOptions::new()).unwrap();
    assert_eq!(log.stats().torn_bytes, 0);
    drop(log);
    assert_eq!(fs::read(folder.log()).unwrap(), [&*content, b"\n"].concat());
}
