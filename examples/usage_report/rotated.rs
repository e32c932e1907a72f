//! The files that a log was rotated into.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// What a log was rotated into, oldest first: files beside it that are called as it is, with a time or a number before
/// or after the ending. `usage-2026-11-29.jsonl`, `usage.jsonl.20261129`, `usage.jsonl.2`.
pub(crate) fn before(log: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(name), Some(stem)) = (log.file_name(), log.file_stem()) else { return Ok(Vec::new()) };
    if log == Path::new("-") {
        return Ok(Vec::new());
    }
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for file in folder.unwrap_or(Path::new(".")).read_dir()? {
        let file = file?.file_name();
        if let Some(age) = age(&file, name, stem) {
            found.push((age, log.with_file_name(&file)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// What sorts the oldest first: small numbers count from the youngest, as with logrotate; times sort as they stand.
type Age = (Reverse<u32>, String);

fn age(file: &OsStr, log: &OsStr, stem: &OsStr) -> Option<Age> {
    let (file, log, stem) = (file.to_str()?, log.to_str()?, stem.to_str()?);
    // What is compressed is found as well: to say that it can't be read is better than to leave it out.
    let plain = [".gz", ".zst", ".xz", ".bz2"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    let between = plain.strip_prefix(log).or_else(|| plain.strip_prefix(stem)?.strip_suffix(&log[stem.len()..]))?;
    let mark = between.strip_prefix(['.', '-', '_'])?;
    let allowed = |byte: u8| byte.is_ascii_digit() || b"TZ-_.:".contains(&byte);
    if !mark.starts_with(|first: char| first.is_ascii_digit()) || !mark.bytes().all(allowed) {
        return None;
    }
    let number = if mark.len() < 4 { mark.parse().unwrap_or(0) } else { 0 };
    Some((Reverse(number), mark.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(files: &[&str]) -> Vec<String> {
        let age = |file: &&str| Some((age(file.as_ref(), "usage.jsonl".as_ref(), "usage".as_ref())?, file.to_string()));
        let mut found: Vec<_> = files.iter().filter_map(age).collect();
        found.sort();
        found.into_iter().map(|(_, file)| file).collect()
    }

    #[test]
    fn the_oldest_come_first() {
        assert_eq!(
            order(&["usage.jsonl.1", "usage.jsonl.10.gz", "usage.jsonl", "usage.jsonl.2"]),
            ["usage.jsonl.10.gz", "usage.jsonl.2", "usage.jsonl.1"]
        );
        assert_eq!(
            order(&["usage-2026-11-30.jsonl", "usage-2026-11-29T18:00:00.5Z.jsonl", "usage-2026-11-29.jsonl"]),
            ["usage-2026-11-29.jsonl", "usage-2026-11-29T18:00:00.5Z.jsonl", "usage-2026-11-30.jsonl"]
        );
        assert_eq!(order(&["usage.jsonl.20261130", "usage.jsonl.20261129-01"]).len(), 2);
    }

    #[test]
    fn other_files_are_not_its_own() {
        assert!(
            order(&["usage.jsonl", "usage.json", "usage-old.jsonl", "usage2.jsonl", "my-usage.jsonl", "x"]).is_empty()
        );
    }
}
