//! The golden files.

use std::fs;
use std::path::{Path, PathBuf};

use http::StatusCode;
use serde_json::Value;

use super::{GOLDEN, Scrub, primed, streamed, whole};
use crate::translate::Decode;
use crate::translate::decode::fold::{canonical, fold};
use crate::translate::gemini::GeminiDecoder;

/// The golden answers of the provider with this ending: their names and contents.
pub(super) fn answers(ending: &str) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(GOLDEN).unwrap().map(|entry| entry.unwrap().path());
    let mut answers: Vec<_> = files
        .filter(|path| path.to_str().unwrap().ends_with(&format!(".response.provider.{ending}")))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    answers.sort();
    answers
}

fn expected(provider: &Path) -> String {
    fs::read_to_string(provider.to_str().unwrap().replace("provider", "openai")).unwrap()
}

#[test]
fn streams_fold_to_the_same_answer() {
    let streams = answers("sse");
    for (path, stream) in &streams {
        let expected = expected(path);
        let (ours, _) = streamed([stream.as_bytes()], expected.contains("\"usage\""));
        assert_eq!(fold(&ours), fold(&expected), "{}", path.display());
    }
    assert_eq!(streams.len(), 2);
}

#[test]
fn whole_answers_and_errors() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let all = answers("json");
    for (path, body) in &all {
        let name = path.to_str().unwrap();
        let theirs = json(&expected(path));
        let meta = json(&fs::read_to_string(name.replace(".response.provider.json", ".meta.json")).unwrap());
        if let Some(status) = meta["provider_status"].as_u64() {
            let decoder = GeminiDecoder::new(primed(), Scrub::default());
            let error = decoder.error(StatusCode::from_u16(status as u16).unwrap(), body.as_bytes());
            assert_eq!(u64::from(error.status().as_u16()), meta["openai_status"].as_u64().unwrap());
            assert_eq!(json(std::str::from_utf8(&error.to_json()).unwrap()), theirs);
            for (header, value) in meta["openai_headers"].as_object().unwrap() {
                assert_eq!(error.headers()[header], value.as_str().unwrap());
            }
        } else {
            let ours = json(&whole(body).unwrap());
            assert_eq!(canonical(&ours), canonical(&theirs), "{name}");
            assert!(ours["choices"][0].get("logprobs").is_some());
        }
    }
    assert_eq!(all.len(), 5);
}
