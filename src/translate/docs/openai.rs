//! What the page says of servers that speak OpenAI's own protocol.

use super::{Others, Sample, Table, sample};
use crate::translate::encode::fields::{Row, mapped};
use crate::translate::openai::profile::presets;
use crate::translate::{Azure, OpenAi};

/// All that is changed in a request to them.
const FIELDS: &[Row] = &[
    mapped(
        "messages",
        "as they are, without reasoning that Anthropic or Google has signed (OpenRouter gets that, too); OpenAI and Azure \
         get no reasoning at all, and no ids of tool calls that are too long for them",
    ),
    mapped("model", "the upstream's name of the model, if the router has one; else as it is"),
    mapped("stream_options", "`include_usage` is added; the client sees the usage only if it asked for it"),
];

const SAMPLES: &[Sample] = &[
    sample("messages", r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b","thinking_blocks":[]}]"#),
    sample("stream_options", r#"{"include_obfuscation":false}"#).beside(r#"{"stream":true}"#),
];

pub(super) fn table() -> Table {
    let openai = OpenAi::new("https://api.openai.com/v1").unwrap();
    Table {
        intro: "The client's own bytes go out, and what no row names is not touched: unknown fields, the digits of numbers \
                and the order of keys stay. The server says what it does not take.",
        others: Others::Patched,
        samples: SAMPLES,
        profiles: presets::rows(),
        ..Table::new("OpenAI-compatible", "gpt-5", openai, FIELDS)
    }
}

/// Azure OpenAI, on either of its surfaces.
pub(super) fn azure() -> Table {
    let azure = Azure::new("https://example.openai.azure.com/openai/v1").unwrap();
    Table {
        intro: "The client's own bytes go out here, too, but for fields that are `null` and for what steers gateways, both of \
                which Azure refuses. `Azure::rule` says otherwise of a field.",
        others: Others::Filtered,
        samples: SAMPLES,
        ..Table::new("Azure OpenAI", "gpt-5", azure, FIELDS)
    }
}
