//! The sections of the file, in the order in which they are documented.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tower_completions::auth::{KeyErrorKind, Principal, Priority};
use tower_completions::{Key, Limits, MemoryKeys, ModelFilter};

use super::capacity::{drain, priority, shed};
use super::limits::{Counters, counters, limits};
use super::models::models;
use super::provider::providers;
use super::routing::{health, retry};
use super::table::{Refusal, Table, Value};
use super::timeouts::{keep_alive, timeouts};
use super::{Config, Health, Retry, Timeouts};

/// The environment: a variable's value, if there is one that is UTF-8.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a gateway listens if the file does not say.
const LISTEN: &str = "127.0.0.1:8080";
const MOVED: &str = "cannot change while the gateway runs; it has to be started anew";

/// Reads a configuration.
pub(crate) fn parse(source: &str, env: Environment<'_>) -> Result<Config, Refusal> {
    parse_again(source, env, None)
}

/// Reads a configuration for a gateway that runs already, and listens where the file said before.
pub(crate) fn parse_again(source: &str, env: Environment<'_>, bound: Option<&str>) -> Result<Config, Refusal> {
    let mut file = Table::parse(source)?;
    let moved = |listen: &str| bound.is_some_and(|bound| bound != listen);
    let listen = match file.take("listen") {
        Some(listen) => {
            let address = check_listen(listen.text()?).map_err(|reason| listen.refuse(reason))?;
            if moved(&address) {
                return Err(listen.refuse(MOVED));
            }
            address
        }
        None if moved(LISTEN) => return Err(file.refuse("listen", MOVED)),
        None => LISTEN.to_owned(),
    };
    let timeouts = match file.take("timeouts") {
        Some(table) => timeouts(table.table()?)?,
        None => Timeouts::default(),
    };
    let keep_alive = file.take("keep_alive").map(|table| keep_alive(table.table()?)).transpose()?;
    let usage = file.take("usage").map(|table| usage(table.table()?)).transpose()?;
    let shed = file.take("shed").map(|table| shed(table.table()?)).transpose()?;
    let drain = drain(file.take("shutdown"))?;
    let counters = match file.take("limits") {
        Some(table) => counters(table.table()?)?,
        None => Counters::default(),
    };
    let retry = match file.take("retry") {
        Some(table) => retry(table.table()?)?,
        None => Retry::default(),
    };
    let health = match file.take("health") {
        Some(table) => health(table.table()?)?,
        None => Health::default(),
    };
    let providers = providers(file.tables("providers")?, env)?;
    let models = models(file.tables("models")?, &providers)?;
    let (keys, limits, has_important) = keys(file.tables("keys")?)?;
    file.finish()?;
    Ok(Config {
        listen,
        timeouts,
        keep_alive,
        shed,
        drain,
        retry,
        health,
        has_important,
        providers,
        models,
        keys,
        limits,
        counters,
        usage,
    })
}

fn usage(mut table: Table<'_>) -> Result<PathBuf, Refusal> {
    let path = table.require("path")?;
    let name = path.text()?;
    if name.is_empty() {
        return Err(path.refuse("is empty"));
    }
    table.finish()?;
    Ok(name.into())
}

/// Checks an address: a host, a colon and a port.
pub(crate) fn check_listen(address: &str) -> Result<String, &'static str> {
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(address.to_owned()),
        _ => Err("must be HOST:PORT, such as 127.0.0.1:8080; port 0 picks one"),
    }
}

/// The keys, the limits of each by its id, and whether any is of high priority.
fn keys(tables: Vec<Table<'_>>) -> Result<(MemoryKeys, HashMap<String, Limits>, bool), Refusal> {
    let mut ids = HashSet::new();
    let mut all_limits = HashMap::with_capacity(tables.len());
    let mut keys = Vec::with_capacity(tables.len());
    let mut secrets = HashMap::with_capacity(tables.len());
    let mut has_important = false;
    for mut table in tables {
        let priority = table.take("priority").map(|value| priority(&value)).transpose()?.unwrap_or_default();
        has_important |= priority == Priority::High;
        let limits = limits(&mut table)?;
        let (id, key, secret) = key(table, &mut ids, |id| Principal::new(id).limits(limits).priority(priority))?;
        keys.push(key);
        all_limits.insert(id.clone(), limits);
        secrets.insert(id, secret);
    }
    let keys = MemoryKeys::from_keys(keys).map_err(|error| secrets[error.id()].refuse(reason(error.kind())))?;
    Ok((keys, all_limits, has_important))
}

/// A key with its id, and the field that holds its secret.
fn key<'a>(
    mut table: Table<'a>,
    ids: &mut HashSet<String>,
    caller: impl FnOnce(&str) -> Principal,
) -> Result<(String, Key, Value<'a>), Refusal> {
    let id = unique(&table.require("id")?, ids)?;
    let caller = caller(&id);
    let caller = match table.take("models") {
        Some(models) => caller.models(ModelFilter::new(models.texts()?)),
        None => caller,
    };
    let (key, secret) = match (table.take("secret"), table.take("secret_sha256")) {
        (Some(_), Some(digest)) => return Err(digest.refuse("there is a secret already; give one of the two")),
        (None, None) => return Err(table.refuse("secret", "is missing, and so is secret_sha256")),
        (Some(secret), None) => (Key::new(caller, secret.text()?), secret),
        (None, Some(digest)) => (Key::from_sha256(caller, digest.text()?), digest),
    };
    let key = key.map_err(|error| secret.refuse(reason(error.kind())))?;
    table.finish()?;
    Ok((id, key, secret))
}

fn reason(kind: &KeyErrorKind) -> String {
    match kind {
        KeyErrorKind::EmptySecret => "is empty".to_owned(),
        KeyErrorKind::UnusableSecret => "may hold visible ASCII characters only".to_owned(),
        KeyErrorKind::MalformedSha256 => "must be 64 hexadecimal digits".to_owned(),
        KeyErrorKind::DuplicateSecret { other } => format!("is the secret of key {other:?}, too"),
        _ => "cannot be used".to_owned(),
    }
}

/// A name that no earlier table has.
pub(super) fn unique(value: &Value<'_>, taken: &mut HashSet<String>) -> Result<String, Refusal> {
    let name = value.text()?;
    if taken.insert(name.to_owned()) { Ok(name.to_owned()) } else { Err(value.refuse("is taken by an earlier one")) }
}
