//! The words on the terminal: what they shall be, and whether the terminal has confirmed them.

use std::time::Duration;

use tokio::time::Instant;

use super::refs;
use crate::{
    domain::{
        ids::PaymentId,
        payment::{Notice, Sound},
    },
    language::Languages,
    wire::nexo::{Body, ServiceId},
};

/// Attempts at the same words on one connection.
const ATTEMPTS: u8 = 5;
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Screen {
    words: Option<Words>,
    /// Whose words the terminal last confirmed.
    on_screen: Option<PaymentId>,
}

#[derive(Debug)]
struct Words {
    payment: PaymentId,
    notice: Notice,
    shown: Shown,
    attempts: u8,
    heard: bool,
    /// Of the latest request that carries them.
    service: Option<ServiceId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Due(Instant),
    Sent,
    Confirmed,
    /// The terminal will not show them on this connection.
    Refused,
}

impl Screen {
    pub(super) fn set(&mut self, payment: PaymentId, notice: Notice, now: Instant) {
        let shown = Shown::Due(now);
        self.words = Some(Words {
            payment,
            notice,
            shown,
            attempts: 0,
            heard: false,
            service: None,
        });
    }

    pub(super) fn says(&self, payment: PaymentId, notice: &Notice) -> bool {
        self.words
            .as_ref()
            .is_some_and(|w| w.payment == payment && w.notice == *notice)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.words.as_ref().map(|w| w.shown), Some(Shown::Due(at)) if now >= at)
    }

    /// Whether words wait that make a question to the customer of `payment` pointless.
    pub(super) fn overtakes(&self, payment: PaymentId, now: Instant) -> bool {
        let asks = |w: &Words| w.payment == payment && matches!(w.notice, Notice::EnterPin { .. });
        self.is_due(now) && !self.words.as_ref().is_some_and(asks)
    }

    /// The request to send now, if words wait.
    pub(super) fn request(&self, languages: Languages, now: Instant) -> Option<Body> {
        let words = self.words.as_ref().filter(|_| self.is_due(now))?;
        let lines = words.notice.lines(languages);
        Some(match &words.notice {
            Notice::ScanThis { qr, .. } => Body::show_qr(&refs(&lines), qr),
            _ => Body::show_text(&refs(&lines)),
        })
    }

    pub(super) fn sent(&mut self, service: Option<ServiceId>) {
        if let Some(words) = &mut self.words {
            words.shown = Shown::Sent;
            words.service = service;
            words.attempts = words.attempts.saturating_add(1);
        }
    }

    /// The terminal shows what was sent. Gives the sound that goes with it, once.
    pub(super) fn confirmed(&mut self) -> Option<Sound> {
        // newer words may wait by now: theirs is the next confirmation
        let words = self
            .words
            .as_mut()
            .filter(|words| words.shown == Shown::Sent)?;
        words.shown = Shown::Confirmed;
        self.on_screen = Some(words.payment);
        let sound = words.notice.sound().filter(|_| !words.heard);
        words.heard = true;
        sound
    }

    /// What was sent is not shown, for a reason that may pass.
    pub(super) fn failed(&mut self, now: Instant) {
        if let Some(words) = self
            .words
            .as_mut()
            .filter(|words| words.shown == Shown::Sent)
        {
            words.shown = match words.attempts {
                ATTEMPTS.. => Shown::Refused,
                _ => Shown::Due(now + RETRY_AFTER),
            };
        }
    }

    /// What was sent will not be shown.
    pub(super) fn refused(&mut self) {
        if let Some(words) = self
            .words
            .as_mut()
            .filter(|words| words.shown == Shown::Sent)
        {
            words.shown = Shown::Refused;
        }
    }

    /// The terminal has forgotten everything. The last words of a payment that is over are not said
    /// again once they were seen; all others are.
    pub(super) fn lost(&mut self, now: Instant) {
        self.on_screen = None;
        if let Some(words) = &mut self.words
            && (words.shown != Shown::Confirmed || !words.notice.is_last_word())
        {
            words.shown = Shown::Due(now);
            words.attempts = 0;
            words.service = None;
        }
    }

    /// Whose payment a cancel key ends: the one whose words are on the screen. An event that names
    /// a request must name the one that carries them; one that names none counts only once the
    /// terminal has confirmed words of that payment.
    pub(super) fn cancelled_by(&self, service: Option<&ServiceId>) -> Option<PaymentId> {
        let words = self
            .words
            .as_ref()
            .filter(|words| !words.notice.is_last_word())?;
        let on_screen = self.on_screen == Some(words.payment);
        let named = match service {
            Some(service) => words.service.as_ref() == Some(service),
            None => on_screen,
        };
        named.then_some(words.payment)
    }
}
