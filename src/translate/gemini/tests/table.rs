//! What `docs/providers.md` says of Gemini: the table of fields, and what stands inside of them.

use super::*;
use crate::translate::capability::gemini as capability;
use crate::translate::docs::cases::*;
use crate::translate::docs::{Nested, Sample, Table, nested, sample};
use crate::translate::encode::defaults::never;
use crate::translate::encode::fields::{adjusted, deprecated, ignored, mapped, refused};
use crate::translate::gemini::request::encode::FIELDS;

/// Of Gemini's own fields.
const SAMPLES: &[Sample] = &[sample("safetySettings", "[]"), sample("safety_settings", "[]"), sample("top_k", "5")];

pub(in crate::translate) fn table() -> Table {
    Table {
        intro: "Checked with Gemini 2.5 Flash. What a field becomes can depend on the model: see the rules below, and \
                `Gemini::model_capabilities` to say otherwise.",
        nested: [parts(), messages(), tools()].into_iter().flatten().collect(),
        samples: SAMPLES,
        rules: capability::rules(),
        ..Table::new("Gemini", "gemini-2.5-flash", gemini(), FIELDS)
    }
}

fn parts() -> Vec<Nested> {
    vec![
        part(
            mapped("messages[].content[].text", "a `text` part; an empty one is left out"),
            json!({"type": "text", "text": "More"}),
        ),
        part(
            mapped(
                "messages[].content[].image_url",
                "`inlineData` of a `data:` URL, `fileData` of Google's own files and YouTube; other URLs if the host says so",
            ),
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        ),
        image(
            ignored("messages[].content[].image_url.detail", "one resolution for all images"),
            &json!({"detail": "low"}),
        ),
        part(
            mapped("messages[].content[].input_audio", "`inlineData`"),
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ),
        part(
            mapped(
                "messages[].content[].file.file_data",
                "`inlineData` of a PDF, a text, an image, a sound or a video",
            ),
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}}),
        ),
        part(
            refused("messages[].content[].file.file_id", never).because("but for the URI of a file at Google"),
            json!({"type": "file", "file": {"file_id": "file-1"}}),
        ),
        breakpoint(ignored("messages[].content[].prompt_cache_breakpoint", "Gemini caches by itself")),
    ]
}

fn messages() -> Vec<Nested> {
    let custom = json!({"id": "c_1", "type": "custom", "custom": {"name": "f", "input": "x"}});
    let mut signed_call = call("c_1");
    signed_call["extra_content"] = json!({"google": {"thought_signature": "RXE="}});
    vec![
        nested(
            mapped("messages[].role: system, developer", "`systemInstruction`, if they come first"),
            user(&json!({})),
            instructed("developer"),
        ),
        nested(
            adjusted("messages[].role", "`system` and `developer` after other messages become the text of a user"),
            user(&json!({})),
            json!({"messages": [{"role": "user", "content": "A question"}, {"role": "system", "content": "Be brief"}]}),
        ),
        nested(
            refused("messages[].role: function", never).because("deprecated: use `tool`"),
            user(&json!({})),
            instructed("function"),
        ),
        nested(ignored("messages[].name", "Gemini names nobody"), user(&json!({})), user(&json!({"name": "ann"}))),
        said(mapped("messages[].refusal", "a `text` part"), &json!({"refusal": "No"})),
        said(refused("messages[].audio", never).because("a sound that OpenAI keeps"), &json!({"audio": {"id": "a"}})),
        said(
            deprecated("messages[].function_call", never, "tool_calls"),
            &json!({"function_call": {"name": "f", "arguments": "{}"}}),
        ),
        nested(
            mapped("messages[].tool_calls", "`functionCall` parts, with `id` where the model knows ids"),
            user(&json!({})),
            called(&call("c_1"), &json!({})),
        ),
        nested(
            mapped("messages[].tool_calls[].custom", "a `functionCall` with one argument, `input`"),
            called(&call("c_1"), &json!({})),
            called(&custom, &json!({})),
        ),
        nested(
            mapped(
                "messages[].tool_calls[].extra_content.google.thought_signature",
                "`thoughtSignature` of the call; the ids of calls and `reasoning_details` carry it, too",
            ),
            called(&call("c_1"), &json!({})),
            called(&signed_call, &json!({})),
        ),
        nested(
            mapped("messages[].is_error", "`error` instead of `output` in the `functionResponse`"),
            called(&call("c_1"), &json!({})),
            called(&call("c_1"), &json!({"is_error": true})),
        ),
        said(
            mapped("messages[].reasoning_details", "`thoughtSignature`, if Google signed it"),
            &json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "RXE=", "format": "google-gemini-v1"}]}),
        ),
        said(
            ignored("messages[].thinking_blocks", "Anthropic's, which means nothing to Gemini"),
            &json!({"thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "Eq"}]}),
        ),
        said(
            ignored("messages[].reasoning_content", "Gemini reads signatures only"),
            &json!({"reasoning_content": "Hm"}),
        ),
    ]
}

fn tools() -> Vec<Nested> {
    vec![
        nested(
            mapped(
                "tools[].function.parameters",
                "`parametersJsonSchema`; `parameters` of OpenAPI's kind for models without it",
            ),
            function(&json!({})),
            function(&json!({"parameters": {"properties": {"a": {"type": "string"}}}})),
        ),
        nested(
            adjusted("tools[].function.strict", "left out and reported: Gemini promises nothing of arguments"),
            function(&json!({})),
            function(&json!({"strict": true})),
        ),
        nested(
            mapped("tools[].custom", "a function with one argument, `input`, whose text comes back as it is"),
            asked(&json!({})),
            custom(&json!({})),
        ),
        nested(
            refused("tools[].custom.format", never).because("Gemini follows no grammars; `text` is fine"),
            custom(&json!({})),
            custom(&grammar()),
        ),
        allowed_tools(mapped("tool_choice.allowed_tools", "the other tools are not shown")),
        json_object(mapped("response_format.type: json_object", "`responseMimeType`")),
    ]
}
