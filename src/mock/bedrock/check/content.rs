//! Messages and their blocks.

use serde_json::Value;

use super::rules::{Outcome, ensure, invalid, list, not_blank, not_null, one_of, one_value};
use super::tools;

/// What a block of content can be.
const BLOCKS: [&str; 12] = [
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent",
    "searchResult",
];
const IMAGES: [&str; 4] = ["png", "jpeg", "gif", "webp"];
const DOCUMENTS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];

pub(super) fn check(message: &Value, index: usize) -> Outcome {
    let blocks = list(&message["content"]);
    ensure(!blocks.is_empty(), || {
        invalid(format!(
            "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the content \
             field and try again."
        ))
    })?;
    for (number, block) in blocks.iter().enumerate() {
        check_block(block, &format!("messages.{index}.content.{number}"))?;
    }
    let has = |kind: &str| blocks.iter().any(|block| block.get(kind).is_some());
    ensure(!has("document") || has("text"), || invalid("A text block must be included when using documents."))
}

fn check_block(block: &Value, at: &str) -> Outcome {
    one_of(block, "ContentBlock", &BLOCKS, at)?;
    not_blank(block, "ContentBlock", at)?;
    let member = |name: &str| block.get(name).map(|member| (member, format!("{at}.{name}")));
    if let Some((image, at)) = member("image") {
        media(image, &IMAGES, &at)?;
    }
    if let Some((document, at)) = member("document") {
        media(document, &DOCUMENTS, &at)?;
        document_name(document["name"].as_str().unwrap_or_default())?;
    }
    if let Some((call, at)) = member("toolUse") {
        tools::call(call, &at)?;
    }
    if let Some((result, at)) = member("toolResult") {
        tools::result(result, &at)?;
    }
    if let Some((reasoning, at)) = member("reasoningContent") {
        one_of(reasoning, "ReasoningContentBlock", &["reasoningText", "redactedContent"], &at)?;
    }
    Ok(())
}

fn media(media: &Value, formats: &[&str], at: &str) -> Outcome {
    one_value(&media["format"], formats, &format!("{at}.format"))?;
    not_null(&media["source"], &format!("{at}.source"))
}

fn document_name(name: &str) -> Outcome {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || " -()[]".contains(letter);
    ensure((1..=200).contains(&name.len()) && name.chars().all(is_allowed) && !name.contains("  "), || {
        invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, \
             and square brackets. The name can't contain more than one consecutive whitespace character.",
        )
    })
}
