//! Errors as RFC 9457 problems: a stable type, a title that never changes, and words for this one
//! case.
//!
//! Programs decide by `type` (or the status), people read `detail`. The types are part of the
//! interface: they are added to and never renamed.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;
use store_actors::{
    domain::{readiness::Obstacle, refund::RefundRefused},
    ports::JournalFailed,
    store::requests::Refused,
};
use utoipa::ToSchema;

use crate::adapters::picture::PictureError;

const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, as the interface names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    InvalidRequest,
    KeyMissing,
    NotFound,
    NoSuchCounter,
    NoSuchPayment,
    NoSuchRefund,
    NoQr,
    MethodNotAllowed,
    CrossSite,
    RequestTimeout,
    NotReady,
    NotCancellable,
    PaidAlready,
    NotParked,
    NoSuchShift,
    NoOpenShift,
    ShiftOpen,
    DayNotClosable,
    NoSuchDifference,
    NotMovable,
    StillTooLarge,
    LinkDown,
    TooManyTries,
    NotRefundable,
    NotCollecting,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidAmount,
    ForeignCurrency,
    KeyReused,
    RefundTooLarge,
    CodeRefused,
    PictureUnreadable,
    TooManyReaders,
    JournalStopped,
    DiskNearlyFull,
    NoAnswer,
    Internal,
}

impl Kind {
    /// Status, last part of the type, title.
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Kind::InvalidRequest => (
                400,
                "invalid-request",
                "The request is not what it should be",
            ),
            Kind::KeyMissing => (
                400,
                "idempotency-key-missing",
                "An Idempotency-Key is needed",
            ),
            Kind::CrossSite => (403, "cross-site", "Another site's page asked for this"),
            Kind::NotFound => (404, "not-found", "There is nothing at this path"),
            Kind::NoSuchCounter => (404, "no-such-counter", "There is no such counter"),
            Kind::NoSuchPayment => (404, "no-such-payment", "There is no such payment"),
            Kind::NoSuchRefund => (404, "no-such-refund", "There is no such refund"),
            Kind::NoQr => (404, "no-qr", "This payment shows no QR"),
            Kind::MethodNotAllowed => (
                405,
                "method-not-allowed",
                "This path does not take this method",
            ),
            Kind::RequestTimeout => (
                408,
                "request-timeout",
                "The request took too long to arrive",
            ),
            Kind::NotReady => (409, "not-ready", "The counter can't take this now"),
            Kind::NotCancellable => (
                409,
                "not-cancellable",
                "This payment can't be cancelled any more",
            ),
            Kind::NoSuchShift => (404, "no-such-shift", "There is no such shift"),
            Kind::NoOpenShift => (409, "no-open-shift", "The counter has no open shift"),
            Kind::ShiftOpen => (409, "shift-open", "The counter's shift is open"),
            Kind::DayNotClosable => (409, "day-not-closable", "The day can't be closed"),
            Kind::NoSuchDifference => (404, "no-such-difference", "There is no such difference"),
            Kind::NotMovable => (409, "not-movable", "The difference can't be moved so"),
            Kind::NotParked => (404, "not-parked", "This record is not parked"),
            Kind::StillTooLarge => (
                409,
                "still-too-large",
                "The link takes no message as large as this record",
            ),
            Kind::LinkDown => (
                503,
                "link-down",
                "The link to the head office is down or full",
            ),
            Kind::PaidAlready => (409, "paid-already", "This reference is paid"),
            Kind::TooManyTries => (
                409,
                "too-many-tries",
                "Too many payments for this reference have no outcome",
            ),
            Kind::NotRefundable => (409, "not-refundable", "This payment can't be refunded"),
            Kind::NotCollecting => (
                409,
                "not-collecting",
                "Nothing waits for a code at this counter",
            ),
            Kind::BodyTooLarge => (413, "body-too-large", "The request's body is too large"),
            Kind::UnsupportedMediaType => (
                415,
                "unsupported-media-type",
                "The body has another media type",
            ),
            Kind::InvalidAmount => (422, "invalid-amount", "The amount can't be taken"),
            Kind::ForeignCurrency => (422, "foreign-currency", "The store takes another currency"),
            Kind::KeyReused => (
                422,
                "key-reused",
                "The Idempotency-Key belongs to another request",
            ),
            Kind::RefundTooLarge => (
                422,
                "refund-too-large",
                "The refund is more than what is left of the payment",
            ),
            Kind::CodeRefused => (422, "code-refused", "This is no payment code"),
            Kind::PictureUnreadable => (
                422,
                "picture-unreadable",
                "No code could be read from the picture",
            ),
            Kind::TooManyReaders => (503, "too-many-readers", "Too many are reading already"),
            Kind::JournalStopped => (
                503,
                "journal-stopped",
                "Storage has failed and payments are stopped",
            ),
            Kind::DiskNearlyFull => (503, "disk-nearly-full", "The disk is nearly full"),
            Kind::NoAnswer => (503, "no-answer", "No answer in time"),
            Kind::Internal => (500, "internal", "The program is at fault"),
        }
    }

    pub fn urn(self) -> String {
        format!("urn:store-controller:problem:{}", self.row().1)
    }

    fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Asking again in a moment may help.
    const fn is_passing(self) -> bool {
        matches!(self, Kind::NoAnswer | Kind::TooManyReaders | Kind::LinkDown)
    }
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// Stable: decide by this. `urn:store-controller:problem:` and, by status: 400
    /// `invalid-request` `idempotency-key-missing`; 404 `not-found` `no-such-counter`
    /// `no-such-payment` `no-such-refund` `no-such-shift` `no-such-difference` `no-qr`; 405
    /// `method-not-allowed`; 403 `cross-site`; 408 `request-timeout`; 409 `no-open-shift`
    /// `shift-open` `day-not-closable` `not-movable` `not-ready` `not-cancellable`
    /// `not-refundable` `not-collecting`; 413 `body-too-large`;
    /// 415 `unsupported-media-type`; 422 `invalid-amount` `foreign-currency` `key-reused`
    /// `refund-too-large` `code-refused` `picture-unreadable`; 503 `too-many-readers`
    /// `journal-stopped` `disk-nearly-full` `no-answer`; 500 `internal`.
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

/// Words for the cashier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Words {
    pub zh: String,
    pub en: String,
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
        let (zh, en) = obstacle.words();
        Self {
            code,
            words: Words { zh, en },
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
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            obstacles: Vec::new(),
        }
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
        let (status, _, title) = self.kind.row();
        let document = Document {
            kind: self.kind.urn(),
            title,
            status,
            detail: self.detail.clone(),
            obstacles: self.obstacles.iter().map(ObstacleModel::from).collect(),
        };
        response.insert_header(("content-type", MEDIA_TYPE));
        response.body(serde_json::to_string(&document).unwrap_or_default())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let kind = match refused {
            Refused::NoSuchCounter(_) => Kind::NoSuchCounter,
            Refused::NoSuchPayment => Kind::NoSuchPayment,
            Refused::NoSuchRefund => Kind::NoSuchRefund,
            Refused::NotReady(obstacles) => {
                let words: Vec<_> = obstacles
                    .iter()
                    .map(|obstacle| obstacle.words().1)
                    .collect();
                let detail = if words.is_empty() {
                    detail
                } else {
                    words.join("; ")
                };
                return Self {
                    kind: Kind::NotReady,
                    detail,
                    obstacles,
                };
            }
            Refused::KeyReused => Kind::KeyReused,
            Refused::NotCancellable(_) => Kind::NotCancellable,
            Refused::PaidAlready(_) => Kind::PaidAlready,
            Refused::TooManyTries => Kind::TooManyTries,
            Refused::Refund(RefundRefused::NotApproved(_) | RefundRefused::TooMany) => {
                Kind::NotRefundable
            }
            Refused::Refund(RefundRefused::ExceedsPayment { .. }) => Kind::RefundTooLarge,
            Refused::Refund(RefundRefused::Zero | RefundRefused::Money(_))
            | Refused::ZeroAmount => Kind::InvalidAmount,
            Refused::NotCollecting => Kind::NotCollecting,
            Refused::Code(_) => Kind::CodeRefused,
            Refused::ForeignCurrency(_) => Kind::ForeignCurrency,
            Refused::Journal(failed) => return failed.into(),
            Refused::NoAnswer(_) => Kind::NoAnswer,
        };
        Self::new(kind, detail)
    }
}

impl From<JournalFailed> for Problem {
    fn from(failed: JournalFailed) -> Self {
        let kind = match &failed {
            JournalFailed::Stopped(_) | JournalFailed::Unreadable(_) => Kind::JournalStopped,
            JournalFailed::NearlyFull => Kind::DiskNearlyFull,
            JournalFailed::Busy | JournalFailed::NoAnswer | JournalFailed::OutOfStep { .. } => {
                Kind::NoAnswer
            }
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
