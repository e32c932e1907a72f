use std::sync::Arc;

use crate::pattern;

/// Which models a caller may see and use: a list of patterns, of which one has to match.
///
/// In a pattern `*` stands for any text, also for none and also for `/`, any number of times; everything else stands
/// for itself, upper and lower case apart. An empty list allows nothing. Matching takes time linear in the pattern and
/// the model's name, whatever they hold.
///
/// ```
/// use tower_completions::auth::ModelFilter;
///
/// let filter = ModelFilter::new(["gpt-4*", "*/llama-*"]);
/// assert!(filter.allows("gpt-4o-mini") && filter.allows("groq/llama-3.3-70b"));
/// assert!(!filter.allows("gpt-3.5-turbo"));
/// assert!(!ModelFilter::new([""; 0]).allows("gpt-4o-mini"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFilter {
    patterns: Arc<[Box<str>]>,
}

impl ModelFilter {
    /// Allows what one of the patterns matches.
    pub fn new<P: Into<Box<str>>>(patterns: impl IntoIterator<Item = P>) -> Self {
        Self { patterns: patterns.into_iter().map(Into::into).collect() }
    }

    /// Allows every model.
    pub fn all() -> Self {
        Self::new(["*"])
    }

    /// Allows no model.
    pub fn none() -> Self {
        Self { patterns: Arc::default() }
    }

    /// Whether the model is allowed.
    pub fn allows(&self, model: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern::matches(pattern, model))
    }
}

impl<P: Into<Box<str>>> FromIterator<P> for ModelFilter {
    fn from_iter<I: IntoIterator<Item = P>>(patterns: I) -> Self {
        Self::new(patterns)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_people_read_them() {
        let cases = [
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("gpt-4", "gpt-4", true),
            ("gpt-4", "gpt-4o", false),
            ("gpt-4", "GPT-4", false),
            ("gpt-4*", "gpt-4", true),
            ("gpt-4*", "gpt-4o-mini", true),
            ("gpt-4*", "my-gpt-4", false),
            ("*/llama-*", "groq/llama-3", true),
            ("*/llama-*", "llama-3", false),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini-2", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-c-b", false),
            ("ab*bc", "abc", false),
            ("gpt?4", "gpt-4", false),
            ("*é*", "modèle-é", true),
        ];
        for (pattern, model, allowed) in cases {
            assert_eq!(ModelFilter::new([pattern]).allows(model), allowed, "{pattern} {model}");
        }
    }

    #[test]
    fn one_pattern_of_several_is_enough_and_none_allow_nothing() {
        let filter: ModelFilter = ["a", "b*"].into_iter().collect();
        assert!(filter.allows("a") && filter.allows("bc") && !filter.allows("c"));
        assert!(ModelFilter::all().allows("") && !ModelFilter::none().allows(""));
        assert_eq!(ModelFilter::none(), ModelFilter::new(Vec::<String>::new()));
    }

    #[test]
    fn hostile_patterns_and_names_end_at_once() {
        let pattern = "*a".repeat(20_000) + "*b";
        assert!(!ModelFilter::new([pattern]).allows(&"a".repeat(100_000)));
        let needle = format!("*{}b*", "a".repeat(50_000));
        assert!(!ModelFilter::new([needle]).allows(&"a".repeat(100_000)));
    }

    /// The definition, as plain as it can be, and as slow.
    fn oracle(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skip| oracle(rest, &text[skip..])),
            Some((byte, rest)) => text.split_first().is_some_and(|(first, text)| first == byte && oracle(rest, text)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,12}") {
            prop_assert_eq!(
                ModelFilter::new([pattern.as_str()]).allows(&text),
                oracle(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
