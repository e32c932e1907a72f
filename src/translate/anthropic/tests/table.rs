//! What `docs/providers.md` says of Anthropic: the table of fields, and what stands inside of them.

use super::*;
use crate::translate::anthropic::request::encode::FIELDS;
use crate::translate::capability::claude;
use crate::translate::docs::cases::*;
use crate::translate::docs::{Nested, Sample, Table, nested, sample};
use crate::translate::encode::defaults::never;
use crate::translate::encode::fields::{adjusted, deprecated, ignored, mapped, refused};

/// Of Anthropic's own fields.
const SAMPLES: &[Sample] = &[
    sample("cache_control", r#"{"type":"ephemeral","ttl":"1h"}"#),
    sample("output_config", r#"{"effort":"low"}"#),
    sample("thinking", r#"{"type":"enabled","budget_tokens":1024}"#),
    sample("top_k", "5"),
];

pub(in crate::translate) fn table() -> Table {
    // With the one option of the host that a field depends on.
    let dialect = anthropic().automatic_caching(true);
    Table {
        intro: "Checked with Claude Sonnet 4. What a field becomes can depend on the model: see the rules below, and \
                `Anthropic::model_capabilities` to say otherwise.",
        nested: [parts(), messages(), tools()].into_iter().flatten().collect(),
        samples: SAMPLES,
        rules: claude::rules(),
        ..Table::new("Anthropic", "claude-sonnet-4-20250514", dialect, FIELDS)
    }
}

fn parts() -> Vec<Nested> {
    vec![
        part(
            mapped("messages[].content[].text", "a `text` block; an empty one is left out"),
            json!({"type": "text", "text": "More"}),
        ),
        part(
            mapped(
                "messages[].content[].image_url",
                "an `image` block, of an `https:` URL or a `data:` URL; nothing is fetched here",
            ),
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        ),
        image(
            ignored("messages[].content[].image_url.detail", "Claude sees one resolution"),
            &json!({"detail": "low"}),
        ),
        part(
            refused("messages[].content[].input_audio", never).because("Claude does not hear"),
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ),
        part(
            mapped("messages[].content[].file.file_data", "a `document` block, of a PDF or a text"),
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}}),
        ),
        part(
            refused("messages[].content[].file.file_id", never).because("OpenAI's own store of files"),
            json!({"type": "file", "file": {"file_id": "file-1"}}),
        ),
        breakpoint(mapped(
            "messages[].content[].prompt_cache_breakpoint",
            "`cache_control` on the block; the last four count",
        )),
    ]
}

fn messages() -> Vec<Nested> {
    let blocks = json!([{"type": "thinking", "thinking": "Hm", "signature": "Eq"}]);
    let custom = json!({"id": "c_1", "type": "custom", "custom": {"name": "f", "input": "x"}});
    vec![
        nested(
            mapped(
                "messages[].role: system, developer",
                "`system`; later ones are a user's text, or a `system` turn where the model knows them",
            ),
            user(&json!({})),
            instructed("developer"),
        ),
        nested(
            refused("messages[].role: function", never).because("deprecated: use `tool`"),
            user(&json!({})),
            instructed("function"),
        ),
        nested(ignored("messages[].name", "Anthropic names nobody"), user(&json!({})), user(&json!({"name": "ann"}))),
        said(mapped("messages[].refusal", "a `text` block"), &json!({"refusal": "No"})),
        said(refused("messages[].audio", never).because("Claude does not speak"), &json!({"audio": {"id": "a"}})),
        said(
            deprecated("messages[].function_call", never, "tool_calls"),
            &json!({"function_call": {"name": "f", "arguments": "{}"}}),
        ),
        nested(
            mapped("messages[].tool_calls", "`tool_use` blocks; foreign characters of an id are replaced"),
            user(&json!({})),
            called(&call("c_1"), &json!({})),
        ),
        nested(
            mapped("messages[].tool_calls[].custom", "a `tool_use` block with one field, `input`"),
            called(&call("c_1"), &json!({})),
            called(&custom, &json!({})),
        ),
        nested(
            mapped("messages[].tool_call_id", "`tool_result` blocks, in the order of the calls"),
            called(&call("c_1"), &json!({})),
            called(&call("c_2"), &json!({})),
        ),
        nested(
            mapped("messages[].is_error", "`is_error` of the `tool_result`"),
            called(&call("c_1"), &json!({})),
            called(&call("c_1"), &json!({"is_error": true})),
        ),
        said(
            mapped(
                "messages[].reasoning_details",
                "`thinking` and `redacted_thinking` blocks, if Anthropic signed them",
            ),
            &json!({"reasoning_details": signed("anthropic-claude-v1")}),
        ),
        said(
            mapped("messages[].thinking_blocks", "the same, if there are no `reasoning_details`"),
            &json!({"thinking_blocks": blocks}),
        ),
        said(
            ignored("messages[].reasoning_content", "it is not signed, and Anthropic takes nothing else"),
            &json!({"reasoning_content": "Hm"}),
        ),
    ]
}

fn tools() -> Vec<Nested> {
    vec![
        nested(
            mapped("tools[].function.parameters", "`input_schema`, with its `type` added if it is missing"),
            function(&json!({})),
            function(&json!({"parameters": {"properties": {"a": {"type": "string"}}}})),
        ),
        nested(
            adjusted(
                "tools[].function.strict",
                "`strict`, where model and schema allow it; else left out and reported",
            ),
            function(&json!({})),
            function(&json!({"strict": true})),
        ),
        nested(
            mapped("tools[].custom", "a tool with one field, `input`, whose text comes back as it is"),
            asked(&json!({})),
            custom(&json!({})),
        ),
        nested(
            refused("tools[].custom.format", never).because("Claude follows no grammars; `text` is fine"),
            custom(&json!({})),
            custom(&grammar()),
        ),
        allowed_tools(mapped("tool_choice.allowed_tools", "the other tools are not shown")),
        json_object(adjusted(
            "response_format.type: json_object",
            "an instruction, and reported; the host may refuse it instead",
        )),
    ]
}
