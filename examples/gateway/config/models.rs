//! `[[models]]`: who answers each, and who stands in.

use std::collections::HashSet;

use super::prices::{list_price, price};
use super::read::unique;
use super::table::{Refusal, Table, Value};
use super::{Balance, Language, Model, Provider, Target};

pub(super) fn models(tables: Vec<Table<'_>>, providers: &[Provider]) -> Result<Vec<Model>, Refusal> {
    let mut ids = HashSet::new();
    let mut named = Vec::new();
    let models: Result<Vec<Model>, Refusal> =
        tables.into_iter().map(|table| model(table, &mut ids, providers, &mut named)).collect();
    let models = models?;
    match named.iter().find(|id| id.text().is_ok_and(|id| !ids.contains(id))) {
        Some(unknown) => Err(unknown.refuse("there is no model of this id")),
        None => Ok(models),
    }
}

/// Reads one model. The fallbacks that it names may be defined further on.
fn model<'a>(
    mut table: Table<'a>,
    ids: &mut HashSet<String>,
    providers: &[Provider],
    named: &mut Vec<Value<'a>>,
) -> Result<Model, Refusal> {
    let id = unique(&table.require("id")?, ids)?;
    let several = table.tables("targets")?;
    let (targets, balance) = if several.is_empty() {
        (vec![target(&mut table, &id, providers)?], Balance::default())
    } else {
        if let Some(provider) = table.take("provider").or_else(|| table.take("upstream")) {
            return Err(provider.refuse("there are targets, each of which has its own"));
        }
        let balance = table.take("balance").map(|balance| balance_of(&balance)).transpose()?.unwrap_or_default();
        let read = |mut table: Table<'a>| {
            let read = target(&mut table, &id, providers)?;
            let weight = table.take("weight").map(|weight| weight_of(&weight)).transpose()?;
            table.finish()?;
            Ok(Target { weight: weight.unwrap_or(1), ..read })
        };
        (several.into_iter().map(read).collect::<Result<_, Refusal>>()?, balance)
    };
    let at = |target: &Target| providers.iter().find(|provider| provider.name == target.provider);
    let tells_itself = |provider: &Provider| matches!(provider.language, Language::OpenAi | Language::Azure);
    let capabilities_of = match table.take("capabilities_of") {
        Some(of) if targets.iter().filter_map(at).all(tells_itself) => {
            return Err(of.refuse("is for anthropic, bedrock and gemini; this provider says itself what it takes"));
        }
        Some(of) => Some(of.text()?.to_owned()),
        None => None,
    };
    let price = match table.take("price") {
        Some(value) => Some(price(value.table()?)?),
        None => targets.iter().find_map(|target| list_price(at(target)?, &target.upstream)),
    };
    let mut list = |field| -> Result<Vec<String>, Refusal> {
        let Some(list) = table.take(field) else { return Ok(Vec::new()) };
        let values = list.list()?;
        let ids = values.iter().map(|id| id.text().map(str::to_owned)).collect();
        named.extend(values);
        ids
    };
    let fallbacks = list("fallbacks")?;
    let context_window_fallbacks = list("context_window_fallbacks")?;
    let content_policy_fallbacks = list("content_policy_fallbacks")?;
    table.finish()?;
    Ok(Model {
        id,
        targets,
        balance,
        capabilities_of,
        price,
        fallbacks,
        context_window_fallbacks,
        content_policy_fallbacks,
    })
}

/// Where a model is asked: in its own table, or in one of its `targets`.
fn target(table: &mut Table<'_>, id: &str, providers: &[Provider]) -> Result<Target, Refusal> {
    let provider = table.require("provider")?;
    let name = provider.text()?.to_owned();
    if !providers.iter().any(|provider| provider.name == name) {
        return Err(provider.refuse("there is no provider of this name"));
    }
    let upstream = match table.take("upstream") {
        Some(upstream) => upstream.text()?.to_owned(),
        None => id.to_owned(),
    };
    Ok(Target { provider: name, upstream, weight: 1 })
}

fn weight_of(weight: &Value<'_>) -> Result<u32, Refusal> {
    match weight.count()? {
        count @ 0..=1_000_000 => Ok(count as u32),
        _ => Err(weight.refuse("must be at most 1000000")),
    }
}

fn balance_of(balance: &Value<'_>) -> Result<Balance, Refusal> {
    match balance.text()? {
        "least_loaded" => Ok(Balance::LeastLoaded),
        "weighted" => Ok(Balance::Weighted),
        "in_order" => Ok(Balance::InOrder),
        _ => Err(balance.refuse("must be least_loaded, weighted or in_order")),
    }
}
