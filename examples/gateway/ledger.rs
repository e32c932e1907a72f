//! What each request cost: in a usage log, from which budgets begin again after a restart.

use std::io::{self, Write};
use std::path::Path;

use tower_completions::auth::Limits;
use tower_completions::limit::{MemoryLimits, Subject};
use tower_completions::meter::log::{LogOptions, LogReader, UsageLog};
use tower_completions::meter::{MeterLayer, Receipt};

use super::config::Config;

/// Opens a usage log.
pub(crate) fn open(path: &Path) -> Result<UsageLog, String> {
    let options = LogOptions::new().on_error(|error| {
        let _nobody_reads = writeln!(io::stderr(), "gateway: the usage log: {error}");
    });
    UsageLog::open(path, options).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a receipt for each request into the log, if there is one.
pub(crate) fn meter(log: Option<UsageLog>) -> MeterLayer {
    match log {
        Some(log) => MeterLayer::new(log),
        None => MeterLayer::new(|_: &Receipt| {}),
    }
}

/// Counts what a log says was spent.
pub(crate) fn restore(store: &MemoryLimits, path: &Path, config: &Config) -> Result<(), String> {
    let subjects = |key: &str| {
        let limits = config.limits.get(key).copied().filter(|limits: &Limits| limits.budget.is_some());
        limits.map(|limits| Subject::caller(key, limits)).into_iter().collect()
    };
    let restored = LogReader::open(path).and_then(|log| store.restore_log(log, subjects));
    restored.map(drop).map_err(|error| format!("{}: {error}", path.display()))
}
