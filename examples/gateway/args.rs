//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
An OpenAI-compatible gateway for chat completions.

Usage: gateway [--config FILE] [--listen HOST:PORT]
       gateway --check FILE

  --config FILE        serve what this TOML file says; without it, mock providers that need no key and no network
  --listen HOST:PORT   listen there, whatever the file says; port 0 picks one
  --check FILE         only say whether the file is in order
  --help               print this

docs/gateway.md shows a file; docs/routing.md has its sections on fallbacks and retries.
";

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) config: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) check: bool,
    pub(crate) help: bool,
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, String> {
    let mut parsed = Args::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{} needs a value", arg.display()));
        match arg.to_str() {
            Some("--config") if parsed.config.is_none() => parsed.config = Some(value()?.into()),
            Some("--check") if parsed.config.is_none() => {
                parsed.config = Some(value()?.into());
                parsed.check = true;
            }
            Some("--listen") if parsed.listen.is_none() => {
                let address = value()?.into_string().unwrap_or_default();
                let address = super::config::check_listen(&address).map_err(|reason| format!("--listen {reason}"))?;
                parsed.listen = Some(address);
            }
            Some("--help" | "-h") => parsed.help = true,
            Some("--config" | "--check" | "--listen") => return Err(format!("{} is one too many", arg.display())),
            _ => return Err(format!("unknown argument {:?}; see --help", arg.display().to_string())),
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &str) -> Result<Args, String> {
        parse(args.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(read(""), Ok(Args::default()));
        let both = Args { config: Some("g.toml".into()), listen: Some("[::1]:0".into()), ..Args::default() };
        assert_eq!(read("--config g.toml --listen [::1]:0"), Ok(both));
        assert_eq!(read("--check g.toml"), Ok(Args { config: Some("g.toml".into()), check: true, ..Args::default() }));
        assert_eq!(read("-h"), Ok(Args { help: true, ..Args::default() }));
    }

    #[test]
    fn anything_else_is_refused() {
        for (args, reason) in [
            ("--config", "needs a value"),
            ("--conf g.toml", "unknown argument \"--conf\""),
            ("g.toml", "unknown argument"),
            ("--config a --config b", "one too many"),
            ("--config a --check b", "one too many"),
            ("--listen 8080", "HOST:PORT"),
            ("--listen 127.0.0.1:99999", "HOST:PORT"),
        ] {
            assert!(read(args).unwrap_err().contains(reason), "{args}");
        }
    }
}
