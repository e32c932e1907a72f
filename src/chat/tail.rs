//! Where a stream stands: between two events, or inside of one.

/// The last bytes of a stream: do they end an event?
#[derive(Debug)]
pub(crate) struct Tail([u8; 4]);

impl Default for Tail {
    fn default() -> Self {
        Self(*b"\n\n\n\n")
    }
}

impl Tail {
    pub(crate) fn push(&mut self, data: &[u8]) {
        if let Some(last) = data.last_chunk() {
            self.0 = *last;
            return;
        }
        for &byte in data {
            self.0.rotate_left(1);
            self.0[3] = byte;
        }
    }

    pub(crate) fn is_between_events(&self) -> bool {
        let text = &self.0[..];
        let line = text.strip_suffix(b"\r\n").or(text.strip_suffix(b"\n")).or(text.strip_suffix(b"\r"));
        line.is_some_and(|line| line.ends_with(b"\n") || line.ends_with(b"\r"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_ends_an_event_whatever_the_line_endings_and_the_cuts() {
        for (text, between) in [
            ("", true),
            ("data: x\n\n", true),
            ("data: x\r\n\r\n", true),
            ("data: x\r\r", true),
            ("data: x\r\n\n", true),
            ("data: x\n\r\n", true),
            ("data: x\n\n: ping\n\n\n", true),
            ("data: x", false),
            ("data: x\n", false),
            ("data: x\r", false),
            ("data: x\r\n", false),
            ("data: x\n\nd", false),
        ] {
            for cut in 0..=text.len() {
                let mut tail = Tail::default();
                tail.push(&text.as_bytes()[..cut]);
                tail.push(&text.as_bytes()[cut..]);
                assert_eq!(tail.is_between_events(), between, "{text:?} cut at {cut}");
            }
        }
    }
}
