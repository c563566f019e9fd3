//! People and tills: who may do what, how they prove who they are, and what is remembered of it.
//!
//! `access` is the one table of every route against every role and scope; `secret` says which PINs
//! and passwords are taken, `attempts` how often one may be guessed, `session` how long a sign-in
//! holds, `approval` what a second person allows in place, `deed` what is written down. All of it
//! is pure: hashing, random numbers and files are the shell's.

pub mod access;
pub mod approval;
pub mod attempts;
pub mod deed;
pub mod secret;
pub mod session;

use serde::{Deserialize, Serialize};

/// What somebody is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes money; gives it back with a supervisor's approval.
    Cashier,
    /// As a cashier, and approves.
    Supervisor,
    /// Runs the store: people, books, everything.
    Manager,
    /// Looks after devices and links; touches no money.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Role::Cashier,
        Role::Supervisor,
        Role::Manager,
        Role::Operator,
        Role::Auditor,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Cashier => "cashier",
            Role::Supervisor => "supervisor",
            Role::Manager => "manager",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// A PIN is enough: whoever stands at a counter types it many times a day, and moves no more
    /// than a customer's payment.
    pub const fn may_use_pin(self) -> bool {
        matches!(self, Role::Cashier | Role::Supervisor)
    }
}

/// What the token of a till or of another program is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Begin and cancel payments, and follow them.
    Pay,
    /// Give back.
    Refund,
    /// Look at everything but the back office.
    Read,
    /// Shifts, days, statements, differences.
    Office,
    /// `/metrics`.
    Metrics,
}

impl Scope {
    pub const ALL: [Self; 5] = [
        Scope::Pay,
        Scope::Refund,
        Scope::Read,
        Scope::Office,
        Scope::Metrics,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Pay => "pay",
            Scope::Refund => "refund",
            Scope::Read => "read",
            Scope::Office => "office",
            Scope::Metrics => "metrics",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Longest name of a person or a token, characters.
pub const NAME_CHARACTERS_MAX: usize = 64;

/// A name as it is kept: without spaces around it; `None` for one that nobody can have.
pub fn name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count());
    // a path holds names too
    (fits && !name.contains(|c: char| c.is_control() || c == '/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_have_nothing_in_them_that_could_forge_a_line() {
        assert_eq!(name(" 王芳 "), Some("王芳"));
        for refused in ["", "  ", "a\nb", "a/b", &"x".repeat(65)] {
            assert_eq!(name(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn roles_and_scopes_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("{:?}", role.as_str()));
        }
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
            let json = serde_json::to_string(&scope).unwrap();
            assert_eq!(json, format!("{:?}", scope.as_str()));
        }
    }
}
