//! What models cost: as the file says, or as their provider's list price was when this was built.

use tower_completions::price::{Price, TokenClass, bundled};

use super::table::{Refusal, Table, Value};
use super::{Language, Place, Provider};

/// USD per million tokens, as a table.
pub(super) fn price(mut table: Table<'_>) -> Result<Price, Refusal> {
    let (input, output) = (table.require("input")?, table.require("output")?);
    let checked = |value: &Value<'_>, price: Result<Price, _>| {
        price.map_err(|_| value.refuse("must be USD per million tokens: 0, or from 0.000001 at most 1000000"))
    };
    let price = checked(&input, Price::per_million(input.dollars()?, 0.0))?;
    let mut price = checked(&output, price.with(TokenClass::Output, output.dollars()?))?;
    for (field, class) in [
        ("cached_input", TokenClass::CacheRead),
        ("cache_write", TokenClass::CacheWrite),
        ("cache_write_1h", TokenClass::CacheWrite1h),
        ("reasoning", TokenClass::Reasoning),
    ] {
        if let Some(value) = table.take(field) {
            price = checked(&value, price.with(class, value.dollars()?))?;
        }
    }
    table.finish()?;
    Ok(price)
}

/// The list price of a model at a provider that is known by its protocol or its address. Mocks and servers of one's own
/// have none.
pub(super) fn list_price(provider: &Provider, upstream: &str) -> Option<Price> {
    let name = match (&provider.place, provider.language) {
        (Place::Mock, _) => return None,
        (_, Language::Anthropic) => "anthropic",
        (_, Language::Gemini) => "google",
        (_, Language::Bedrock) => "amazon-bedrock",
        // A deployment's name does not tell its model, but many are called like it.
        (_, Language::Azure) => "azure",
        (Place::Remote { base_url, .. }, Language::OpenAi) => vendor(base_url)?,
        (Place::Region { .. }, Language::OpenAi) => return None,
    };
    bundled(name, upstream)
}

/// Who sells at an address.
fn vendor(base_url: &str) -> Option<&'static str> {
    let host = base_url.split_once("://")?.1.split(['/', ':']).next()?;
    Some(match host {
        "api.openai.com" => "openai",
        "api.deepseek.com" => "deepseek",
        "api.moonshot.ai" | "api.moonshot.cn" => "moonshotai",
        "api.mistral.ai" => "mistral",
        "api.groq.com" => "groq",
        "api.x.ai" => "xai",
        "api.together.xyz" => "togetherai",
        "api.fireworks.ai" => "fireworks-ai",
        "api.perplexity.ai" => "perplexity",
        "api.cerebras.ai" => "cerebras",
        _ => return None,
    })
}
