//! The golden streams of all dialects.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// A stream as its provider sends it.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) folder: String,
    /// OpenAI's request; a plain one where the folder has none.
    pub(crate) request: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// The profile of what imitates OpenAI.
    pub(crate) profile: Option<String>,
    /// What each event of a binary stream holds.
    pub(crate) twins: Vec<String>,
}

const PLAIN: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"What is the time?"}]}"#;

pub(crate) fn streams() -> Vec<Golden> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            found.extend(read(&file.unwrap().path()));
        }
    }
    found.sort_by(|one: &Golden, other| one.name.cmp(&other.name));
    assert!(found.len() > 30, "{}", found.len());
    found
}

fn read(path: &Path) -> Option<Golden> {
    let file = path.file_name()?.to_str()?;
    let (stem, content_type) = match (file.strip_suffix(".response.provider.sse"), file) {
        (Some(stem), _) => (stem, "text/event-stream"),
        (None, file) => (file.strip_suffix(".response.provider.eventstream")?, "application/vnd.amazon.eventstream"),
    };
    let folder = path.parent()?.file_name()?.to_str()?.to_owned();
    let beside = |ending: &str| fs::read(path.with_file_name(format!("{stem}.{ending}"))).ok();
    let meta: Option<serde_json::Value> = beside("meta.json").map(|meta| serde_json::from_slice(&meta).unwrap());
    let profile = meta.and_then(|meta| Some(meta["profile"].as_str()?.split(',').next()?.to_owned()));
    let twins = beside("response.provider.events.jsonl").unwrap_or_default();
    Some(Golden {
        name: format!("{folder}/{stem}"),
        folder,
        request: beside("request.openai.json").map_or(Bytes::from(PLAIN), Bytes::from),
        content_type,
        body: fs::read(path).ok()?.into(),
        profile,
        twins: String::from_utf8(twins).unwrap().lines().map(str::to_owned).collect(),
    })
}
