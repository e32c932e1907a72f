//! What the gateway is without a configuration: a demonstration that needs no key and no network.

use std::fmt::Write;

use super::config::Config;

/// The built-in configuration.
pub(crate) const FILE: &str = include_str!("demo.toml");

/// Commands to paste into a shell.
pub(crate) fn curl_lines(config: &Config, url: &str) -> String {
    let mut lines = String::from("No --config: these models are mocks, which need no key and no network. Try:\n\n");
    for model in &config.models {
        for (curl, stream) in [("curl", ""), ("curl -N", r#","stream":true"#)] {
            let _ = writeln!(
                lines,
                "{curl} {url}/v1/chat/completions -H 'Authorization: Bearer sk-demo' -H 'Content-Type: application/json' \
                 -d '{{\"model\":\"{}\"{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"Good morning\"}}]}}'",
                model.id
            );
        }
    }
    let _ = writeln!(lines, "curl {url}/v1/models -H 'Authorization: Bearer sk-demo'");
    lines
}
