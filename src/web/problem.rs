//! Errors as RFC 9457 problems: a stable type, a title that never changes, and words for this one
//! case.
//!
//! Programs decide by `type` (or the status), people read `detail`.

mod kind;

mod words;

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;
use store_actors::{
    counter::trial::NotTried,
    domain::{payment::CompletionRefused, readiness::Obstacle, refund::RefundRefused},
    language::Language,
    ports::JournalFailed,
    store::requests::Refused,
};
use utoipa::ToSchema;

pub use words::Words;
pub(super) use words::of_money;

use crate::adapters::picture::PictureError;
pub use kind::Kind;

const MEDIA_TYPE: &str = "application/problem+json";

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// Stable: decide by this. `urn:store-controller:problem:` and, by status: 400
    /// `invalid-request` `idempotency-key-missing`; 404 `not-found` `no-such-counter`
    /// `no-such-payment` `no-such-refund` `no-such-shift` `no-such-difference` `no-such-device`
    /// `no-qr` `no-such-person` `no-such-token` `no-such-acquirer` `no-sticker`; 405
    /// `method-not-allowed`; 401 `sign-in-needed`; 403 `cross-site` `not-allowed` `approval-needed`
    /// `wrong-secret`; 408 `request-timeout`; 429 `locked-out`; 409 `name-taken` `last-manager`
    /// `no-open-shift` `shift-open` `no-batches` `day-not-closable` `not-movable` `not-ready`
    /// `not-cancellable` `not-held` `no-pre-authorisation` `not-refundable` `not-collecting`
    /// `no-signature-wanted` `device-held` `device-away` `device-cant`; 413 `body-too-large`; 415
    /// `unsupported-media-type`; 422 `invalid-amount` `foreign-currency` `key-reused`
    /// `refund-too-large` `more-than-held` `code-refused` `picture-unreadable` `not-a-signature`
    /// `secret-refused`; 503 `too-many-readers` `journal-stopped` `disk-nearly-full` `not-settled`
    /// `no-answer`; 500 `internal`.
    #[serde(rename = "type")]
    #[schema(example = "urn:store-controller:problem:key-reused")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What is wrong in this case and what to do.
    detail: String,
    /// For `not-ready`: what stands in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    obstacles: Vec<ObstacleModel>,
    /// For the person at the screen.
    words: Words,
}

/// What keeps a counter from taking something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Obstacle)]
pub struct ObstacleModel {
    /// `starting`, `busy`, `no_scanner`, `no_reader`, `scanner_absent`, `reader_absent`,
    /// `terminal_absent`, `not_enabled`,
    /// `acquirer_unreachable`, `offline_closed`, `journal_stopped`, `disk_nearly_full`.
    code: &'static str,
    words: Words,
    /// For whoever mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// For `busy`: the payment at the stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
}

impl From<&Obstacle> for ObstacleModel {
    fn from(obstacle: &Obstacle) -> Self {
        let (code, why) = match obstacle {
            Obstacle::Starting => ("starting", None),
            Obstacle::Busy { .. } => ("busy", None),
            Obstacle::NoScanner => ("no_scanner", None),
            Obstacle::NoReader => ("no_reader", None),
            Obstacle::ScannerAbsent { why } => ("scanner_absent", Some(why.clone())),
            Obstacle::ReaderAbsent { why } => ("reader_absent", Some(why.clone())),
            Obstacle::TerminalAbsent { why } => ("terminal_absent", Some(why.clone())),
            Obstacle::NotEnabled { .. } => ("not_enabled", None),
            Obstacle::AcquirerUnreachable { acquirer, why } => {
                ("acquirer_unreachable", Some(format!("{acquirer}: {why}")))
            }
            Obstacle::OfflineClosed { why } => ("offline_closed", Some(why.to_string())),
            Obstacle::JournalStopped { why } => ("journal_stopped", Some(why.clone())),
            Obstacle::DiskNearlyFull => ("disk_nearly_full", None),
        };
        let payment = match obstacle {
            Obstacle::Busy { payment } => Some(payment.to_string()),
            _ => None,
        };
        Self {
            code,
            words: Words::of(|language| obstacle.say(language)),
            why,
            payment,
        }
    }
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    obstacles: Vec<Obstacle>,
    words: Option<Words>,
    /// Seconds after which it may be asked again.
    wait_s: Option<u64>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            obstacles: Vec::new(),
            words: None,
            wait_s: None,
        }
    }

    /// With words for the person at the screen, and the seconds after which to try again.
    pub(super) fn told(self, words: Words, wait_s: Option<u64>) -> Self {
        Self {
            words: Some(words),
            wait_s,
            ..self
        }
    }

    /// What is wrong in this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The same for the person at the screen.
    pub(super) fn words(&self) -> Words {
        let words = self.words.clone();
        words.unwrap_or_else(|| self.kind.words(&self.detail))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.row().1, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status());
        if self.kind.is_passing() {
            response.insert_header(("retry-after", "1"));
        }
        if let Some(seconds) = self.wait_s {
            response.insert_header(("retry-after", seconds.to_string()));
        }
        if self.kind == Kind::SignInNeeded {
            response.insert_header(("www-authenticate", "Bearer"));
        }
        let (status, _, title) = self.kind.row();
        let document = Document {
            kind: self.kind.urn(),
            title,
            status,
            detail: self.detail.clone(),
            obstacles: self.obstacles.iter().map(ObstacleModel::from).collect(),
            words: self.words(),
        };
        response.insert_header(("content-type", MEDIA_TYPE));
        response.body(serde_json::to_string(&document).unwrap_or_default())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (detail, words) = (refused.to_string(), words::of_refused(&refused));
        let kind = match refused {
            Refused::NoSuchCounter(_) => Kind::NoSuchCounter,
            Refused::NoSuchPayment => Kind::NoSuchPayment,
            Refused::NoSuchRefund => Kind::NoSuchRefund,
            Refused::Notification(_) => Kind::InvalidRequest,
            Refused::NotReady(obstacles) => {
                let words: Vec<_> = obstacles
                    .iter()
                    .map(|obstacle| obstacle.say(Language::English))
                    .collect();
                let detail = if words.is_empty() {
                    detail
                } else {
                    words.join("; ")
                };
                return Self {
                    obstacles,
                    ..Self::new(Kind::NotReady, detail)
                };
            }
            Refused::KeyReused => Kind::KeyReused,
            Refused::NoSignatureWanted => Kind::NoSignatureWanted,
            Refused::NotCancellable(_) => Kind::NotCancellable,
            Refused::PaidAlready(_) => Kind::PaidAlready,
            Refused::TooManyTries => Kind::TooManyTries,
            Refused::Refund(RefundRefused::NotApproved(_) | RefundRefused::TooMany) => {
                Kind::NotRefundable
            }
            Refused::Refund(RefundRefused::ExceedsPayment { .. }) => Kind::RefundTooLarge,
            Refused::Refund(RefundRefused::Zero | RefundRefused::Money(_))
            | Refused::ZeroAmount => Kind::InvalidAmount,
            Refused::Completion(
                CompletionRefused::NotHeld(_)
                | CompletionRefused::UnderWay(_)
                | CompletionRefused::PerhapsPaid,
            ) => Kind::NotHeld,
            Refused::Completion(CompletionRefused::ExceedsHold { .. }) => Kind::MoreThanHeld,
            Refused::Completion(CompletionRefused::Zero | CompletionRefused::Money(_)) => {
                Kind::InvalidAmount
            }
            Refused::NoPreAuthorisation => Kind::NoPreAuthorisation,
            Refused::NotCollecting => Kind::NotCollecting,
            Refused::NotTried(why) => match why {
                NotTried::NoSuchDevice => Kind::NoSuchDevice,
                NotTried::Held(_) | NotTried::AnotherTrial => Kind::DeviceHeld,
                NotTried::Away(_) => Kind::DeviceAway,
                NotTried::CantDo => Kind::DeviceCant,
            },
            Refused::Code(_) => Kind::CodeRefused,
            Refused::ForeignCurrency(_) => Kind::ForeignCurrency,
            Refused::Journal(failed) => return failed.into(),
            Refused::NoAnswer(_) => Kind::NoAnswer,
        };
        Self {
            words,
            ..Self::new(kind, detail)
        }
    }
}

impl From<JournalFailed> for Problem {
    fn from(failed: JournalFailed) -> Self {
        let kind = match &failed {
            JournalFailed::Stopped(_) | JournalFailed::Unreadable(_) => Kind::JournalStopped,
            JournalFailed::NearlyFull => Kind::DiskNearlyFull,
            JournalFailed::Busy | JournalFailed::NoAnswer => Kind::NoAnswer,
            JournalFailed::Refused(_) => Kind::Internal,
        };
        Self::new(kind, failed.to_string())
    }
}

impl From<PictureError> for Problem {
    fn from(refused: PictureError) -> Self {
        let kind = match &refused {
            PictureError::NotAPicture => Kind::UnsupportedMediaType,
            PictureError::TooLarge { .. } => Kind::BodyTooLarge,
            PictureError::Busy => Kind::TooManyReaders,
            PictureError::Damaged(_) | PictureError::NoCode | PictureError::TimedOut => {
                Kind::PictureUnreadable
            }
        };
        Self::new(kind, refused.to_string())
    }
}
