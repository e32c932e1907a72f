//! A soak: the example gateway at half of the rate that it can bear, for half an hour, with clients that leave and providers
//! that fail. Afterwards memory, files, limits and ledger have to be where they were, or where the arithmetic says.
//!
//! ```sh
//! cargo bench --bench soak --features jemalloc -- --seconds 1800
//! cargo bench --bench soak --features jemalloc -- --seconds 60          # a quick one
//! scripts/soak.py target/tmp/soak                                       # its plot and its table
//! ```
//!
//! `--find-rate` only tells the highest rate, and `--max-rate N` takes one that is known. Clients and providers are in this
//! process, the gateway is one of its own. It ends with 1 if a check fails; `summary.json` and `samples.csv` tell the rest.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "/proc is where the figures are"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are measurements")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "what is measured is printed")]

mod args;
mod checks;
mod client;
mod configuration;
mod course;
mod ledger;
mod limits;
mod load;
mod plan;
#[path = "../../tests/support/process.rs"]
mod process;
mod provider;
mod slots;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(args) = args::parse(std::env::args().skip(1)) else {
        println!("on Linux: cargo bench --bench soak --features jemalloc -- --seconds 1800");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(course::run(&args))
}
