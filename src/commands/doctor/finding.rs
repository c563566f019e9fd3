//! One finding: how bad it is, what was found, and what to do about it.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    /// The store works; somebody should look.
    Warn,
    /// The store, or a part of it, can't work.
    Fail,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) level: Level,
    what: String,
    /// Nothing is to be done about what is in order.
    action: Option<String>,
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            what: what.into(),
            action: None,
        }
    }

    pub(super) fn warn(what: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            what: what.into(),
            action: Some(action.into()),
        }
    }

    pub(super) fn fail(what: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            what: what.into(),
            action: Some(action.into()),
        }
    }
}

impl fmt::Display for Finding {
    /// One line, whatever was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{level:<4}  {}", one_line(&self.what))?;
        match &self.action {
            Some(action) => write!(f, "  — {}", one_line(action)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        assert_eq!(Finding::ok("clock").to_string(), "ok    clock");
        assert_eq!(
            Finding::warn("disk:\n slow", "replace it").to_string(),
            "warn  disk: slow  — replace it"
        );
        assert_eq!(
            Finding::fail("port", "plug it in").to_string(),
            "fail  port  — plug it in"
        );
    }
}
