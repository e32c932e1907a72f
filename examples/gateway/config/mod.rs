//! What the gateway is told to be: a TOML file, checked to the last field before a port is opened.

mod capacity;
mod limits;
mod models;
mod prices;
mod provider;
mod read;
mod routing;
mod table;
#[cfg(test)]
mod tests;
mod timeouts;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tower_completions::price::Price;
use tower_completions::{Limits, MemoryKeys, Secret};

pub(crate) use capacity::Shed;
pub(crate) use limits::{Counters, OnStoreError};
pub(crate) use read::{check_listen, parse, parse_again};
pub(crate) use routing::{Health, Retry};
pub(crate) use timeouts::Timeouts;

/// A configuration in which everything is known to be usable.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) timeouts: Timeouts,
    /// After which silence a client hears that its stream is alive, if at all.
    pub(crate) keep_alive: Option<Duration>,
    /// Without it, there may be as much as there is.
    pub(crate) shed: Option<Shed>,
    /// How long answers may take to end once the gateway is told to stop.
    pub(crate) drain: Duration,
    pub(crate) retry: Retry,
    pub(crate) health: Health,
    pub(crate) providers: Vec<Provider>,
    pub(crate) models: Vec<Model>,
    pub(crate) keys: MemoryKeys,
    /// The limits of each key, by its id.
    pub(crate) limits: HashMap<String, Limits>,
    /// Where the usage log is, if there is one.
    pub(crate) usage: Option<PathBuf>,
    /// Whether any key is of high priority.
    pub(crate) has_important: bool,
    pub(crate) counters: Counters,
}

#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) place: Place,
    /// In what it differs from OpenAI; `None` if its address tells, or nothing.
    pub(crate) profile: Option<String>,
    /// Azure's.
    pub(crate) api_version: Option<String>,
    /// The key that signs requests to Bedrock.
    pub(crate) signing: Option<Signing>,
    /// Whether its answers are read on when their clients have left, for the figure at the end.
    pub(crate) reads_on: bool,
}

/// An access key of AWS's, and the region that it signs for.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
}

/// The protocol that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Azure,
}

/// Where a provider is.
#[derive(Debug)]
pub(crate) enum Place {
    Remote {
        base_url: String,
        key: Option<Secret>,
    },
    /// Amazon's own place in a region.
    Region {
        region: String,
        key: Option<Secret>,
    },
    /// In this process: a mock, for which nobody pays.
    Mock,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) id: String,
    /// At least one.
    pub(crate) targets: Vec<Target>,
    pub(crate) balance: Balance,
    /// The model whose capabilities it has, where its own name does not tell them.
    pub(crate) capabilities_of: Option<String>,
    /// As the file says, or the provider's list price; `None` if nobody knows.
    pub(crate) price: Option<Price>,
    /// Who stands in for it, by the kind of trouble.
    pub(crate) fallbacks: Vec<String>,
    pub(crate) context_window_fallbacks: Vec<String>,
    pub(crate) content_policy_fallbacks: Vec<String>,
}

/// Where a model is asked.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) provider: String,
    /// Its name there.
    pub(crate) upstream: String,
    pub(crate) weight: u32,
}

/// How one of several targets is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Balance {
    #[default]
    LeastLoaded,
    Weighted,
    InOrder,
}
