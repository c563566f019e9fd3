//! The types of problems: part of the interface, added to and never renamed.

use actix_web::http::StatusCode;

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
    NoSticker,
    MethodNotAllowed,
    CrossSite,
    SignInNeeded,
    NotAllowed,
    ApprovalNeeded,
    WrongSecret,
    LockedOut,
    SecretRefused,
    NoSuchPerson,
    NoSuchToken,
    NameTaken,
    LastManager,
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
    NoSuchAcquirer,
    NoBatches,
    NotSettled,
    NotMovable,
    NoSuchDevice,
    DeviceHeld,
    DeviceAway,
    DeviceCant,
    StillTooLarge,
    LinkDown,
    TooManyTries,
    NotRefundable,
    NotHeld,
    MoreThanHeld,
    NoPreAuthorisation,
    NotCollecting,
    NoSignatureWanted,
    NotASignature,
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
    pub(super) const fn row(self) -> (u16, &'static str, &'static str) {
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
            Kind::SignInNeeded => (401, "sign-in-needed", "Sign in first"),
            Kind::NotAllowed => (403, "not-allowed", "This is not yours to do"),
            Kind::ApprovalNeeded => (403, "approval-needed", "A supervisor has to approve"),
            Kind::WrongSecret => (403, "wrong-secret", "Name or secret is wrong"),
            Kind::LockedOut => (429, "locked-out", "Too many failures"),
            Kind::SecretRefused => (422, "secret-refused", "This secret is not taken"),
            Kind::NoSuchPerson => (404, "no-such-person", "There is nobody of this name"),
            Kind::NoSuchToken => (404, "no-such-token", "There is no such token"),
            Kind::NameTaken => (409, "name-taken", "This name is taken"),
            Kind::LastManager => (409, "last-manager", "Somebody has to look after people"),
            Kind::NotFound => (404, "not-found", "There is nothing at this path"),
            Kind::NoSuchCounter => (404, "no-such-counter", "There is no such counter"),
            Kind::NoSuchPayment => (404, "no-such-payment", "There is no such payment"),
            Kind::NoSuchRefund => (404, "no-such-refund", "There is no such refund"),
            Kind::NoQr => (404, "no-qr", "This payment shows no QR"),
            Kind::NoSticker => (404, "no-sticker", "No acquirer has a printed QR"),
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
            Kind::NoSuchAcquirer => (404, "no-such-acquirer", "There is no such acquirer"),
            Kind::NoBatches => (409, "no-batches", "The acquirer settles by itself"),
            Kind::NotSettled => (503, "not-settled", "The batch is not settled yet"),
            Kind::NotMovable => (409, "not-movable", "The difference can't be moved so"),
            Kind::NoSuchDevice => (404, "no-such-device", "There is no such device"),
            Kind::DeviceHeld => (
                409,
                "device-held",
                "A payment or somebody else has the device",
            ),
            Kind::DeviceAway => (409, "device-away", "The device is not there"),
            Kind::DeviceCant => (409, "device-cant", "The device can't do this on command"),
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
            Kind::NotHeld => (409, "not-held", "This payment holds nothing to take"),
            Kind::MoreThanHeld => (422, "more-than-held", "The payment holds less"),
            Kind::NoPreAuthorisation => (
                409,
                "no-pre-authorisation",
                "Nobody holds a card's money here",
            ),
            Kind::NoSignatureWanted => (
                409,
                "no-signature-wanted",
                "This payment waits for no signature",
            ),
            Kind::NotASignature => (422, "not-a-signature", "What was drawn is no signature"),
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

    pub(super) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Asking again in a moment may help.
    pub(super) const fn is_passing(self) -> bool {
        matches!(
            self,
            Kind::NoAnswer | Kind::NotSettled | Kind::TooManyReaders | Kind::LinkDown
        )
    }
}
