//! The models that clients can ask for: each on its targets, with retries, and with those that stand in for it.

use http::Request;
use tower::ServiceBuilder;
use tower_completions::client::Client;
use tower_completions::route::{self, RetryPolicy, StickyKey, Targets};
use tower_completions::translate::InvalidConfig;
use tower_completions::{ChatRequest, Model};

use super::config::{self, Config, Retry};
use super::provider::{Connected, anonymous, connect};

/// The models in the order of the file.
pub(crate) fn models(config: &Config, client: &Client) -> Result<Vec<Model>, InvalidConfig> {
    let providers = config.providers.iter().map(|provider| Ok((&*provider.name, connect(provider, config, client)?)));
    let providers = providers.collect::<Result<Vec<_>, InvalidConfig>>()?;
    Ok(config.models.iter().filter_map(|model| build(model, config, &providers)).collect())
}

fn build(model: &config::Model, config: &Config, providers: &[(&str, Box<dyn Connected>)]) -> Option<Model> {
    let connected = |target: &config::Target| {
        let (_, service) = providers.iter().find(|(name, _)| *name == target.provider)?;
        Some(service)
    };
    let retry = policy(&config.retry);
    let first = model.targets.first()?;
    // One that nobody stands in for is asked whether it is well or not: its health is nobody's business.
    let built = if model.targets.len() == 1 && model.fallbacks.is_empty() {
        connected(first)?.model(&model.id, retry).upstream(first.upstream.as_str())
    } else {
        let target = |target: &config::Target| {
            let name = format!("{}/{}", target.provider, target.upstream);
            let built = connected(target)?.target(name);
            Some(built.upstream(target.upstream.as_str()).weight(target.weight))
        };
        let targets = Targets::new(model.targets.iter().filter_map(target));
        let targets = targets.balance(balance(model.balance)).health(health(model, &config.health));
        let service = ServiceBuilder::new().map_request(anonymous).retry(retry).map_request(stick).service(targets);
        Model::new(model.id.as_str(), service)
    };
    let built = built
        .owned_by(first.provider.as_str())
        .fallbacks(ids(&model.fallbacks))
        .context_window_fallbacks(ids(&model.context_window_fallbacks))
        .content_policy_fallbacks(ids(&model.content_policy_fallbacks));
    Some(built)
}

/// Requests that a client says belong together go to the same target, which has their prompt in its cache.
fn stick(mut request: Request<ChatRequest>) -> Request<ChatRequest> {
    let key = request.body().given("prompt_cache_key").and_then(|key| key.as_str()).map(|key| key.into_owned());
    if let Some(key) = key {
        request.extensions_mut().insert(StickyKey::new(key));
    }
    request
}

fn ids(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(String::as_str)
}

fn policy(retry: &Retry) -> RetryPolicy {
    RetryPolicy::new().retries(retry.retries).backoff(retry.backoff, retry.max_wait).max_wait(retry.max_wait)
}

fn balance(balance: config::Balance) -> route::Balance {
    match balance {
        config::Balance::LeastLoaded => route::Balance::LeastLoaded,
        config::Balance::Weighted => route::Balance::Weighted,
        config::Balance::InOrder => route::Balance::InOrder,
    }
}

fn health(model: &config::Model, health: &config::Health) -> route::Health {
    let rests = route::Health::new().failures(health.failures).rest(health.rest, health.max_rest);
    if model.fallbacks.is_empty() { rests } else { rests.refuse_when_all_rest() }
}
