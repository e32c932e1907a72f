//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use super::calendar::{Day, Time};
use super::filter::Filter;
use super::groups::{Dimension, Sort};

pub(crate) const HELP: &str = "\
Who used what: reads usage logs and prints requests, tokens, cost, errors and times.

Usage: usage_report [OPTIONS] FILE...

  FILE              a usage log: JSON lines, as UsageLog writes them; - is standard input.
                    Several are read in the order in which they are named
  --rotated         before each FILE, what it was rotated into, oldest first

  --by LIST         a row for each of: key, model, provider, served_model, outcome, reason, day, month
                    (default: key,model)
  --sort ORDER      rows by name, or the largest first by cost, requests or tokens (default: name)
  --format FORMAT   text, csv, or html: a page that opens offline (default: by the ending of --output, or text)
  --output FILE     write there instead of to standard output, whole or not at all (also -o)

  --from TIME       only requests at this time or later: a day (2026-11-30) or a time (2026-11-30T18:00:00Z)
  --to TIME         only requests before this time, or on this day and before
  --key ID          only this caller's requests; may be repeated. '' is nobody's
  --model ID        only requests for this model; may be repeated

  --groups N        rows that are kept; what comes after them goes into one row (default: 100000)
  --remember N      ids that are remembered, so that a line that comes twice counts once (default: 1000000)
  --progress        say how far it is also where standard error is no terminal
  --help            print this

All times are in UTC. p50 and p99 are right to 1.5 %, and leave refused requests out. Memory depends on the number of
rows, not on the length of the logs. Lines that are not understood are counted and named on standard error.
";

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Csv,
    Html,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) rotated: bool,
    pub(crate) by: Vec<Dimension>,
    pub(crate) sort: Sort,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) groups: usize,
    pub(crate) remember: usize,
    pub(crate) progress: bool,
}

/// Reads the arguments, without the program's name. Nothing if only help is wanted.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Args>, String> {
    let mut parsed = Args {
        files: Vec::new(),
        rotated: false,
        by: vec![Dimension::Key, Dimension::Model],
        sort: Sort::Name,
        format: Format::Text,
        output: None,
        filter: Filter::default(),
        groups: 100_000,
        remember: 1_000_000,
        progress: false,
    };
    let mut format = None;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let name = arg.to_str().unwrap_or_default();
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
        let mut text = || value()?.into_string().map_err(|_| format!("{name}: the value is not UTF-8"));
        let refused = |text: &str, expected: &str| format!("{name} {text:?}: expected {expected}");
        match name {
            "--help" | "-h" => return Ok(None),
            "--rotated" => parsed.rotated = true,
            "--progress" => parsed.progress = true,
            "--by" => parsed.by = dimensions(&text()?)?,
            "--sort" => {
                let order = text()?;
                parsed.sort = Sort::named(&order).ok_or_else(|| refused(&order, "name, cost, requests or tokens"))?;
            }
            "--format" => {
                let word = text()?;
                format = Some(Format::named(&word).ok_or_else(|| refused(&word, "text, csv or html"))?);
            }
            "--output" | "-o" => parsed.output = Some(PathBuf::from(value()?)).filter(|path| path.as_os_str() != "-"),
            "--from" => {
                let from = text()?;
                let time = Time::parse(&from).or_else(|| Day::parse(&from).map(Day::start));
                parsed.filter.from = Some(time.ok_or_else(|| refused(&from, "2026-11-30 or 2026-11-30T18:00:00Z"))?);
            }
            "--to" => {
                let to = text()?;
                let time = Time::parse(&to).or_else(|| Day::parse(&to).map(Day::end));
                parsed.filter.to = Some(time.ok_or_else(|| refused(&to, "2026-11-30 or 2026-11-30T18:00:00Z"))?);
            }
            "--key" => parsed.filter.keys.push(text()?),
            "--model" => parsed.filter.models.push(text()?),
            "--groups" | "--remember" => {
                let digits = text()?;
                let number: u32 = digits.parse().map_err(|_| refused(&digits, "a whole number"))?;
                *(if name == "--groups" { &mut parsed.groups } else { &mut parsed.remember }) = number as usize;
            }
            _ if name.starts_with('-') && name != "-" => return Err(format!("unknown option {name:?}; see --help")),
            _ => parsed.files.push(arg.into()),
        }
    }
    if parsed.files.is_empty() {
        return Err("which usage log? Name files, or - for standard input; see --help".to_owned());
    }
    let ending = parsed.output.as_deref().and_then(|path| path.extension()?.to_str());
    parsed.format = format.or_else(|| ending.and_then(Format::named)).unwrap_or(Format::Text);
    Ok(Some(parsed))
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        match name {
            "text" | "txt" => Some(Self::Text),
            "csv" => Some(Self::Csv),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

fn dimensions(list: &str) -> Result<Vec<Dimension>, String> {
    let mut by = Vec::new();
    for name in list.split(',') {
        let known = || Dimension::ALL.map(Dimension::name).join(", ");
        let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name.trim());
        let dimension = dimension.ok_or_else(|| format!("--by {name:?}: expected a list of {}", known()))?;
        if by.contains(&dimension) {
            return Err(format!("--by: {name} is one too many"));
        }
        by.push(dimension);
    }
    Ok(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &str) -> Result<Option<Args>, String> {
        parse(args.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_are_read() {
        let args = read("a.jsonl --by day,key --sort cost - --key alice --key bob -o x.html").unwrap().unwrap();
        assert_eq!(args.files, [PathBuf::from("a.jsonl"), PathBuf::from("-")]);
        assert_eq!(args.by, [Dimension::Day, Dimension::Key]);
        assert_eq!((args.sort, args.format), (Sort::Cost, Format::Html));
        assert_eq!(args.filter.keys, ["alice", "bob"]);
        assert_eq!(read("--format csv -o x.html a").unwrap().unwrap().format, Format::Csv);
        assert_eq!(read("a.csv").unwrap().unwrap().format, Format::Text);
        assert_eq!(read("a --help --what"), Ok(None));
    }

    #[test]
    fn a_day_is_meant_as_a_whole() {
        let args = read("a --from 2026-11-29 --to 2026-11-30").unwrap().unwrap();
        assert_eq!(args.filter.from, Time::parse("2026-11-29T00:00:00Z"));
        assert_eq!(args.filter.to, Time::parse("2026-12-01T00:00:00Z"));
        let args = read("a --to 2026-11-30T18:00:00Z").unwrap().unwrap();
        assert_eq!(args.filter.to, Time::parse("2026-11-30T18:00:00Z"));
    }

    #[test]
    fn anything_else_is_refused() {
        for (args, reason) in [
            ("", "which usage log?"),
            ("--by", "--by needs a value"),
            ("--by day,day a", "one too many"),
            ("--by hour a", "expected a list of key, model, provider"),
            ("--sort size a", "expected name, cost"),
            ("--format pdf a", "expected text, csv or html"),
            ("--from yesterday a", "expected 2026-11-30"),
            ("--groups -1 a", "a whole number"),
            ("--wat a", "unknown option \"--wat\""),
        ] {
            assert!(read(args).unwrap_err().contains(reason), "{args}");
        }
    }
}
