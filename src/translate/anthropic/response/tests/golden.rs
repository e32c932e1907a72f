//! The golden files. `BLESS=1 cargo test` writes what our own streams give; read the difference before you keep it.

use std::fs;
use std::path::{Path, PathBuf};

use http::StatusCode;
use serde_json::Value;

use super::{GOLDEN, Scrub, primed, streamed, whole};
use crate::translate::Decode;
use crate::translate::anthropic::AnthropicDecoder;
use crate::translate::decode::fold::{canonical, fold};

/// The golden streams of the provider: their names and contents.
pub(super) fn streams() -> Vec<(PathBuf, String)> {
    let folders = [GOLDEN.to_owned(), format!("{GOLDEN}_streams")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut streams: Vec<_> = files
        .filter(|path| path.to_str().unwrap().ends_with(".response.provider.sse"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    streams.sort();
    streams
}

fn expected(provider: &Path) -> PathBuf {
    PathBuf::from(provider.to_str().unwrap().replace("provider", "openai"))
}

#[test]
fn streams_of_the_protocol_reference_fold_to_the_same_answer() {
    let mut seen = 0;
    for (path, stream) in streams().iter().filter(|(path, _)| path.starts_with(GOLDEN)) {
        let expected = fs::read_to_string(expected(path)).unwrap();
        let (ours, _) = streamed([stream.as_bytes()], expected.contains("\"usage\""));
        assert_eq!(fold(&ours), fold(&expected), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn our_own_streams_give_these_bytes() {
    for (path, stream) in streams().iter().filter(|(path, _)| !path.starts_with(GOLDEN)) {
        let (ours, _) = streamed([stream.as_bytes()], true);
        fold(&ours);
        if std::env::var_os("BLESS").is_some() {
            fs::write(expected(path), &ours).unwrap();
        }
        assert_eq!(ours, fs::read_to_string(expected(path)).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn whole_answers_and_errors_of_the_protocol_reference() {
    let json = |path: &Path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(GOLDEN).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if !name.ends_with(".response.provider.json") {
            continue;
        }
        seen += 1;
        let body = fs::read_to_string(&path).unwrap();
        let theirs = json(&expected(&path));
        let meta = json(&PathBuf::from(name.replace(".response.provider.json", ".meta.json")));
        if let Some(status) = meta["provider_status"].as_u64().filter(|status| *status != 200) {
            let decoder = AnthropicDecoder::new(primed(), Scrub::default());
            let error = decoder.error(StatusCode::from_u16(status as u16).unwrap(), body.as_bytes());
            assert_eq!(u64::from(error.status().as_u16()), meta["openai_status"].as_u64().unwrap());
            assert_eq!(serde_json::from_slice::<Value>(&error.to_json()).unwrap(), theirs);
        } else {
            let ours: Value = serde_json::from_str(&whole(&body).unwrap()).unwrap();
            assert_eq!(canonical(&ours), canonical(&theirs), "{name}");
            assert!(ours["choices"][0].get("logprobs").is_some());
        }
    }
    assert_eq!(seen, 5);
}
