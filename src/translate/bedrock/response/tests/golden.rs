//! The golden files.

use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;

use super::{GOLDEN, decoder, streamed, whole};
use crate::translate::Decode;
use crate::translate::bedrock::event_stream::write;
use crate::translate::decode::fold::{canonical, fold};

/// The golden answers of the provider with this ending: their names and contents.
pub(super) fn answers(ending: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(GOLDEN).unwrap().map(|entry| entry.unwrap().path());
    let mut answers: Vec<_> = files
        .filter(|path| path.to_str().unwrap().ends_with(&format!(".response.provider.{ending}")))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    answers.sort();
    answers
}

fn expected(provider: &Path, ending: &str) -> String {
    let (stem, _) = provider.to_str().unwrap().split_once(".response.").unwrap();
    fs::read_to_string(format!("{stem}.response.openai.{ending}")).unwrap()
}

#[test]
fn streams_fold_to_the_same_answer() {
    let streams = answers("eventstream");
    for (path, stream) in &streams {
        let expected = expected(path, "sse");
        let (ours, _) = streamed([&**stream], expected.contains("\"usage\""));
        assert_eq!(fold(&ours), fold(&expected), "{}", path.display());
    }
    assert_eq!(streams.len(), 3);
}

#[test]
fn our_own_frames_are_those_of_the_golden_files() {
    for (path, stream) in answers("events.jsonl") {
        let lines = String::from_utf8(stream).unwrap();
        let frames = lines.lines().flat_map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let values: Vec<(&str, Vec<u8>)> = event["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| {
                    let value = value.as_str().unwrap().as_bytes();
                    (&**name, [&(value.len() as u16).to_be_bytes()[..], value].concat())
                })
                .collect();
            let headers: Vec<_> = values.iter().map(|(name, value)| write::Header(name, 7, value)).collect();
            write::frame(&headers, event["payload"].to_string().as_bytes())
        });
        let ours = streamed([&*frames.collect::<Vec<u8>>()], true).0;
        let binary = PathBuf::from(path.to_str().unwrap().replace("events.jsonl", "eventstream"));
        assert_eq!(ours, streamed([&*fs::read(binary).unwrap()], true).0);
    }
}

#[test]
fn whole_answers_and_errors() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let all = answers("json");
    for (path, body) in &all {
        let name = path.to_str().unwrap();
        let theirs = json(&expected(path, "json"));
        let meta = json(&fs::read_to_string(name.replace(".response.provider.json", ".meta.json")).unwrap());
        let body = str::from_utf8(body).unwrap();
        let status = meta["provider_status"].as_u64().unwrap_or(200);
        let error = if status == 200 {
            match whole(body) {
                Ok(ours) => {
                    assert_eq!(canonical(&json(&ours)), canonical(&theirs), "{name}");
                    continue;
                }
                Err(error) => error,
            }
        } else {
            let mut headers = HeaderMap::new();
            for (name, value) in meta["provider_response_headers"].as_object().unwrap() {
                headers.insert(name.parse::<HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap());
            }
            let mut decoder = decoder();
            decoder.head(&headers);
            decoder.error(StatusCode::from_u16(status as u16).unwrap(), body.as_bytes())
        };
        assert_eq!(u64::from(error.status().as_u16()), meta["openai_status"].as_u64().unwrap(), "{name}");
        assert_eq!(json(str::from_utf8(&error.to_json()).unwrap()), theirs, "{name}");
    }
    assert_eq!(all.len(), 5);
}
