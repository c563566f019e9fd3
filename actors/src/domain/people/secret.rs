//! Which PINs and passwords are taken: long enough for what their owner may do, and not the first
//! ones that anybody tries.
//!
//! After NIST SP 800-63B: length and a list of the obvious, no rules about kinds of characters and
//! no expiry.

use thiserror::Error;

use super::Role;

/// Digits of a PIN.
pub const PIN_DIGITS: std::ops::RangeInclusive<usize> = 6..=12;
/// Characters of a password.
pub const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 10..=128;

/// Why a secret is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretRefused {
    #[error("a PIN has 6 to 12 digits; anything else is a password of 10 to 128 characters")]
    Length,
    #[error("this role signs in with a password of 10 to 128 characters, not with a PIN")]
    NeedsPassword,
    #[error("this is one of the first that anybody tries")]
    Obvious,
    #[error("this is the one of before")]
    Unchanged,
}

/// Whether `secret` will do for somebody of this role and name.
///
/// # Errors
/// Why not.
pub fn check(role: Role, name: &str, secret: &str) -> Result<(), SecretRefused> {
    let characters = secret.chars().count();
    if is_pin(secret) {
        if !role.may_use_pin() {
            return Err(SecretRefused::NeedsPassword);
        }
        if !PIN_DIGITS.contains(&characters) {
            return Err(SecretRefused::Length);
        }
    } else if !PASSWORD_CHARACTERS.contains(&characters) {
        return Err(SecretRefused::Length);
    }
    if is_obvious(name, secret) {
        return Err(SecretRefused::Obvious);
    }
    Ok(())
}

fn is_pin(secret: &str) -> bool {
    secret.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() <= *PIN_DIGITS.end()
}

/// All the same, up or down in steps, the same pair or triple again and again, or a name and no
/// more.
fn is_obvious(name: &str, secret: &str) -> bool {
    let lower = secret.to_lowercase();
    let bytes = lower.as_bytes();
    let step = |by: i16| {
        let pairs = bytes.iter().zip(bytes.iter().skip(1));
        pairs.fold(true, |all, (one, next)| {
            all && i16::from(*next) - i16::from(*one) == by
        })
    };
    let repeats = |len: usize| {
        bytes
            .iter()
            .zip(bytes.iter().skip(len))
            .all(|(one, same)| one == same)
    };
    let known = [
        "password", "passwort", "mima", "qwerty", "woaini", "letmein", "admin", "manager",
    ];
    let rest = known
        .iter()
        .fold(lower.clone(), |rest, word| rest.replace(word, ""));
    let rest = rest.replace(&name.trim().to_lowercase(), "");
    let is_little =
        rest.chars().filter(|c| c.is_alphabetic()).count() == 0 && rest.chars().count() <= 4;
    step(1) || step(-1) || (1..=3).any(repeats) || (is_little && rest.len() < lower.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_is_not() {
        use SecretRefused::{Length, NeedsPassword, Obvious};
        for (role, secret, expected) in [
            (Role::Cashier, "493817", Ok(())),
            (Role::Supervisor, "4938170265", Ok(())),
            (Role::Cashier, "49381", Err(Length)),
            (Role::Cashier, "", Err(Length)),
            (Role::Cashier, "111111", Err(Obvious)),
            (Role::Cashier, "123456", Err(Obvious)),
            (Role::Cashier, "987654", Err(Obvious)),
            (Role::Cashier, "474747", Err(Obvious)),
            (Role::Cashier, "short one", Err(Length)),
            (Role::Cashier, "a tall horse", Ok(())),
            (Role::Manager, "493817", Err(NeedsPassword)),
            (Role::Operator, "493817026511", Err(NeedsPassword)),
            (Role::Manager, "4938170265119", Ok(())),
            (Role::Manager, "correct horse", Ok(())),
            (Role::Manager, "password12", Err(Obvious)),
            (Role::Manager, "Password!!!!", Err(Obvious)),
            (Role::Manager, "wang fang 1", Err(Obvious)),
            (Role::Auditor, "abababababab", Err(Obvious)),
            (Role::Manager, "一二三四五六七八九十", Ok(())),
        ] {
            assert_eq!(
                check(role, "Wang Fang", secret),
                expected,
                "{role:?} {secret}"
            );
        }
    }
}
