//! What is said when somebody is not let in or something about people is refused: as a problem for
//! programs, in words for people.

use store_actors::{
    domain::people::secret::SecretRefused,
    language::{Language, Value},
};

use crate::{
    people::PeopleRefused,
    web::problem::{Kind, Problem, Words},
};

/// What the person at the screen reads.
pub(in crate::web) fn said(refused: &PeopleRefused, language: Language) -> String {
    let id = match refused {
        PeopleRefused::Wait {
            seconds,
            is_locked_out,
        } => return wait(*seconds, *is_locked_out, language),
        PeopleRefused::Wrong => "refused-wrong",
        PeopleRefused::Locked => "refused-locked",
        PeopleRefused::Busy(_) => "refused-busy",
        PeopleRefused::Secret(SecretRefused::Length) => "refused-length",
        PeopleRefused::Secret(SecretRefused::NeedsPassword) => "refused-needs-password",
        PeopleRefused::Secret(SecretRefused::Obvious) => "refused-obvious",
        PeopleRefused::Secret(SecretRefused::Unchanged) => "refused-unchanged",
        PeopleRefused::WrongCode => "refused-code",
        PeopleRefused::NotAName => "refused-name",
        PeopleRefused::NameTaken => "refused-name-taken",
        PeopleRefused::NoSuchPerson | PeopleRefused::NoSuchToken => "refused-gone",
        PeopleRefused::NoScope => "refused-no-scope",
        PeopleRefused::LastManager => "refused-last-manager",
        PeopleRefused::TooMany => "refused-too-many",
        PeopleRefused::MayNotApprove(_) => "refused-may-not-approve",
        PeopleRefused::Approval(_) => "refused-approval",
        PeopleRefused::Book(_) | PeopleRefused::Journal(_) => "refused-storage",
    };
    language.say(id)
}

fn wait(seconds: u64, is_locked_out: bool, language: Language) -> String {
    if !is_locked_out {
        return language.say_with("refused-wait", [("seconds", Value::from(seconds))]);
    }
    let minutes = Value::from(seconds.div_ceil(60));
    language.say_with("refused-locked-out", [("minutes", minutes)])
}

impl From<PeopleRefused> for Problem {
    fn from(refused: PeopleRefused) -> Self {
        let kind = match &refused {
            PeopleRefused::Wrong | PeopleRefused::Locked | PeopleRefused::WrongCode => {
                Kind::WrongSecret
            }
            PeopleRefused::Wait { .. } => Kind::LockedOut,
            PeopleRefused::Busy(_) => Kind::NoAnswer,
            PeopleRefused::Secret(_) => Kind::SecretRefused,
            PeopleRefused::NotAName | PeopleRefused::NoScope | PeopleRefused::TooMany => {
                Kind::InvalidRequest
            }
            PeopleRefused::NameTaken => Kind::NameTaken,
            PeopleRefused::NoSuchPerson => Kind::NoSuchPerson,
            PeopleRefused::NoSuchToken => Kind::NoSuchToken,
            PeopleRefused::LastManager => Kind::LastManager,
            PeopleRefused::MayNotApprove(_) => Kind::NotAllowed,
            PeopleRefused::Approval(_) => Kind::ApprovalNeeded,
            PeopleRefused::Book(_) => Kind::JournalStopped,
            PeopleRefused::Journal(_) => Kind::NoAnswer,
        };
        if let PeopleRefused::Book(failed) = &refused {
            tracing::error!(%failed, "people can't be read or written");
        }
        let words = Words {
            zh: said(&refused, Language::Chinese),
            en: said(&refused, Language::English),
        };
        let wait_s = match &refused {
            PeopleRefused::Wait { seconds, .. } => Some(*seconds),
            _ => None,
        };
        let problem = match refused {
            PeopleRefused::Journal(failed) => failed.into(),
            refused => Self::new(kind, refused.to_string()),
        };
        problem.told(words, wait_s)
    }
}
