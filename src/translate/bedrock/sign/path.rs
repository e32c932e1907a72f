//! Paths and queries as they are signed.

/// The path as it is signed: without empty and dotted segments, and percent-encoded once more, as Amazon does for every
/// service but S3. So an ARN's `%2F` is signed as `%252F`.
pub(super) fn push_path(out: &mut Vec<u8>, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        push_encoded(out, segment);
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if segments.is_empty() || matches!(last, "" | "." | "..") {
        out.push(b'/');
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn push_encoded(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
            out.extend([b'%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}

/// The query as it is signed: sorted, each name with a `=`. What is in it has to be percent-encoded already.
pub(super) fn push_query(out: &mut Vec<u8>, query: &str) {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        for part in [name, "=", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: fn(&mut Vec<u8>, &str), text: &str) -> String {
        let mut out = Vec::new();
        push(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_path_is_encoded_once_more() {
        for (sent, signed) in [
            ("/model/a.b-v1%3A0/converse", "/model/a.b-v1%253A0/converse"),
            ("/model/a%2Fb/converse", "/model/a%252Fb/converse"),
            ("/a:b@c~_/$", "/a%3Ab%40c~_/%24"),
            ("", "/"),
            ("/", "/"),
            ("//a///b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/a/..", "/"),
            ("/../..", "/"),
            ("/a/b/", "/a/b/"),
            ("/a/b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a/...", "/a/..."),
        ] {
            assert_eq!(pushed(push_path, sent), signed, "{sent}");
        }
    }

    #[test]
    fn a_query_is_sorted() {
        for (sent, signed) in
            [("", ""), ("b=2&a=1", "a=1&b=2"), ("b&a=&a=1=2&", "a=&a=1=2&b="), ("%2Fa=%20", "%2Fa=%20")]
        {
            assert_eq!(pushed(push_query, sent), signed, "{sent}");
        }
    }
}
