//! `reasoning_details`, put together again from the pieces of a stream.

use crate::json::{Raw, Text};

/// The entries of one turn, as the list that the answer would have had if it had not been streamed.
#[derive(Default)]
pub(super) struct Details {
    json: Vec<u8>,
    /// A block of text that has no signature yet.
    open: Option<Open>,
    is_signed: bool,
}

/// The strings of all pieces are joined; of everything else the first value holds.
struct Open {
    index: Option<String>,
    text: Vec<u8>,
    others: Vec<(String, String)>,
}

impl Details {
    /// An entry of a whole answer, as it stands.
    pub(super) fn whole(&mut self, entry: Raw<'_>) {
        self.close(None);
        self.is_signed |= signature(entry).or_else(|| text(entry, "data")).is_some();
        comma(&mut self.json);
        self.json.extend_from_slice(entry.text().as_bytes());
    }

    /// A piece of a stream. Pieces of text with the same index are one block, which ends with its signature.
    pub(super) fn piece(&mut self, entry: Raw<'_>) {
        if !entry.get("type").and_then(Raw::as_text).is_some_and(|kind| kind.eq_str("reasoning.text")) {
            return self.whole(entry);
        }
        let index = entry.get("index").map(|index| index.text().to_owned());
        if self.open.as_ref().is_some_and(|open| open.index != index) {
            self.close(None);
        }
        let open = self.open.get_or_insert_with(|| Open { index, text: Vec::new(), others: Vec::new() });
        for (name, value) in entry.fields().filter(|(_, value)| !value.is_null()) {
            match (&*name.to_str(), value.as_text()) {
                ("type" | "signature", _) => {}
                ("text", Some(text)) => text.write_escaped(&mut open.text),
                (name, _) if open.others.iter().any(|(known, _)| known == name) => {}
                (name, _) => open.others.push((name.to_owned(), value.text().to_owned())),
            }
        }
        if let Some(signature) = signature(entry) {
            self.is_signed = true;
            self.close(Some(signature));
        }
    }

    fn close(&mut self, signature: Option<Text<'_>>) {
        let Some(open) = self.open.take() else { return };
        let out = &mut self.json;
        comma(out);
        out.extend_from_slice(br#"{"type":"reasoning.text","text":""#);
        out.extend_from_slice(&open.text);
        out.push(b'"');
        if let Some(signature) = signature {
            out.extend_from_slice(br#","signature":"#);
            signature.write_quoted(out);
        }
        for (name, value) in &open.others {
            out.push(b',');
            Text::plain(name).write_quoted(out);
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b'}');
    }

    /// The entries without the brackets of their list, if anything in them is signed.
    pub(super) fn signed(&mut self) -> Option<&[u8]> {
        self.close(None);
        self.is_signed.then_some(&*self.json)
    }

    /// How much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let open = self.open.iter().map(|open| {
            open.text.len() + open.others.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        });
        self.json.len() + open.sum::<usize>()
    }
}

/// Goes on with a list, if it has an entry already.
pub(super) fn comma(list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.push(b',');
    }
}

fn signature(entry: Raw<'_>) -> Option<Text<'_>> {
    text(entry, "signature")
}

fn text<'a>(entry: Raw<'a>, field: &str) -> Option<Text<'a>> {
    entry.get(field).and_then(Raw::as_text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(entries: &[&str]) -> Option<String> {
        let mut details = Details::default();
        for entry in entries {
            details.piece(Raw::parse(entry).unwrap());
        }
        details.signed().map(|json| String::from_utf8(json.to_vec()).unwrap())
    }

    #[test]
    fn pieces_become_the_blocks_of_a_whole_answer() {
        let joined = pieces(&[
            r#"{"type":"reasoning.text","text":"a\"","format":"anthropic-claude-v1","index":0}"#,
            r#"{"type":"reasoning.text","text":"é\u00e9","index":0}"#,
            r#"{"type":"reasoning.text","signature":"Eq/=","index":0}"#,
            r#"{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1","index":1}"#,
            r#"{"type":"reasoning.text","text":"c","format":"anthropic-claude-v1","index":2,"signature":null}"#,
            r#"{"type":"reasoning.text","text":"d","signature":"2","index":3}"#,
        ]);
        assert_eq!(
            joined.unwrap(),
            concat!(
                r#"{"type":"reasoning.text","text":"a\"é\u00e9","signature":"Eq/=","format":"anthropic-claude-v1","index":0},"#,
                r#"{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1","index":1},"#,
                r#"{"type":"reasoning.text","text":"c","format":"anthropic-claude-v1","index":2},"#,
                r#"{"type":"reasoning.text","text":"d","signature":"2","index":3}"#,
            )
        );
    }

    #[test]
    fn what_nobody_signed_is_not_kept() {
        for entry in [
            r#"{"type":"reasoning.text","text":"a","index":0}"#,
            r#"{"type":"reasoning.text","text":"a","signature":"","index":0}"#,
            r#"{"type":"reasoning.summary","summary":"a"}"#,
            r#"{"type":"reasoning.encrypted","data":""}"#,
            r#""odd""#,
        ] {
            assert_eq!(pieces(&[entry]), None, "{entry}");
        }
    }
}
