//! The names of documents, of which Converse is particular.

use std::collections::{HashMap, HashSet};

/// What is kept of a name: it leaves room for a number, below Converse's 200.
const MAX_STEM: usize = 180;

/// Gives every document of a request a name of its own: letters, digits, single spaces, hyphens and brackets.
///
/// What a name becomes depends on nothing but the documents before it, so that the next turn of a conversation begins with
/// the same bytes.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// The last number that was given to a name. It never falls, so that no number is tried twice.
    numbers: HashMap<String, u32>,
}

impl Names {
    /// The name for the next document, whose file is called this.
    pub(super) fn next(&mut self, file: &str) -> String {
        let stem = legal(file);
        if self.taken.insert(stem.clone()) {
            return stem;
        }
        let number = self.numbers.entry(stem.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{stem} ({number})");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// The name without its extension, which has a field of its own.
fn legal(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem });
    let mut name = String::with_capacity(stem.len().min(MAX_STEM));
    for char in stem.chars() {
        match char {
            _ if name.len() == MAX_STEM => break,
            '-' | '(' | ')' | '[' | ']' => name.push(char),
            _ if char.is_ascii_alphanumeric() => name.push(char),
            _ if char.is_whitespace() => {
                if !name.is_empty() && !name.ends_with(' ') {
                    name.push(' ');
                }
            }
            _ => name.push('-'),
        }
    }
    let name = name.trim_end();
    if name.is_empty() { "document".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_never_collide() {
        let mut names = Names::default();
        for (file, name) in [
            ("Report  2026\t(final).pdf", "Report 2026 (final)"),
            ("Report 2026 (final).docx", "Report 2026 (final) (2)"),
            ("", "document"),
            ("a_b.tar.gz", "a-b-tar"),
            (".profile", "-profile"),
            ("document", "document (2)"),
            ("document (2)", "document (2) (2)"),
            ("document.txt", "document (3)"),
            ("Übersicht", "-bersicht"),
            ("   ", "document (4)"),
        ] {
            assert_eq!(names.next(file), name, "{file}");
        }
        assert_eq!(names.next(&"é".repeat(500)).len(), MAX_STEM);
    }
}
