//! What the command line says.

use std::path::PathBuf;

pub(crate) struct Args {
    /// How long the load lasts.
    pub(crate) seconds: u64,
    /// How long it is found out what the gateway can bear.
    pub(crate) find_seconds: u64,
    /// That, if it is known.
    pub(crate) max_rate: Option<f64>,
    /// Nothing but that is wanted.
    pub(crate) find_only: bool,
    /// Where samples and summary go.
    pub(crate) out: PathBuf,
    /// Whether the usage log stays.
    pub(crate) keep: bool,
}

/// With neither `--seconds` nor `--find-rate` there is nothing to do: nobody who runs all benchmarks waits for this one.
pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Option<Args> {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("soak");
    let mut parsed = Args { seconds: 0, find_seconds: 15, max_rate: None, find_only: false, out, keep: false };
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{arg} NUMBER"));
        match arg.as_str() {
            "--bench" => {}
            "--seconds" => parsed.seconds = number() as u64,
            "--find-seconds" => parsed.find_seconds = number() as u64,
            "--max-rate" => parsed.max_rate = Some(number()),
            "--find-rate" => parsed.find_only = true,
            "--keep" => parsed.keep = true,
            "--out" => parsed.out = args.next().expect("--out FOLDER").into(),
            _ => panic!("what is {arg}? There are --seconds, --find-seconds, --max-rate, --find-rate, --keep, --out"),
        }
    }
    (cfg!(target_os = "linux") && (parsed.seconds > 0 || parsed.find_only)).then_some(parsed)
}
