//! Strict reading of configuration files: every key known, every value in range, all faults
//! reported at once.
//!
//! `toml` with serde stops at the first fault and can't tell an operator what else is wrong, so the
//! files are read by hand over `toml`'s spans: a `Section` has one typed getter per kind of value,
//! which notes a fault (line, dotted key, what is allowed) and goes on with a placeholder. A key
//! that nobody asked for is a fault too, with the key that was probably meant. A value that the
//! file leaves out comes from the built-in file, so defaults stand in one place only. Deliberately
//! not here: what any key means, environment variables, includes.

mod file;
mod section;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, fmt, ops::Range};

pub use file::{FileRefused, load};
pub use section::Section;
use toml::de::DeTable;

/// One thing wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// Dotted, e.g. `broker.port` or `counters[1].id`; empty where the text is not TOML.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Everything wrong in a file, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file's name, for people.
    pub file: String,
    pub list: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.list.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{}: ", self.file, fault.line)?;
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            f.write_str(&fault.message)?;
        }
        Ok(())
    }
}

/// Reads `text` with `build`, which asks the root section for everything it knows.
///
/// `built_in` is the complete file that ships with the program; what `text` leaves out comes from
/// there. `build` must ask for all keys before it gives up on one of them: sections report unknown
/// keys when they are dropped. What it returns is used only if nothing was wrong; `None` without a
/// fault is itself reported.
///
/// # Errors
/// All faults of the file, sorted by line.
pub fn read<T>(
    file: &str,
    text: &str,
    built_in: &str,
    build: impl FnOnce(&mut Section<'_>) -> Option<T>,
) -> Result<T, Faults> {
    let noted = Noted {
        text,
        faults: RefCell::default(),
    };
    let user = noted.parse(text);
    let defaults = noted.parse(built_in);
    // a table that does not parse would only bring false reports of missing keys
    if noted.faults.borrow().is_empty() {
        let built = build(&mut Section::root(&noted, &user, &defaults));
        match built {
            Some(value) if noted.faults.borrow().is_empty() => return Ok(value),
            None if noted.faults.borrow().is_empty() => noted.note(1, "", "can't be used".into()),
            _ => {}
        }
    }
    let mut list = noted.faults.into_inner();
    list.sort_by_key(|fault| fault.line);
    Err(Faults {
        file: file.to_owned(),
        list,
    })
}

/// The faults so far, and the text that places them.
#[derive(Debug)]
struct Noted<'t> {
    text: &'t str,
    faults: RefCell<Vec<Fault>>,
}

impl Noted<'_> {
    fn parse<'i>(&self, text: &'i str) -> DeTable<'i> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or_default();
            self.note(self.line(&span), "", error.message().to_owned());
        }
        table.into_inner()
    }

    fn note(&self, line: usize, key: &str, message: String) {
        self.faults.borrow_mut().push(Fault {
            line,
            key: key.to_owned(),
            message,
        });
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self
            .text
            .as_bytes()
            .get(..span.start)
            .unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}
