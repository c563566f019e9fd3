//! What the person at the screen reads of a refusal: a text of its kind in both languages, or a
//! more particular one where it is known better.
//!
//! The problem's own `detail` is English, for whoever writes a program; behind the English text it
//! says more of the case.

use serde::Serialize;
use store_actors::{
    domain::{money::MoneyRefused, refund::RefundRefused},
    language::{Language, Value},
    store::requests::Refused,
};
use utoipa::ToSchema;

use super::Kind;

/// Words for the cashier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Words {
    pub zh: String,
    pub en: String,
}

impl Words {
    pub(in crate::web) fn of(say: impl Fn(Language) -> String) -> Self {
        Self {
            zh: say(Language::Chinese),
            en: say(Language::English),
        }
    }
}

impl Kind {
    const fn text_id(self) -> &'static str {
        match self {
            Kind::InvalidRequest
            | Kind::KeyMissing
            | Kind::KeyReused
            | Kind::MethodNotAllowed
            | Kind::RequestTimeout
            | Kind::UnsupportedMediaType => "problem-request",
            Kind::NotFound
            | Kind::NoSuchCounter
            | Kind::NoSuchPayment
            | Kind::NoSuchRefund
            | Kind::NoQr
            | Kind::NoSticker
            | Kind::NoSuchPerson
            | Kind::NoSuchToken
            | Kind::NoSuchShift
            | Kind::NoSuchDifference
            | Kind::NoSuchAcquirer
            | Kind::NoSuchDevice
            | Kind::NotParked => "problem-not-found",
            Kind::CrossSite => "problem-cross-site",
            Kind::SignInNeeded => "problem-sign-in",
            Kind::NotAllowed => "refused-not-allowed",
            Kind::ApprovalNeeded => "problem-approval-needed",
            Kind::WrongSecret => "refused-wrong",
            Kind::LockedOut => "problem-locked-out",
            Kind::SecretRefused => "problem-secret",
            Kind::NameTaken => "refused-name-taken",
            Kind::LastManager => "refused-last-manager",
            Kind::NotCancellable => "problem-not-cancellable",
            Kind::PaidAlready => "problem-paid-already",
            Kind::TooManyTries => "problem-too-many-tries",
            Kind::NoOpenShift => "refused-none-open",
            Kind::NotReady
            | Kind::ShiftOpen
            | Kind::DayNotClosable
            | Kind::NoBatches
            | Kind::NotMovable
            | Kind::StillTooLarge => "problem-not-now",
            Kind::DeviceHeld => "not-tried-held",
            Kind::DeviceAway => "problem-device-away",
            Kind::DeviceCant => "problem-device-cant",
            Kind::LinkDown => "problem-link-down",
            Kind::NotRefundable => "problem-not-refundable",
            Kind::NotHeld => "problem-not-held",
            Kind::MoreThanHeld => "problem-more-than-held",
            Kind::NoPreAuthorisation => "problem-no-pre-authorisation",
            Kind::NotCollecting => "problem-not-collecting",
            Kind::NoSignatureWanted => "problem-no-signature-wanted",
            Kind::NotASignature => "problem-not-a-signature",
            Kind::BodyTooLarge => "problem-too-large",
            Kind::InvalidAmount => "problem-amount",
            Kind::ForeignCurrency => "problem-currency",
            Kind::RefundTooLarge => "problem-refund-too-large",
            Kind::CodeRefused => "problem-code",
            Kind::PictureUnreadable => "problem-picture",
            Kind::JournalStopped => "journal-stopped",
            Kind::DiskNearlyFull => "obstacle-disk-nearly-full",
            Kind::NoAnswer | Kind::NotSettled | Kind::TooManyReaders => "problem-no-answer",
            Kind::Internal => "problem-internal",
        }
    }

    /// For the person at the screen.
    pub(super) fn words(self, detail: &str) -> Words {
        let said = |language: Language| language.say(self.text_id());
        Words {
            zh: said(Language::Chinese),
            en: format!("{}: {detail}", said(Language::English)),
        }
    }
}

/// Where more is known than the kind.
pub(super) fn of_refused(refused: &Refused) -> Option<Words> {
    let left = |money: &store_actors::domain::money::Money| {
        let money = Value::from(money.to_string());
        Words::of(|language| language.say_with("problem-refundable", [("money", money.clone())]))
    };
    match refused {
        Refused::Code(why) => Some(Words::of(|language| language.say(why.text_id()))),
        Refused::Refund(RefundRefused::ExceedsPayment { remaining }) => Some(left(remaining)),
        Refused::Refund(RefundRefused::Zero) | Refused::ZeroAmount => {
            Some(Words::of(|language| language.say("problem-amount-zero")))
        }
        Refused::Refund(RefundRefused::Money(why)) => of_money(why),
        _ => None,
    }
}

pub(in crate::web) fn of_money(refused: &MoneyRefused) -> Option<Words> {
    let id = match refused {
        MoneyRefused::NotAnAmount(_) => "problem-not-an-amount",
        MoneyRefused::TooFine { exponent, .. } => {
            let places = Value::from(*exponent);
            return Some(Words::of(|language| {
                language.say_with("problem-amount-too-fine", [("places", places.clone())])
            }));
        }
        MoneyRefused::TooLarge => "problem-amount-too-large",
        _ => return None,
    };
    Some(Words::of(|language| language.say(id)))
}
