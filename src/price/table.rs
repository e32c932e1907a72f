//! What one model's tokens cost.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::BufMut;

use crate::decimal;
use crate::json;
use crate::usage::Usage;

/// What a model's tokens cost, for each disjoint class of [`Usage`].
///
/// ```
/// use tower_completions::Usage;
/// use tower_completions::price::{Price, TokenClass};
///
/// let sonnet = Price::per_million(3.0, 15.0)?.with(TokenClass::CacheRead, 0.3)?.with(TokenClass::CacheWrite, 3.75)?;
/// let usage = Usage { input: 10, cache_read: 100, output: 9, ..Usage::default() };
/// assert_eq!(sonnet.cost(&usage), 10 * 3_000 + 100 * 300 + 9 * 15_000); // nano-dollars
/// # Ok::<(), tower_completions::price::InvalidPrice>(())
/// ```
///
/// A class without a price of its own costs what its kind costs: everything about caches and sound what input or output
/// does, an hour in the cache what five minutes do, reasoning what output does.
///
/// Prices may depend on the length of the prompt; the whole request is then priced at one tier. As text:
///
/// ```
/// # use tower_completions::{Usage, price::Price};
/// let gemini: Price = "input=1.25 output=10 cached=0.125 >200000 input=2.5 output=15 cached=0.25".parse()?;
/// assert_eq!(gemini.cost(&Usage { input: 200_000, ..Usage::default() }), 250_000_000);
/// assert_eq!(gemini.cost(&Usage { input: 200_001, ..Usage::default() }), 500_002_500);
/// # Ok::<(), tower_completions::price::InvalidPrice>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price(Arc<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    base: Rates,
    /// What holds for prompts of more tokens than this, the fewest first.
    tiers: Vec<(u64, Rates)>,
    /// All of it in the words that it is read from.
    text: String,
}

/// A class of tokens that may have a price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenClass {
    /// `input`: of the prompt, and not from a cache.
    Input,
    /// `output`: of the answer.
    Output,
    /// `cached`: read from the provider's cache.
    CacheRead,
    /// `write`: written to the provider's cache.
    CacheWrite,
    /// `write1h`: written to it for an hour.
    CacheWrite1h,
    /// `reasoning`: of the answer, and not shown.
    Reasoning,
    /// `audio_in`: of sound in the prompt.
    InputAudio,
    /// `audio_out`: of sound in the answer.
    OutputAudio,
}

const CLASSES: [(&str, TokenClass); 8] = [
    ("input", TokenClass::Input),
    ("output", TokenClass::Output),
    ("cached", TokenClass::CacheRead),
    ("write", TokenClass::CacheWrite),
    ("write1h", TokenClass::CacheWrite1h),
    ("reasoning", TokenClass::Reasoning),
    ("audio_in", TokenClass::InputAudio),
    ("audio_out", TokenClass::OutputAudio),
];

/// Pico-dollars for one token of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rates {
    /// Of those that have a price of their own.
    own: [Option<u64>; CLASSES.len()],
    /// What each costs.
    all: [u64; CLASSES.len()],
}

/// How many decimals of a USD for a million tokens count: the last one is a pico-dollar for one token.
const DECIMALS: usize = 6;
/// The largest price: a dollar for a token.
const MAX_PICO: u64 = 1_000_000_000_000;
const PICO_PER_NANO: u64 = 1000;

impl Rates {
    fn set(&mut self, class: TokenClass, pico: u64) {
        self.own[class as usize] = Some(pico);
        self.all = CLASSES.map(|(_, class)| self.of(class));
    }

    fn of(&self, class: TokenClass) -> u64 {
        let otherwise = match class {
            TokenClass::Input | TokenClass::Output => return self.own[class as usize].unwrap_or(0),
            TokenClass::CacheRead | TokenClass::CacheWrite | TokenClass::InputAudio => TokenClass::Input,
            TokenClass::CacheWrite1h => TokenClass::CacheWrite,
            TokenClass::Reasoning | TokenClass::OutputAudio => TokenClass::Output,
        };
        self.own[class as usize].unwrap_or_else(|| self.of(otherwise))
    }

    /// Whether input and output have prices, which nothing else can stand in for.
    fn is_whole(&self) -> bool {
        self.own[TokenClass::Input as usize].is_some() && self.own[TokenClass::Output as usize].is_some()
    }

    /// Appends what differs from the rates below, each with a space before it but the first.
    fn write(&self, below: &Self, mut space: &str, out: &mut impl BufMut) {
        for (name, class) in CLASSES {
            if self.own[class as usize] == below.own[class as usize] {
                continue;
            }
            out.put_slice(space.as_bytes());
            space = " ";
            out.put_slice(name.as_bytes());
            out.put_u8(b'=');
            decimal::write_scaled(out, self.all[class as usize], DECIMALS as u32);
        }
    }

    fn pico(&self, usage: &Usage) -> u128 {
        let costs = [
            (usage.input, TokenClass::Input),
            (usage.cache_read, TokenClass::CacheRead),
            (usage.cache_write, TokenClass::CacheWrite),
            (usage.cache_write_1h, TokenClass::CacheWrite1h),
            (usage.input_audio, TokenClass::InputAudio),
            (usage.output, TokenClass::Output),
            (usage.reasoning, TokenClass::Reasoning),
            (usage.output_audio, TokenClass::OutputAudio),
        ];
        costs.into_iter().map(|(tokens, class)| u128::from(tokens) * u128::from(self.all[class as usize])).sum()
    }
}

impl Price {
    /// USD for a million tokens of the prompt, and of the answer.
    ///
    /// # Errors
    /// If a price is negative, no number, or above a dollar for a token.
    pub fn per_million(input: f64, output: f64) -> Result<Self, InvalidPrice> {
        let empty = Self::of(Rates::default(), Vec::new());
        empty.with(TokenClass::Input, input)?.with(TokenClass::Output, output)
    }

    /// USD for a million tokens of one class.
    ///
    /// # Errors
    /// As [`per_million`](Self::per_million).
    pub fn with(self, class: TokenClass, usd: f64) -> Result<Self, InvalidPrice> {
        let pico = (usd * 1e6).round();
        let vanishes = pico == 0.0 && usd != 0.0;
        if vanishes || !(0.0..=MAX_PICO as f64).contains(&pico) {
            return Err(InvalidPrice);
        }
        let mut base = self.0.base;
        base.set(class, pico as u64);
        Ok(Self::of(base, self.0.tiers.clone()))
    }

    fn of(base: Rates, tiers: Vec<(u64, Rates)>) -> Self {
        let mut text = Vec::with_capacity(64);
        let mut below = &base;
        below.write(&Rates::default(), "", &mut text);
        for (above, rates) in &tiers {
            text.extend_from_slice(b" >");
            json::write_u64(&mut text, *above);
            rates.write(below, " ", &mut text);
            below = rates;
        }
        let text = String::from_utf8(text).unwrap_or_default();
        Self(Arc::new(Table { base, tiers, text }))
    }

    /// The price as text, in the words that it is read from. None of them needs an escape in JSON.
    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// What these tokens cost, in nano-dollars, rounded half up once at the end.
    pub fn cost(&self, usage: &Usage) -> u64 {
        let Table { base, tiers, .. } = &*self.0;
        let prompt = usage.prompt_tokens();
        let tier = tiers.iter().rev().find(|(above, _)| prompt > *above);
        let pico = tier.map_or(base, |(_, rates)| rates).pico(usage) + u128::from(PICO_PER_NANO / 2);
        match u64::try_from(pico) {
            Ok(pico) => pico / PICO_PER_NANO,
            Err(_) => u64::try_from(pico / u128::from(PICO_PER_NANO)).unwrap_or(u64::MAX),
        }
    }
}

/// The text that reads back as the same price.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Words `class=USD` for a million tokens, and `>tokens` before the prices of longer prompts; a class that a tier does not
/// name costs there what it costs below.
impl FromStr for Price {
    type Err = InvalidPrice;

    fn from_str(text: &str) -> Result<Self, InvalidPrice> {
        let mut base = Rates::default();
        let mut tiers: Vec<(u64, Rates)> = Vec::new();
        for word in text.split_ascii_whitespace() {
            if let Some(above) = word.strip_prefix('>') {
                let (last, rates) = tiers.last().map_or((0, base), |(above, rates)| (*above, *rates));
                let above = above.parse().ok().filter(|above| *above > last).ok_or(InvalidPrice)?;
                tiers.push((above, rates));
                continue;
            }
            let (name, usd) = word.split_once('=').ok_or(InvalidPrice)?;
            let (_, class) = CLASSES.iter().find(|(known, _)| *known == name).ok_or(InvalidPrice)?;
            let pico = decimal::scaled(usd, DECIMALS).filter(|pico| *pico <= MAX_PICO).ok_or(InvalidPrice)?;
            let vanishes = pico == 0 && usd.bytes().any(|digit| matches!(digit, b'1'..=b'9'));
            if vanishes {
                return Err(InvalidPrice);
            }
            let rates = tiers.last_mut().map_or(&mut base, |(_, rates)| rates);
            rates.set(*class, pico);
        }
        if !base.is_whole() {
            return Err(InvalidPrice);
        }
        Ok(Self::of(base, tiers))
    }
}

/// A price that is negative, no number, out of range, too small to be told from free, or lacks input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrice;

impl fmt::Display for InvalidPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price needs USD per million tokens, 0 or from 0.000001 to 1000000, for input and for output")
    }
}

impl std::error::Error for InvalidPrice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_price_or_that_of_its_kind() {
        let one_each = Usage {
            input: 1,
            cache_read: 1,
            cache_write: 1,
            cache_write_1h: 1,
            input_audio: 1,
            output: 1,
            reasoning: 1,
            output_audio: 1,
        };
        for (text, nano) in [
            ("input=1 output=10", 5 * 1_000 + 3 * 10_000),
            ("input=1 output=10 write=2", 3 * 1_000 + 2 * 2_000 + 3 * 10_000),
            (
                "input=1 output=10 cached=0.1 write=2 write1h=3 reasoning=20 audio_in=30 audio_out=40",
                1_000 + 10_000 + 95_100,
            ),
        ] {
            assert_eq!(text.parse::<Price>().unwrap().cost(&one_each), nano, "{text}");
        }
    }

    #[test]
    fn it_is_rounded_once_and_half_up() {
        let price: Price = "input=0.0005 output=0".parse().unwrap();
        let cost = |input| price.cost(&Usage { input, ..Usage::default() });
        assert_eq!((cost(0), cost(1), cost(2), cost(3)), (0, 1, 1, 2));
        assert_eq!(price.cost(&Usage { output: u64::MAX, ..Usage::default() }), 0);
    }

    #[test]
    fn nothing_overflows() {
        let price: Price = "input=1000000 output=1000000".parse().unwrap();
        let most = Usage { input: u64::MAX, output: u64::MAX, reasoning: u64::MAX, ..Usage::default() };
        assert_eq!(price.cost(&most), u64::MAX);
    }

    #[test]
    fn dollars_and_text_are_the_same_price() {
        let text: Price = "input=0.15 output=0.6 cached=0.075".parse().unwrap();
        let dollars = Price::per_million(0.15, 0.6).unwrap().with(TokenClass::CacheRead, 0.075).unwrap();
        assert_eq!(text, dollars);
        for usd in [-1.0, -1e-7, 1.5e-7, f64::NAN, f64::INFINITY, 1_000_001.0] {
            assert_eq!(Price::per_million(usd, 1.0), Err(InvalidPrice));
        }
    }

    #[test]
    fn its_text_is_the_same_price() {
        for text in [
            "input=0 output=0",
            "input=0.15 output=0.6 cached=0.075",
            "input=1.25 output=10 cached=0.125 >200000 input=2.5 output=15 cached=0.25 >400000 input=3",
            "input=1 output=10 cached=0.1 write=2 write1h=3 reasoning=20 audio_in=30 audio_out=0.000001",
        ] {
            let price: Price = text.parse().unwrap();
            assert_eq!(price.to_string(), text);
        }
        let later: Price = "input=1 output=2 >10 input=3".parse().unwrap();
        let later = later.with(TokenClass::CacheRead, 0.5).unwrap();
        assert_eq!(
            later.to_string(),
            "input=1 output=2 cached=0.5 >10 input=3 cached=3",
            "what it costs, if not how it was said"
        );
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "",
            "input=1",
            "output=1",
            "input=1 output=x",
            "input=0.00000015 output=1",
            "input=1 output=1 tokens=1",
            "input 1",
            ">5 input=1 output=1",
            "input=1 output=1 >9 >8",
            "input=1 output=1 >x",
        ] {
            assert_eq!(text.parse::<Price>(), Err(InvalidPrice), "{text}");
        }
    }
}
