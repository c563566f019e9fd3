//! One table of a file, and the typed getters over it.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Noted;

/// A table of the file laid over the same table of the built-in file.
///
/// A getter whose key is absent in both, or wrong, notes a fault and gives a placeholder (empty,
/// zero, the range's start,
/// `None`): `read` never hands those out. Keys that no getter asked for are reported when the
/// section is dropped.
#[derive(Debug)]
pub struct Section<'d> {
    noted: &'d Noted<'d>,
    /// Dotted, empty at the root.
    path: String,
    line: usize,
    user: Option<&'d DeTable<'d>>,
    built_in: Option<&'d DeTable<'d>>,
    asked: BTreeSet<String>,
}

impl<'d> Section<'d> {
    pub(super) fn root(
        noted: &'d Noted<'d>,
        user: &'d DeTable<'d>,
        built_in: &'d DeTable<'d>,
    ) -> Self {
        let (user, built_in) = (Some(user), Some(built_in));
        Self {
            noted,
            path: String::new(),
            line: 1,
            user,
            built_in,
            asked: BTreeSet::new(),
        }
    }

    /// Any text.
    pub fn string(&mut self, key: &str) -> String {
        self.text(key).unwrap_or_default().to_owned()
    }

    /// Text that `parse` understands; `allowed` completes "allowed: …" for people.
    pub fn parsed<T>(
        &mut self,
        key: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(text);
        if value.is_none() {
            self.fault(key, format!("is {text:?}; allowed: {allowed}"));
        }
        value
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let allowed: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.parsed(key, &allowed.join(", "), |text| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
        })
    }

    /// A path, as written; not empty.
    pub fn path(&mut self, key: &str) -> PathBuf {
        self.parsed(key, "a path", |text| {
            (!text.is_empty()).then(|| text.into())
        })
        .unwrap_or_default()
    }

    pub fn bool(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            self.wrong_type(key, value, "true or false");
            false
        })
    }

    /// A whole number, both ends of `range` included.
    pub fn u64_in(&mut self, key: &str, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (*range.start(), *range.end());
        let Some(value) = self.value(key) else {
            return low;
        };
        let Some(integer) = value.as_integer() else {
            self.wrong_type(key, value, &format!("a whole number from {low} to {high}"));
            return low;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix());
        number
            .ok()
            .filter(|number| range.contains(number))
            .unwrap_or_else(|| {
                self.fault(key, format!("is {integer}; allowed: {low} to {high}"));
                low
            })
    }

    /// As `u64_in`, below zero as well.
    pub fn i64_in(&mut self, key: &str, range: RangeInclusive<i64>) -> i64 {
        let (low, high) = (*range.start(), *range.end());
        let Some(value) = self.value(key) else {
            return low;
        };
        let Some(integer) = value.as_integer() else {
            self.wrong_type(key, value, &format!("a whole number from {low} to {high}"));
            return low;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix());
        number
            .ok()
            .filter(|number| range.contains(number))
            .unwrap_or_else(|| {
                self.fault(key, format!("is {integer}; allowed: {low} to {high}"));
                low
            })
    }

    pub fn usize_in(&mut self, key: &str, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.u64_in(key, range)).unwrap_or(usize::MAX)
    }

    /// A range within `u16`, for ports and windows.
    pub fn u16_in(&mut self, key: &str, range: RangeInclusive<u16>) -> u16 {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        u16::try_from(self.u64_in(key, range)).unwrap_or(u16::MAX)
    }

    /// A whole number of milliseconds; the key ends in `_ms`.
    pub fn duration_ms(&mut self, key: &str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.u64_in(key, range))
    }

    /// An array of texts.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        self.parsed_list(key, "texts", |text| Some(text.to_owned()))
    }

    /// An array of texts, each of which `parse` understands; each one that it does not is a fault
    /// of its own.
    pub fn parsed_list<T>(
        &mut self,
        key: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.wrong_type(key, value, &format!("an array of {allowed}"));
            return Vec::new();
        };
        let mut list = Vec::new();
        for (at, item) in array.iter().enumerate() {
            let given = item.get_ref();
            match given.as_str().and_then(&parse) {
                Some(value) => list.push(value),
                None => {
                    let shown = given
                        .as_str()
                        .map_or(given.type_str().to_owned(), |text| format!("{text:?}"));
                    let message = format!("is {shown}; allowed: {allowed}");
                    self.noted.note(
                        self.noted.line(&item.span()),
                        &format!("{}[{at}]", self.dotted(key)),
                        message,
                    );
                }
            }
        }
        list
    }

    /// A table. One that is nowhere is as good as an empty one: its own required keys will say what
    /// is missing.
    pub fn section(&mut self, key: &str) -> Section<'d> {
        self.asked.insert(key.to_owned());
        let user = self.user.and_then(|table| table.get(key));
        if let Some(value) = user.filter(|value| !value.get_ref().is_table()) {
            self.wrong_type(key, value.get_ref(), "a table");
        }
        Section {
            noted: self.noted,
            path: self.dotted(key),
            line: self.line_of(key),
            user: user.and_then(|value| value.get_ref().as_table()),
            built_in: self
                .built_in
                .and_then(|table| table.get(key)?.get_ref().as_table()),
            asked: BTreeSet::new(),
        }
    }

    /// An array of tables. The file's array replaces the built-in one as a whole.
    pub fn sections(&mut self, key: &str) -> Vec<Section<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.wrong_type(key, value, "an array of tables");
            return Vec::new();
        };
        let is_users = self.user.is_some_and(|table| table.contains_key(key));
        let mut list = Vec::new();
        for (at, item) in array.iter().enumerate() {
            let path = format!("{}[{at}]", self.dotted(key));
            let line = if is_users {
                self.noted.line(&item.span())
            } else {
                self.line
            };
            let Some(table) = item.get_ref().as_table() else {
                self.noted.note(
                    line,
                    &path,
                    format!("is {}; allowed: a table", item.get_ref().type_str()),
                );
                continue;
            };
            let (user, built_in) = if is_users {
                (Some(table), None)
            } else {
                (None, Some(table))
            };
            list.push(Section {
                noted: self.noted,
                path,
                line,
                user,
                built_in,
                asked: BTreeSet::new(),
            });
        }
        list
    }

    /// A key that may be absent: `section.optional("ca_file", Section::path)`.
    pub fn optional<T>(&mut self, key: &str, read: impl FnOnce(&mut Self, &str) -> T) -> Option<T> {
        self.asked.insert(key.to_owned());
        self.find(key).is_some().then(|| read(self, key))
    }

    /// The keys of this table, for tables whose keys are names; each still has to be read.
    pub fn keys(&self) -> Vec<String> {
        let table = self.user.or(self.built_in);
        table
            .map(|table| table.keys().map(|key| key.get_ref().to_string()).collect())
            .unwrap_or_default()
    }

    /// No key of this table is unknown: which ones it may have can't be told.
    pub fn allow_any(&mut self) {
        let keys = self.user.iter().flat_map(|table| table.keys());
        self.asked.extend(keys.map(|key| key.get_ref().to_string()));
    }

    /// Notes a fault that only the caller can see, such as two keys that don't go together.
    pub fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.noted
            .note(self.line_of(key), &self.dotted(key), message.into());
    }

    fn text(&mut self, key: &str) -> Option<&'d str> {
        let value = self.value(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong_type(key, value, "text in quotes");
        }
        text
    }

    fn find(&self, key: &str) -> Option<&'d DeValue<'d>> {
        let value = |table: Option<&'d DeTable<'d>>| table.and_then(|table| table.get(key));
        value(self.user)
            .or_else(|| value(self.built_in))
            .map(Spanned::get_ref)
    }

    fn value(&mut self, key: &str) -> Option<&'d DeValue<'d>> {
        self.asked.insert(key.to_owned());
        let value = self.find(key);
        if value.is_none() {
            self.fault(key, "is missing");
        }
        value
    }

    fn wrong_type(&mut self, key: &str, value: &DeValue<'_>, allowed: &str) {
        self.fault(
            key,
            format!("is of type {}; allowed: {allowed}", value.type_str()),
        );
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn line_of(&self, key: &str) -> usize {
        let known = self.user.and_then(|table| table.get_key_value(key));
        known.map_or(self.line, |(key, _)| self.noted.line(&key.span()))
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        for key in self.user.iter().flat_map(|table| table.keys()) {
            let name: &str = key.get_ref();
            if self.asked.contains(name) {
                continue;
            }
            let message = match nearest(name, &self.asked) {
                Some(meant) => format!("unknown key; did you mean {meant:?}?"),
                None => {
                    let known: Vec<_> = self.asked.iter().map(String::as_str).collect();
                    format!("unknown key; known here: {}", known.join(", "))
                }
            };
            self.noted
                .note(self.noted.line(&key.span()), &self.dotted(name), message);
        }
    }
}

/// The known key that a mistyped one most likely stands for: at most a third of its letters differ.
fn nearest<'k>(name: &str, known: &'k BTreeSet<String>) -> Option<&'k str> {
    let distances = known.iter().map(|key| (distance(name, key), key));
    let (edits, key) = distances.min()?;
    (edits <= (key.len() / 3).max(1)).then_some(key)
}

/// Edit distance: letters inserted, left out, replaced, or swapped with their neighbour (optimal
/// string alignment).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let replaced = cell(&above, j) + usize::from(from != to);
            let mut edits = replaced.min(cell(&above, j + 1) + 1).min(cell(&row, j) + 1);
            let is_swap = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if is_swap {
                edits = edits.min(cell(&before, j - 1) + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or_default()
}
