//! The same bytes in any packaging give the same bytes.

use super::golden::streams;
use super::streamed;

#[test]
fn any_cut_and_any_line_ending() {
    for (path, stream) in streams() {
        let expected = streamed([stream.as_bytes()], true).0;
        for ending in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ending);
            let bytes = stream.as_bytes();
            assert_eq!(streamed(bytes.chunks(1), true).0, expected, "{} byte by byte", path.display());
            for cut in 0..=bytes.len() {
                let (before, after) = bytes.split_at(cut);
                assert_eq!(streamed([before, after], true).0, expected, "{} cut at {cut}", path.display());
            }
        }
    }
}

#[test]
fn any_dressing() {
    for (path, stream) in streams() {
        let expected = streamed([stream.as_bytes()], true).0;
        let without_names = stream.split_inclusive('\n').filter(|line| !line.starts_with("event:"));
        for dressed in [
            format!("\u{feff}{stream}"),
            format!(": hello\n\n{}", stream.replace("\n\n", "\n\n: ping\n\n\n")),
            stream.replace("\ndata: ", "\n: comment\nid: 7\nretry: 5\ndata:"),
            stream.replace("\ndata: {", "\ndata: {\ndata: "),
            stream.replace("event: ", "event: wrong_"),
            without_names.collect(),
        ] {
            assert_eq!(streamed([dressed.as_bytes()], true).0, expected, "{}", path.display());
            assert_eq!(streamed(dressed.as_bytes().chunks(1), true).0, expected, "{}", path.display());
        }
    }
}

#[test]
fn what_follows_the_end_is_ignored() {
    for (path, stream) in streams() {
        let expected = streamed([stream.as_bytes()], true).0;
        if expected.ends_with("[DONE]\n\n") && stream.ends_with("\n\n") && stream.contains("message_stop") {
            for more in ["data: [DONE]\n\n", "data: {\n\n", "event: error\ndata: {\"type\":\"error\"}\n\n", "junk"] {
                let ours = streamed([format!("{stream}{more}").as_bytes()], true).0;
                assert_eq!(ours, expected, "{}", path.display());
            }
        }
    }
}
