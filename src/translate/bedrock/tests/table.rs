//! What `docs/providers.md` says of Bedrock: the table of fields, and what stands inside of them.

use super::*;
use crate::translate::bedrock::request::encode::FIELDS;
use crate::translate::capability::bedrock as capability;
use crate::translate::docs::cases::*;
use crate::translate::docs::{Nested, Others, Sample, Table, nested, sample};
use crate::translate::encode::defaults::never;
use crate::translate::encode::fields::{adjusted, deprecated, ignored, mapped, refused};

/// Of Claude's own fields.
const SAMPLES: &[Sample] = &[sample("thinking", r#"{"type":"enabled","budget_tokens":1024}"#), sample("top_k", "5")];

pub(in crate::translate) fn table() -> Table {
    Table {
        intro: "Checked with Claude Sonnet 4. What a field becomes can depend on the model: see the rules below, and \
                `Bedrock::model_capabilities` to say otherwise. What is forwarded goes into `additionalModelRequestFields`.",
        others: Others::Translated { inside: Some("additionalModelRequestFields") },
        nested: [parts(), messages(), tools()].into_iter().flatten().collect(),
        samples: SAMPLES,
        rules: capability::rules(),
        ..Table::new("Bedrock", CLAUDE, bedrock(), FIELDS)
    }
}

fn parts() -> Vec<Nested> {
    vec![
        part(
            mapped("messages[].content[].text", "a `text` block; a blank one is left out"),
            json!({"type": "text", "text": "More"}),
        ),
        part(
            mapped("messages[].content[].image_url", "an `image` block, of a `data:` URL; `s3://` if the host says so"),
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        ),
        image(
            ignored("messages[].content[].image_url.detail", "Converse has one resolution"),
            &json!({"detail": "low"}),
        ),
        part(
            mapped("messages[].content[].input_audio", "an `audio` block"),
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ),
        part(
            mapped(
                "messages[].content[].file.file_data",
                "a `document` block; its name is the file's, as far as Converse allows",
            ),
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}}),
        ),
        part(
            refused("messages[].content[].file.file_id", never).because("OpenAI's own store of files"),
            json!({"type": "file", "file": {"file_id": "file-1"}}),
        ),
    ]
}

fn messages() -> Vec<Nested> {
    let custom = json!({"id": "c_1", "type": "custom", "custom": {"name": "f", "input": "x"}});
    vec![
        nested(
            mapped("messages[].role: system, developer", "`system`; later ones are a user's text"),
            user(&json!({})),
            instructed("developer"),
        ),
        nested(
            refused("messages[].role: function", never).because("deprecated: use `tool`"),
            user(&json!({})),
            instructed("function"),
        ),
        nested(ignored("messages[].name", "Converse names nobody"), user(&json!({})), user(&json!({"name": "ann"}))),
        said(mapped("messages[].refusal", "a `text` block"), &json!({"refusal": "No"})),
        said(refused("messages[].audio", never).because("a sound that OpenAI keeps"), &json!({"audio": {"id": "a"}})),
        said(
            deprecated("messages[].function_call", never, "tool_calls"),
            &json!({"function_call": {"name": "f", "arguments": "{}"}}),
        ),
        nested(
            mapped("messages[].tool_calls", "`toolUse` blocks; foreign characters of an id are replaced"),
            user(&json!({})),
            called(&call("c_1"), &json!({})),
        ),
        nested(
            mapped("messages[].tool_calls[].custom", "a `toolUse` block with one field, `input`"),
            called(&call("c_1"), &json!({})),
            called(&custom, &json!({})),
        ),
        nested(
            mapped("messages[].tool_call_id", "`toolResult` blocks, in the order of the calls"),
            called(&call("c_1"), &json!({})),
            called(&call("c_2"), &json!({})),
        ),
        nested(
            mapped("messages[].is_error", "`status: error` of the `toolResult`"),
            called(&call("c_1"), &json!({})),
            called(&call("c_1"), &json!({"is_error": true})),
        ),
        said(
            mapped("messages[].reasoning_details", "`reasoningContent` blocks, if the model that is asked signed them"),
            &json!({"reasoning_details": signed("anthropic-claude-v1")}),
        ),
        said(ignored("messages[].reasoning_content", "it is not signed"), &json!({"reasoning_content": "Hm"})),
    ]
}

fn tools() -> Vec<Nested> {
    vec![
        nested(
            mapped("tools[].function.parameters", "`inputSchema.json`, with its `type` added if it is missing"),
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
            refused("tools[].custom.format", never).because("Converse follows no grammars; `text` is fine"),
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
