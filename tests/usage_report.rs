//! The example `usage_report` as its users meet it: a process with arguments, files and streams.
//!
//! It is built here if it has to be. `UPDATE_GOLDEN=1` writes what it says into `tests/golden/usage_report`, to be looked at.
#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

/// Its own unit tests. An example with `test = true` would not be built as a program any more.
#[path = "../examples/usage_report/main.rs"]
#[allow(dead_code, reason = "here it is only tested")]
mod example;

#[path = "support/built.rs"]
mod built;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tower_completions::meter::log::{LogOptions, UsageLog};
use tower_completions::meter::{Outcome, Receipt, UsageSink};
use tower_completions::{Usage, UsageSource};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/usage_report");

/// The program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built::example("usage_report"))
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end in a folder: the code, and what it said on stdout and stderr.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    said(command(folder, args).output().unwrap())
}

fn said(output: Output) -> (Option<i32>, String, String) {
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("usage_report").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn line(id: &str, key: &str, cost: &str) -> String {
    format!(
        r#"{{"id":"{id}","time":"2026-11-30T12:00:00Z","key":"{key}","model":"m","outcome":"complete","cost_usd":"{cost}"}}"#
    )
}

/// What is said is what is written in a file.
fn golden(file: &str, said: &str) {
    let path = Path::new(GOLDEN).join(file);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, said).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(said == expected, "{file} differs; UPDATE_GOLDEN=1 writes it anew. It is:\n{said}");
}

#[test]
fn odd_lines_are_counted_or_named_as_text() {
    let (code, out, err) = run(Path::new(GOLDEN), &["odd.jsonl"]);
    assert_eq!(code, Some(0));
    golden("key_model.txt", &out);
    golden("notes.txt", &err);
    assert!(!out.contains('\x1b') && !err.contains("secret"));
}

#[test]
fn odd_lines_are_counted_or_named_as_csv() {
    let (code, out, err) = run(Path::new(GOLDEN), &["--format", "csv", "--by", "day,key,model", "odd.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    golden("day_key_model.csv", &out);
}

#[test]
fn a_page_needs_nothing_but_itself_and_no_name_is_html() {
    let folder = folder("page");
    let page = folder.join("page.html");
    let (code, out, _) =
        run(Path::new(GOLDEN), &["--by", "key,model", "--output", page.to_str().unwrap(), "odd.jsonl"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let page = fs::read_to_string(page).unwrap();
    golden("page.html", &page);
    for hole in ["<script", "javascript:", "http:", "https:", "src=", "href=", "url(", "@import", "\u{1b}", "\u{202e}"]
    {
        assert!(!page.contains(hole), "{hole}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("default-src 'none'"));
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no half of a page is left");
}

#[test]
fn filters_leave_out_what_is_not_asked_for() {
    let rows = |args: &[&str]| {
        let (code, out, err) =
            run(Path::new(GOLDEN), &[args, &["--format", "csv", "--by", "day,key", "odd.jsonl"]].concat());
        assert_eq!(code, Some(0), "{err}");
        let rows = out.lines().skip(1).map(|row| row.splitn(4, ',').take(3).collect::<Vec<_>>().join(" "));
        rows.collect::<Vec<_>>()
    };
    assert_eq!(rows(&["--key", "alice"]), ["2026-11-22 alice 2", "2026-11-23 alice 1"]);
    assert_eq!(rows(&["--key", "alice", "--model", "o3"]), ["2026-11-23 alice 1"]);
    assert_eq!(rows(&["--key", "alice", "--to", "2026-11-22"]), ["2026-11-22 alice 2"]);
    assert_eq!(
        rows(&["--key", "alice", "--from", "2026-11-22T23:00:00Z"]),
        ["2026-11-22 alice 1", "2026-11-23 alice 1"]
    );
    assert_eq!(rows(&["--key", ""]), ["2026-11-24  2"]);
    assert!(rows(&["--from", "2027-01-01"]).is_empty());
}

#[test]
fn logs_are_read_in_order_with_what_they_were_rotated_into() {
    let folder = folder("rotated");
    for (file, id) in [("usage.2026-11-29.0001.jsonl", "1"), ("usage.2026-11-29.0002.jsonl", "2"), ("usage.jsonl", "3")]
    {
        fs::write(folder.join(file), format!("torn\n{}\n", line(id, "alice", "0.000000001"))).unwrap();
    }
    fs::write(folder.join("usage.jsonl.lock"), "").unwrap();
    fs::write(folder.join("other.jsonl"), line("4", "bob", "1") + "\n" + &line("1", "alice", "1")).unwrap();
    let (code, out, err) = run(&folder, &["--rotated", "--by", "key", "--format", "csv", "usage.jsonl", "other.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\nalice,3,3,0,0,0,0,0,0,0,0,0,0,0.000000003,0,"), "{out}");
    assert!(out.contains("\nbob,1,1,0,0,0,0,0,0,0,0,0,0,1.000000000,0,"), "{out}");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let expected = format!(
        "8 lines in 4 logs, {} B.
3 lines were not understood and do not count: usage.2026-11-29.0001.jsonl:1 (invalid JSON at byte 1), \
usage.2026-11-29.0002.jsonl:1 (invalid JSON at byte 1), usage.jsonl:1 (invalid JSON at byte 1).
1 line has an id that was there before, and counted once.
",
        files.sum::<u64>()
    );
    assert_eq!(err, expected);
}

#[test]
fn what_a_usage_log_writes_is_read_to_the_last_nano_dollar() {
    let folder = folder("written");
    let log = UsageLog::open(folder.join("usage.jsonl"), LogOptions::new().max_bytes(10_000)).unwrap();
    for number in 0..100_u64 {
        let time = Duration::from_millis(1_796_040_000_000 + number);
        let mut receipt = Receipt::new(format!("r-{number}"), time, "gpt-4o-mini");
        receipt.key = Some("alice".into());
        receipt.outcome = if number < 90 { Outcome::Complete } else { Outcome::Aborted };
        receipt.usage = Usage { input: 1, cache_read: 10, output: 100, reasoning: 1_000, ..Usage::default() };
        receipt.usage_source = if number < 90 { UsageSource::Reported } else { UsageSource::Estimated };
        receipt.cost = (number != 50).then_some(1_000_000_001);
        receipt.first_byte = Some(Duration::from_millis(20));
        receipt.duration = Duration::from_millis(500);
        log.record(&receipt);
    }
    drop(log);
    let args = ["--rotated", "--by", "day,key,model", "--format", "csv", "usage.jsonl"];
    let (code, out, err) = run(&folder, &args);
    assert_eq!(code, Some(0), "{err}");
    let row = "2026-11-30,alice,gpt-4o-mini,100,90,10,0,0,0,1100,1000,0,110000,100000,10,99.000000099,1,500,500,20,20";
    assert_eq!(out.lines().skip(1).collect::<Vec<_>>(), [row]);
    assert!(err.starts_with("100 lines in ") && !err.contains(" in 1 log") && !err.contains("not understood"), "{err}");
}

#[test]
fn a_stream_is_a_log_too() {
    let mut child =
        command(Path::new(GOLDEN), &["--by", "key", "--progress", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let log = [line("1", "alice", "0.1"), "x".repeat(3 << 20), line("2", "alice", "0.2")].join("\n");
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let (code, out, err) = said(child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("alice         2       0           0  0.30"), "{out}");
    assert!(err.contains("read 3.15 MB\n3 lines in 1 log"), "{err}");
    assert!(err.contains("standard input:2 (longer than 1 MiB)"), "{err}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_read_or_written() {
    let folder = folder("refused");
    let log = line("1", "alice", "0.1");
    fs::write(folder.join("usage.jsonl"), &log).unwrap();
    fs::write(folder.join("usage.jsonl.1.gz"), b"\x1f\x8b\x08\0").unwrap();
    for (args, code, reason) in [
        (&[][..], 2, "which usage log?"),
        (&["--by", "colour", "usage.jsonl"], 2, "--by \"colour\""),
        (&["usage.jsonl", "./usage.jsonl"], 2, "./usage.jsonl would be read twice"),
        (&["-", "-"], 2, "standard input would be read twice"),
        (&["--output", "usage.jsonl", "usage.jsonl"], 2, "--output would overwrite the log usage.jsonl"),
        (&["usage.jsonl", "nowhere.jsonl"], 1, "nowhere.jsonl: cannot be read"),
        (&["."], 1, ".: a folder"),
        (&["--rotated", "usage.jsonl"], 1, "usage.jsonl.1.gz: cannot be read: it is compressed"),
        (&["--output", "no/where.html", "usage.jsonl"], 1, "no/where.html: cannot be written"),
    ] {
        let (ended, out, err) = run(&folder, args);
        assert_eq!((ended, out.as_str()), (Some(code), ""), "{args:?}");
        assert!(err.starts_with("usage_report: ") && err.contains(reason), "{args:?}: {err}");
    }
    assert_eq!(fs::read_to_string(folder.join("usage.jsonl")).unwrap(), log);
    assert_eq!(run(&folder, &["--help"]).0, Some(0));
}

/// Memory while a log is read that is as long as is said. The kernel knows it on Linux alone.
#[cfg(target_os = "linux")]
mod memory {
    use super::*;

    /// What a process holds in memory, in kB.
    fn resident(process: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Writes lines to the program until there are so many bytes, and compares its memory with that after a sixth of them.
    fn stays_flat(bytes: usize, args: &[&str], model: impl Fn(u64) -> u64) {
        let mut child = command(Path::new(GOLDEN), &[args, &["--remember", "10000", "-"]].concat());
        let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let (mut written, mut number, mut early) = (0, 0_u64, None);
        let mut block = String::new();
        while written < bytes {
            block.clear();
            while block.len() < 1 << 16 {
                number += 1;
                let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
                block += &format!(
                    concat!(
                        r#"{{"id":"r-{}","time":"2026-11-{:02}T12:00:00.000Z","key":"key-{}","model":"model-{}","provider":"openai","#,
                        r#""served_model":"gpt-4o-mini","upstream_model":"gpt-4o-mini-2024-07-18","stream":true,"status":200,"#,
                        r#""outcome":"complete","prompt_tokens":{},"cached_tokens":0,"completion_tokens":{},"#,
                        r#""reasoning_tokens":0,"usage_source":"reported","cost_usd":"0.000{:06}","attempts":1,"#,
                        r#""first_byte_ms":{},"duration_ms":{}}}"#,
                        "\n"
                    ),
                    number,
                    noise % 30 + 1,
                    noise % 50,
                    model(number),
                    noise % 10_000,
                    noise % 1_000,
                    noise % 1_000_000,
                    noise % 900,
                    noise % 60_000,
                );
            }
            // What has been written is read already, but for what a pipe holds.
            to.write_all(block.as_bytes()).unwrap();
            written += block.len();
            if written >= bytes / 6 {
                early.get_or_insert_with(|| resident(child.id()));
            }
        }
        let (early, late) = (early.unwrap(), resident(child.id()));
        drop(to);
        let (code, out, err) = said(child.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains(&format!("\n{number}\n")) || err.contains("lines in 1 log"), "{out}");
        assert!(late < 64 << 10, "{late} kB");
        assert!(late - early.min(late) < 8 << 10, "{early} kB, then {late} kB");
    }

    #[test]
    fn it_does_not_grow_with_the_log() {
        stays_flat(6 << 20, &["--by", "key,model", "--format", "html"], |number| number % 20);
    }

    #[test]
    fn it_does_not_grow_with_names_that_clients_make_up() {
        stays_flat(6 << 20, &["--by", "day,model", "--groups", "1000"], |number| number);
    }

    #[test]
    #[ignore = "reads 300 MB"]
    fn it_does_not_grow_with_a_large_log() {
        stays_flat(300 << 20, &["--by", "key,model", "--format", "html"], |number| number % 20);
    }
}
