//! What the main providers charge, as far as it was known when this version was made.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::table::Price;

/// One line for each model: provider, model, price. Its head says where it is from and when it was made.
const TABLE: &str = include_str!("../../data/prices.txt");

/// What a provider charges for a model, by the provider's own id of it; `None` if that is not known.
///
/// Providers: `openai`, `anthropic`, `google`, `amazon-bedrock`, `azure`, `deepseek`, `moonshotai`, `mistral`, `groq`,
/// `xai`, `togetherai`, `fireworks-ai`, `perplexity`, `cerebras`, `cohere`. Retired ids are kept. The table is made from
/// [models.dev](https://models.dev) and [genai-prices](https://github.com/pydantic/genai-prices), both under the MIT
/// licence; `data/prices.txt` says of which day. Prices change: bill with your own.
///
/// ```
/// use tower_completions::price::{Price, bundled};
///
/// let sonnet = "input=3 output=15 cached=0.3 write=3.75 write1h=6".parse()?;
/// assert_eq!(bundled("anthropic", "claude-sonnet-4-20250514"), Some(sonnet));
/// assert_eq!(bundled("anthropic", "gpt-4o-mini"), None);
/// # Ok::<(), tower_completions::price::InvalidPrice>(())
/// ```
pub fn bundled(provider: &str, model: &str) -> Option<Price> {
    static PRICES: OnceLock<HashMap<(&str, &str), &str>> = OnceLock::new();
    let prices = PRICES.get_or_init(|| lines().map(|(provider, model, price)| ((provider, model), price)).collect());
    prices.get(&(provider, model))?.parse().ok()
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split('\t');
        Some((words.next()?, words.next()?, words.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    #[test]
    fn every_line_is_a_price_and_none_is_zero() {
        let usage = Usage { input: 1_000_000, output: 1_000_000, ..Usage::default() };
        assert_eq!(lines().count(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        for (provider, model, price) in lines() {
            let price: Price = price.parse().unwrap_or_else(|_| panic!("{provider} {model}: {price}"));
            assert!(price.cost(&usage) > 0, "{provider} {model}");
        }
        assert!(lines().count() > 900);
    }

    #[test]
    fn everyday_ids_are_there_retired_or_not() {
        for (provider, model) in [
            ("openai", "gpt-4o-mini"),
            ("openai", "gpt-4o"),
            ("openai", "gpt-3.5-turbo"),
            ("openai", "gpt-4.1"),
            ("openai", "gpt-5"),
            ("openai", "gpt-5.5"),
            ("openai", "o3"),
            ("anthropic", "claude-3-5-sonnet-20241022"),
            ("anthropic", "claude-3-haiku-20240307"),
            ("anthropic", "claude-sonnet-4-20250514"),
            ("anthropic", "claude-sonnet-4-5"),
            ("anthropic", "claude-opus-4-6"),
            ("anthropic", "claude-sonnet-5-5"),
            ("google", "gemini-2.5-flash"),
            ("google", "gemini-2.5-pro"),
            ("google", "gemini-3-pro-preview"),
            ("amazon-bedrock", "anthropic.claude-sonnet-4-20250514-v1:0"),
            ("amazon-bedrock", "amazon.nova-pro-v1:0"),
            ("azure", "gpt-4o-mini"),
            ("deepseek", "deepseek-chat"),
            ("deepseek", "deepseek-reasoner"),
            ("moonshotai", "kimi-k2.5"),
            ("mistral", "mistral-large-latest"),
            ("groq", "llama-3.3-70b-versatile"),
            ("xai", "grok-4"),
            ("perplexity", "sonar"),
            ("togetherai", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ] {
            assert!(bundled(provider, model).is_some(), "{provider} {model}");
        }
        assert_eq!(bundled("openai", "my-own"), None);
    }

    /// What genai-prices makes of the same tokens, for the models of which both sources say the same; see
    /// `scripts/prices.py`.
    #[test]
    fn costs_are_those_of_another_calculator() {
        let rows = include_str!("../../tests/golden/prices/costs.tsv").lines().filter(|line| !line.starts_with('#'));
        let mut seen = 0;
        for row in rows {
            let fields: Vec<&str> = row.split('\t').collect();
            let [provider, model, prompt, cached, written, completion, nano] = fields[..] else { panic!("{row}") };
            let [prompt, cached, written, output, nano] =
                [prompt, cached, written, completion, nano].map(|figure| figure.parse::<u64>().unwrap());
            let usage = Usage {
                input: prompt - cached - written,
                cache_read: cached,
                cache_write: written,
                output,
                ..Usage::default()
            };
            assert_eq!(bundled(provider, model).unwrap().cost(&usage), nano, "{row}");
            seen += 1;
        }
        assert!(seen > 1000, "{seen}");
    }
}
