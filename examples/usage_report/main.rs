//! Who used what: reads usage logs and prints requests, tokens, cost, errors and times, by key, model and day.
//!
//! ```sh
//! cargo run --release --example usage_report -- usage.jsonl
//! cargo run --release --example usage_report -- --by day,key --output usage.html usage.jsonl
//! zcat usage-*.jsonl.gz | cargo run --release --example usage_report -- --format csv - >usage.csv
//! ```
//!
//! Logs are read once, line by line, whatever their length: `report.rs` is the part to read first. `columns.rs` says what
//! is shown, and `text.rs`, `csv.rs` and `html` how.

mod args;
mod calendar;
mod columns;
mod csv;
mod entry;
mod filter;
mod groups;
mod histogram;
mod html;
mod input;
mod notes;
mod numbers;
mod progress;
mod recent;
mod report;
mod rotated;
mod text;
mod totals;
mod visible;

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use args::{Args, Format};

/// What the process ends with: bad arguments are 2, what cannot be read or written is 1.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn arguments(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    fn running(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(io::stderr(), format_args!("usage_report: {}\n", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

fn run() -> Result<(), Failure> {
    let Some(args) = args::parse(env::args_os().skip(1)).map_err(Failure::arguments)? else {
        say(io::stdout(), args::HELP);
        return Ok(());
    };
    let sources = input::sources(&args)?;
    let report = report::read(&args, sources).map_err(Failure::running)?;
    let shown = match args.format {
        Format::Text => text::table(&report.table, args.sort),
        Format::Csv => csv::table(&report.table, args.sort),
        Format::Html => html::page(&report, args.sort),
    };
    write(&args, &shown)?;
    say(io::stderr(), report.notes.lines(&report).join("\n") + "\n");
    Ok(())
}

/// Standard output, or a file that is there as a whole or not at all.
fn write(args: &Args, shown: &str) -> Result<(), Failure> {
    let Some(path) = &args.output else {
        return match io::stdout().write_all(shown.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::running(error)),
            _ => Ok(()),
        };
    };
    let written = if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        fs::write(path, shown) // a link, a pipe, /dev/stdout
    } else {
        let mut beside = path.clone().into_os_string();
        beside.push(".part");
        fs::write(&beside, shown).and_then(|()| fs::rename(&beside, path))
    };
    written.map_err(|error| Failure::running(format!("{}: cannot be written: {error}", path.display())))
}

/// Writes for whoever reads; nobody may.
fn say(mut to: impl Write, text: impl Display) {
    let _ = write!(to, "{text}").and_then(|()| to.flush());
}
