//! Looks for inputs that cost more than their length: pieces of the kept corpus, repeated, at two lengths.
//!
//! ```sh
//! cargo run --release --example pump            # every target
//! cargo run --release --example pump -- gemini  # one
//! ```
//!
//! What is eight times as long may cost eight times as much. The time is that of the thread on its processor, so that
//! other work on the machine does not count; what is suspected is measured again, and at twice the length.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use tower_completions_fuzz::WORK;

/// The two lengths.
const SHORT: usize = 32 << 10;
const LONG: usize = 8 * SHORT;

/// Eight would be linear, and 64 quadratic.
const SUSPECT: u64 = 24;

/// What is over so soon is not looked into, in nanoseconds.
const NOTHING: u64 = 20_000_000;

/// How many repetitions are tried for each file.
const TRIES: usize = 24;

fn main() -> ExitCode {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let mut found = 0;
    for (name, work) in WORK.into_iter().filter(|(name, _)| only.is_empty() || only.iter().any(|only| only == name)) {
        let mut worst = (0, String::new());
        let mut tried = 0;
        for (file, bytes) in files(name) {
            for repeated in repetitions(&bytes) {
                tried += 1;
                let long = cost(work, &repeated.of(LONG));
                if long > worst.0 {
                    worst = (long, format!("{file} {:?}", repeated.unit()));
                }
                if long < NOTHING {
                    continue;
                }
                let factor = |long: u64, short: usize| long / cost(work, &repeated.of(short)).max(NOTHING / 40);
                let is_suspect = |factor: u64| factor > SUSPECT;
                let first = factor(long, SHORT);
                let again = || factor(cost(work, &repeated.of(2 * LONG)), 2 * SHORT);
                if is_suspect(first) && (0..3).all(|_| is_suspect(again())) {
                    found += 1;
                    eprintln!("{name}: {file} with {:?} repeated costs {first} times as much", repeated.unit());
                    let kept = format!("artifacts/pump-{name}-{found}");
                    if fs::write(&kept, repeated.of(LONG)).is_ok() {
                        eprintln!("  see fuzz/{kept}");
                    }
                }
            }
        }
        let (nanos, what) = worst;
        println!("{name}: {tried} tried, at most {} us for 256 KiB: {what:.160}", nanos / 1_000);
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn files(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).expect("a corpus").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).expect("bytes"))).collect()
}

/// A file in which a part is repeated.
#[derive(Clone, Copy)]
struct Repeated<'a> {
    file: &'a [u8],
    from: usize,
    to: usize,
    /// Whether the numbers and names in it are counted on, so that none stands twice.
    counted: bool,
}

/// The fields whose values name something.
const NAMES: [&[u8]; 5] = [b"id\"", b"Id\"", b"name\"", b"index\"", b"Index\""];

impl Repeated<'_> {
    fn of(&self, length: usize) -> Vec<u8> {
        let unit = &self.file[self.from..self.to];
        let mut out = self.file[..self.from].to_vec();
        for at in 0.. {
            if self.counted { counted(unit, at, &mut out) } else { out.extend_from_slice(unit) }
            if out.len() >= length {
                break;
            }
        }
        out.extend_from_slice(&self.file[self.to..]);
        out
    }

    fn unit(&self) -> String {
        String::from_utf8_lossy(&self.file[self.from..self.to]).chars().take(60).collect()
    }
}

/// The part with another number at the end of each name, and in the place of each index.
fn counted(unit: &[u8], number: usize, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < unit.len() {
        let rest = &unit[at..];
        let name = NAMES.iter().find(|name| rest.starts_with(name));
        let Some(name) = name else {
            out.push(unit[at]);
            at += 1;
            continue;
        };
        out.extend_from_slice(name);
        at += name.len();
        let between = unit[at..].iter().take_while(|byte| matches!(byte, b':' | b' ')).count();
        out.extend_from_slice(&unit[at..at + between]);
        at += between;
        if unit.get(at) == Some(&b'"') {
            let end = unit[at + 1..].iter().position(|byte| *byte == b'"').map_or(unit.len(), |end| at + 1 + end);
            out.extend_from_slice(&unit[at..end]);
            out.extend_from_slice(number.to_string().as_bytes());
            at = end;
        } else {
            let digits = unit[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                out.extend_from_slice(number.to_string().as_bytes());
            }
            at += digits;
        }
    }
}

/// Parts at random, lines, and what stands between brackets.
fn repetitions(file: &[u8]) -> Vec<Repeated<'_>> {
    const HEAD: usize = 3;
    let mut random = file.iter().fold(7_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound.max(1)
    };
    let mut parts = Vec::new();
    let length = file.len().saturating_sub(HEAD);
    if length == 0 {
        return parts;
    }
    let mut push = |from: usize, to: usize| {
        if from < to && to <= file.len() {
            let part = Repeated { file, from, to, counted: false };
            parts.push(part);
            if NAMES.iter().any(|name| file[from..to].windows(name.len()).any(|window| window == *name)) {
                parts.push(Repeated { counted: true, ..part });
            }
        }
    };
    for at in 0..TRIES {
        let from = HEAD + below(length);
        let rest = &file[from..];
        let end = |byte: u8| rest.iter().position(|other| *other == byte).map_or(rest.len(), |at| at + 1);
        match at % 6 {
            0 => push(from, from + 1),
            1 => push(from, from + 1 + below(16)),
            // From a line's end to the next: whole lines, and events.
            2 => {
                let from = from + end(b'\n');
                push(from, from + file[from..].iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1));
            }
            // An element with its comma.
            3 | 4 => element(file, from).into_iter().for_each(|(from, to)| push(from, to)),
            _ => push(from, from + end(b',')),
        }
    }
    parts
}

/// The next object or array behind a position that a comma follows.
fn element(file: &[u8], from: usize) -> Option<(usize, usize)> {
    let begin = from + file[from..].iter().position(|byte| matches!(byte, b'{' | b'['))?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in file.iter().enumerate().skip(begin) {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (file.get(at + 1) == Some(&b',')).then_some((begin, at + 2));
                }
            }
            _ => {}
        }
    }
    None
}

/// How long the thread was on its processor for this, in nanoseconds.
fn cost(work: fn(&[u8]), bytes: &[u8]) -> u64 {
    let before = on_processor();
    work(bytes);
    on_processor() - before
}

fn on_processor() -> u64 {
    // The kernel brings the figure up to date when it looks whether somebody else is to run.
    std::thread::yield_now();
    let told = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    told.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number")
}
