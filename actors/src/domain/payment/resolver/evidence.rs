//! Evidence: each question, when it was sent and what came back when.
//!
//! Bounded and masked: it is journaled, shown and sent to the head office (SEC-1).

use serde::{Deserialize, Serialize};

use crate::domain::{
    payment::{Answer, NoAnswer, Operation, Payment, Verdict},
    timestamp::Timestamp,
};

/// Evidence kept per payment: the first and the last questions. Those between are only counted.
pub const EVIDENCE_MAX: usize = 12;

/// Of what an acquirer said, no more is kept.
pub const SAID_CHARACTERS_MAX: usize = 160;

/// As many digits in a row may be a card number or a customer's code.
const SECRET_DIGITS: usize = 12;

/// One question about the payment's own order and money, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was sent; unknown in records of before this was kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sent_at: Option<Timestamp>,
    /// When the answer came or the waiting ended; until then, when it was sent.
    pub at: Timestamp,
    pub operation: Operation,
    /// Nothing yet, as long as the answer is waited for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<String>,
}

impl Evidence {
    pub fn sent(operation: Operation, now: Timestamp) -> Self {
        Self {
            sent_at: Some(now),
            at: now,
            operation,
            said: None,
        }
    }

    pub fn answered(&mut self, said: &str, now: Timestamp) {
        self.at = now;
        self.said = Some(masked(said));
    }
}

/// Words of the outside, fit to be kept: short, on one line, without anything that could buy.
pub fn masked(text: &str) -> String {
    let mut kept = String::new();
    let mut digits = String::new();
    let line = text.chars().filter(|c| !c.is_control());
    for c in line.take(SAID_CHARACTERS_MAX).chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let is_secret = digits.len() >= SECRET_DIGITS;
        kept.push_str(if is_secret { "******" } else { &digits });
        digits.clear();
        kept.push(c);
    }
    kept.pop();
    kept
}

impl Payment {
    pub(in crate::domain::payment) fn asked(&mut self, operation: Operation, now: Timestamp) {
        self.keep(Evidence::sent(operation, now));
    }

    /// Puts an answer beside its question.
    pub(in crate::domain::payment) fn remember(
        &mut self,
        now: Timestamp,
        operation: Operation,
        answer: &Answer,
    ) {
        let said = match answer {
            Ok(answered) if answered.order != self.id => NoAnswer::AnotherOrder.to_string(),
            Ok(answered) => answered.verdict.word(),
            Err(no_answer) => no_answer.to_string(),
        };
        let asked = self.evidence.iter_mut().rev();
        match asked
            .filter(|known| known.said.is_none())
            .find(|known| known.operation == operation)
        {
            Some(known) => known.answered(&said, now),
            None => {
                let mut heard = Evidence::sent(operation, now);
                heard.sent_at = None;
                heard.answered(&said, now);
                self.keep(heard);
            }
        }
    }

    /// Whether an answer to such a question, sent then or later, is being waited for. An answer to
    /// an earlier one may tell how things stood before they were undone.
    pub(in crate::domain::payment) fn awaits(
        &self,
        operation: Operation,
        since: Timestamp,
    ) -> bool {
        let is_new = |sent_at: Option<Timestamp>| sent_at.is_some_and(|sent_at| sent_at >= since);
        let mut open = self.evidence.iter().filter(|known| known.said.is_none());
        open.any(|known| known.operation == operation && is_new(known.sent_at))
    }

    /// A restart ends the waiting for every answer.
    pub(in crate::domain::payment) fn ask_cut_off(&mut self, now: Timestamp) {
        for open in self
            .evidence
            .iter_mut()
            .filter(|known| known.said.is_none())
        {
            open.answered("not heard: the controller was restarted", now);
        }
    }

    fn keep(&mut self, evidence: Evidence) {
        if self.evidence.len() >= EVIDENCE_MAX {
            self.evidence.remove(EVIDENCE_MAX / 2);
            self.evidence_dropped = self.evidence_dropped.saturating_add(1);
        }
        self.evidence.push(evidence);
    }
}

impl Verdict {
    /// One word for the evidence list.
    pub fn word(&self) -> String {
        match self {
            Verdict::Approved {
                signature: true, ..
            } => "approved, to be signed for".into(),
            Verdict::Approved { .. } => "approved".into(),
            Verdict::Declined { code, .. } => format!("declined: {code}"),
            Verdict::Verifying => "customer verifying".into(),
            Verdict::Pending { .. } => "waiting for the customer".into(),
            Verdict::NotFound => "order not found".into(),
            Verdict::Reversed => "reversed".into(),
            Verdict::NotReversible { .. } => "too late to reverse".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_buy_is_masked_and_length_is_bounded() {
        for (said, kept) in [
            ("refused: 4761739001010010!", "refused: ******!"),
            ("289431869362714645", "******"),
            ("HTTP 502 after 10000 ms", "HTTP 502 after 10000 ms"),
            ("two\nlines", "twolines"),
        ] {
            assert_eq!(masked(said), kept);
        }
        assert_eq!(masked(&"x".repeat(1_000)).len(), SAID_CHARACTERS_MAX);
    }

    #[test]
    fn evidence_of_before_its_sending_was_kept_is_still_read() {
        let old = r#"{"at":"1970-01-01T00:00:01Z","operation":"query","said":"approved"}"#;
        let at = serde_json::to_string(&Timestamp::from_unix_ms(1_000)).unwrap();
        let old = old.replace(r#""1970-01-01T00:00:01Z""#, &at);
        let read: Evidence = serde_json::from_str(&old).unwrap();
        assert_eq!(read.said.as_deref(), Some("approved"));
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }
}
