//! The full stack as a program: an OpenAI-compatible gateway, configured by a file.
//!
//! ```sh
//! cargo run --example gateway                                     # mock providers: no key, no network
//! cargo run --release --example gateway -- --config gateway.toml
//! ```
//!
//! `stack.rs` is the part to read first. SIGHUP reads the file again, SIGTERM and SIGINT end it in order.

mod args;
mod config;
mod demo;
mod drain;
mod kept;
mod ledger;
mod models;
mod provider;
mod reload;
mod serve;
mod stack;
mod upload;

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_completions::meter::log::UsageLog;

use args::Args;
use config::Config;
use kept::Kept;
use reload::{Exchange, Hangups};
use serve::End;

/// The allocator of glibc keeps what ten thousand streams have used; this one gives it back within seconds.
#[cfg(all(feature = "jemalloc", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long the last settlements have to arrive in Redis.
const FLUSH: Duration = Duration::from_secs(2);

/// What the process ends with: bad arguments and files are 2, trouble at run time is 1.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn configuration(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    fn running(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(io::stderr(), format_args!("gateway: {}\n", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

async fn run() -> Result<(), Failure> {
    let args = args::parse(env::args_os().skip(1)).map_err(Failure::configuration)?;
    if args.help {
        say(io::stdout(), args::HELP);
        return Ok(());
    }
    let mut config = read(&args, None)?;
    if args.check {
        config.usage = None; // no log is opened for a look at the file
    }
    let (cut, cut_off) = watch::channel(false);
    let mut kept = Kept::new(cut_off);
    let stack = stack::stack(&config, &mut kept).map_err(Failure::configuration)?;
    if args.check {
        return Ok(());
    }

    let address = args.listen.as_deref().unwrap_or(&config.listen);
    let listener = listen(address).await?;
    let url = format!("http://{}", listener.local_addr().map_err(Failure::running)?);
    if args.config.is_none() {
        say(io::stderr(), demo::curl_lines(&config, &url));
    }
    let (drain, bound) = watch::channel(config.drain);
    let end = End { stop: signals(1)?, hurry: signals(2)?, bound, cut };
    let mut hangups = Hangups::new(args.config.is_some()).map_err(Failure::running)?;
    say(io::stdout(), format_args!("listening on {url}\n"));

    let exchange = Exchange::new(stack);
    let bound_to = args.listen.is_none().then_some(config.listen);
    let reload = async {
        loop {
            hangups.next().await;
            let mut next = kept.clone();
            let again = read(&args, bound_to.as_deref()).and_then(|config| {
                let stack = stack::stack(&config, &mut next).map_err(Failure::configuration)?;
                Ok((stack, config.drain))
            });
            match again {
                Ok((stack, bound)) => {
                    kept = next;
                    exchange.put(stack);
                    drain.send_replace(bound);
                    say(io::stderr(), "gateway: the configuration was read again\n");
                }
                Err(refusal) => {
                    say(io::stderr(), format_args!("gateway: {}\ngateway: nothing has changed\n", refusal.message));
                }
            }
        }
    };
    tokio::select! {
        () = serve::serve(listener, exchange.clone(), end) => {}
        () = reload => {}
    }
    if let Some(Err(error)) = kept.log().map(UsageLog::flush) {
        say(io::stderr(), format_args!("gateway: {error}\n"));
    }
    if let Some(redis) = kept.redis()
        && !redis.flush(FLUSH).await
    {
        say(io::stderr(), format_args!("gateway: {} settlements did not reach Redis\n", redis.backlog()));
    }
    Ok(())
}

fn signals(count: usize) -> Result<impl Future<Output = ()>, Failure> {
    serve::told_to_stop(count).map_err(Failure::running)
}

/// Reads the file. A gateway that runs already cannot listen anywhere else.
fn read(args: &Args, bound: Option<&str>) -> Result<Config, Failure> {
    let env = |name: &str| env::var(name).ok();
    let Some(path) = &args.config else {
        return config::parse(demo::FILE, &env)
            .map_err(|refusal| Failure::configuration(format!("demo.toml:{refusal}")));
    };
    let path_shown = path.display();
    let source = fs::read_to_string(path)
        .map_err(|error| Failure::configuration(format!("{path_shown}: cannot be read: {error}")))?;
    config::parse_again(&source, &env, bound)
        .map_err(|refusal| Failure::configuration(format!("{path_shown}:{refusal}")))
}

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; --listen HOST:PORT chooses another, and port 0 picks a free one",
            _ => "",
        };
        Failure::running(format!("cannot listen on {address}: {error}{hint}"))
    })
}

/// Writes for whoever reads; nobody may.
fn say(mut to: impl Write, text: impl Display) {
    let _ = write!(to, "{text}").and_then(|()| to.flush());
}
