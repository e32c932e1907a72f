//! What a prompt is worth before a provider has counted it.

use memchr::memmem;

use super::part::PartKind;
use super::request::ChatRequest;
use crate::usage::estimated_tokens;

/// What an image, a sound or a file counts for, in tokens, whatever its size: its base64 is no text. An image of a
/// million pixels costs 765 tokens at OpenAI (four tiles and a base) and some 1,400 at Anthropic (pixels / 750).
const MEDIA_TOKENS: u64 = 1_000;

impl ChatRequest {
    /// How many tokens the prompt may be worth: one for every four bytes of the request, rounded up, and a flat 1,000 for
    /// each image, sound and file in place of its bytes. Tools and schemas are part of the request and count as it does.
    ///
    /// A guess for whoever has to know before the provider says it, or where it never does.
    ///
    /// ```
    /// use tower_completions::ChatRequest;
    ///
    /// let chat = ChatRequest::from_bytes(r#"{"model": "mini", "messages": [{"role": "user", "content": "Hi"}]}"#)?;
    /// assert_eq!(chat.estimated_prompt_tokens(), 17);
    /// # Ok::<(), tower_completions::ApiError>(())
    /// ```
    pub fn estimated_prompt_tokens(&self) -> u64 {
        *self.prompt_tokens().get_or_init(|| self.count_prompt_tokens())
    }

    fn count_prompt_tokens(&self) -> u64 {
        if !self.may_hold_media() {
            return estimated_tokens(self.size() as u64);
        }
        let (mut media, mut media_bytes) = (0, 0);
        for message in self.messages().flatten() {
            for part in message.parts().flatten() {
                if let Some(bytes) = media_len(&part.kind()) {
                    media += MEDIA_TOKENS;
                    media_bytes += bytes;
                }
            }
        }
        estimated_tokens(self.size().saturating_sub(media_bytes) as u64).saturating_add(media)
    }

    /// Whether the parts are worth a look: most requests have none, and most of those that do hold no word for a medium.
    fn may_hold_media(&self) -> bool {
        let Some(messages) = self.get("messages").filter(|_| self.has_parts()) else { return false };
        let holds = |word: &str| memmem::find(messages.text().as_bytes(), word.as_bytes()).is_some();
        [r#""image_url""#, r#""input_audio""#, r#""file""#].into_iter().any(holds)
    }
}

/// The bytes of a medium that is no text; `None` of what is text.
fn media_len(part: &PartKind<'_>) -> Option<usize> {
    match part {
        PartKind::Image { url } => Some(url.len()),
        PartKind::Audio { data, .. } => Some(data.len()),
        PartKind::File { data, .. } => Some(data.map_or(0, |data| data.len())),
        PartKind::Text(_) | PartKind::Refusal(_) | PartKind::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(content: &str) -> u64 {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
        ChatRequest::from_bytes(body).unwrap().estimated_prompt_tokens()
    }

    #[test]
    fn text_counts_by_its_bytes() {
        let base = estimate("\"\"");
        assert_eq!(estimate(&format!("\"{}\"", "x".repeat(4_000))), base + 1_000);
        let url = format!("\"data:image/png;base64,{}\"", "A".repeat(4_000));
        assert!(estimate(&url) > base + 1_000, "a text that looks like a medium is a text");
    }

    #[test]
    fn media_count_by_their_number() {
        let long = "A".repeat(1 << 20);
        let image = |url: &str| format!(r#"[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]"#);
        let near = estimate(&image("https://h/x.png"));
        assert_eq!(estimate(&image(&format!("data:image/png;base64,{long}"))), near);
        for part in [
            format!(r#"{{"type":"input_audio","input_audio":{{"data":"{long}","format":"wav"}}}}"#),
            format!(r#"{{"type":"file","file":{{"file_data":"data:application/pdf;base64,{long}"}}}}"#),
        ] {
            let one = estimate(&format!("[{part}]"));
            assert!((MEDIA_TOKENS..MEDIA_TOKENS + 60).contains(&one), "{one}");
            let two = estimate(&format!("[{part},{part}]"));
            assert!((MEDIA_TOKENS..MEDIA_TOKENS + 60).contains(&(two - one)), "{two}");
        }
    }
}
