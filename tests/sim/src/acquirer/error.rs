//! What can go wrong with the sandbox itself. Declines and faults by rule are answers, not errors.

use std::path::PathBuf;

/// An error of the sandbox, named by what its user should do.
#[derive(Debug, thiserror::Error)]
pub enum AcquirerError {
    /// Mend the configuration.
    #[error("configuration: {0}")]
    Config(String),
    /// Mend the rule.
    #[error("rule {name:?}: {problem}")]
    Rule {
        /// The rule's name.
        name: String,
        /// What cannot work.
        problem: String,
    },
    /// Choose another address, or look at the file system.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The ledger's file was changed by another hand: nothing may be written after it.
    #[error("{path}, line {line}: {problem}")]
    Corrupt {
        /// The ledger's file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The sandbox was killed, or its disk failed: start it again.
    #[error("the ledger takes no more entries")]
    Dead,
}

impl AcquirerError {
    pub(super) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}
