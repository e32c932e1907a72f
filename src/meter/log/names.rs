//! What the files of a log are called.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::calendar;

/// The path of a log, from which all other names follow.
#[derive(Clone, Debug)]
pub(super) struct Names(PathBuf);

/// The day and the number of an older file: their order is that of time.
type Place = (u64, u64);

impl Names {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The file that is written.
    pub(super) fn current(&self) -> &Path {
        &self.0
    }

    /// A file that goes with it: `usage.jsonl.lock`.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        let mut name = OsString::from(&self.0);
        name.push(what);
        PathBuf::from(name)
    }

    /// The folder that all of them are in.
    pub(super) fn folder(&self) -> &Path {
        match self.0.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The name under which the file of this day is kept: the first that is free.
    pub(super) fn free(&self, day: u64) -> io::Result<PathBuf> {
        let of_day = |(place, _): &(Place, PathBuf)| (place.0 == day).then_some(place.1);
        let last = self.placed()?.iter().filter_map(of_day).max().unwrap_or(0);
        let (year, month, day) = calendar::date(day);
        let (before, after) = self.around();
        Ok(self.folder().join(format!("{before}{year:04}-{month:02}-{day:02}.{:04}{after}", last + 1)))
    }

    /// The older files, oldest first.
    pub(super) fn older(&self) -> io::Result<Vec<PathBuf>> {
        Ok(self.placed()?.into_iter().map(|(_, path)| path).collect())
    }

    fn placed(&self) -> io::Result<Vec<(Place, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            let entry = entry?;
            if let Some(place) = entry.file_name().to_str().and_then(|name| self.place(name)) {
                found.push((place, self.folder().join(entry.file_name())));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What stands before the day in a name, and what after the number.
    fn around(&self) -> (String, String) {
        let lossy = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let after = self.0.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        (lossy(self.0.file_stem()) + ".", after.unwrap_or_default())
    }

    fn place(&self, name: &str) -> Option<Place> {
        let (before, after) = self.around();
        let (day, number) = name.strip_prefix(&*before)?.strip_suffix(&*after)?.split_once('.')?;
        let is_number = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        let time = calendar::read_time(&format!("{day}T00:00:00Z"))?;
        Some((time.as_secs() / calendar::DAY, number.parse().ok().filter(|_| is_number && day.len() == 10)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_order() {
        let names = Names::new(Path::new("/var/log/usage.jsonl"));
        assert_eq!(names.place("usage.2026-11-22.0001.jsonl"), Some((20_779, 1)));
        assert_eq!(names.place("usage.2026-11-22.12345.jsonl"), Some((20_779, 12_345)));
        for other in
            ["usage.jsonl", "usage.2026-11-22.1.jsonl", "usage.2026-11-22.0001.jsonl.gz", "usage.2026-13-22.0001.jsonl"]
        {
            assert_eq!(names.place(other), None, "{other}");
        }
        assert_eq!(names.beside(".lock"), Path::new("/var/log/usage.jsonl.lock"));
        let bare = Names::new(Path::new("usage"));
        assert_eq!((bare.place("usage.2026-11-22.0002"), bare.folder()), (Some((20_779, 2)), Path::new(".")));
    }
}
