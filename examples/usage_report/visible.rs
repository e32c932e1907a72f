//! Names that others have chosen, made fit to be seen.

use std::borrow::Cow;

/// A name without what moves the cursor of a terminal, or turns text around: each such character is shown as `�`.
pub(crate) fn visible(name: &str) -> Cow<'_, str> {
    if !name.contains(is_invisible) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().map(|c| if is_invisible(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// How many columns of a terminal a text takes: two for a Chinese, Japanese or Korean character or an emoji, none for a
/// combining one.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_on_the_terminal() {
        assert_eq!(visible("gpt-4o \"mini\" <ü>"), "gpt-4o \"mini\" <ü>");
        assert_eq!(visible("\x1b[31mred\r\n\u{202e}x\u{9b}"), "�[31mred���x�");
    }

    #[test]
    fn width_is_that_of_a_terminal() {
        for (text, expected) in [("abc", 3), ("ü", 1), ("u\u{308}", 1), ("模型", 4), ("🦀", 2), ("ｱ", 1), ("…", 1)]
        {
            assert_eq!(columns(text), expected, "{text}");
        }
    }
}
