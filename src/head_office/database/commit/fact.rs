//! What a body says, read no further than storing it takes: of a payment that moves four times in
//! one commit one snapshot is read, not four.

use serde::Deserialize;
use store_actors::domain::{ids::PaymentId, payment::Payment, record::Body};

#[derive(Debug)]
pub(super) enum Fact<'a> {
    /// A payment moved; its snapshot is in there, still unread.
    Moved(PaymentId, &'a str),
    Other(Box<Body>),
    /// Of a kind that this program does not know, or no JSON.
    Unknown,
}

impl<'a> Fact<'a> {
    pub(super) fn of(body: &'a str) -> Self {
        if let Some(id) = leading_id(body) {
            return Self::Moved(id, body);
        }
        match serde_json::from_str(body) {
            Ok(Body::Payment { payment }) => Self::Moved(payment.id, body),
            Ok(other) => Self::Other(Box::new(other)),
            Err(_) => Self::Unknown,
        }
    }

    /// As the column says it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Moved(..) => "payment",
            Self::Other(body) => body.kind(),
            Self::Unknown => "unknown",
        }
    }
}

/// A body of ours begins with its kind, and a payment with its id.
fn leading_id(body: &str) -> Option<PaymentId> {
    let id = body.strip_prefix(r#"{"kind":"payment","payment":{"id":""#)?;
    id.split_once('"')?.0.parse().ok()
}

/// The payment of a body; `None` if this program can't read it.
pub(super) fn snapshot(body: &str) -> Option<Payment> {
    #[derive(Deserialize)]
    struct Moved {
        payment: Payment,
    }
    let moved: Moved = serde_json::from_str(body).ok()?;
    Some(moved.payment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0193600000000000000000000000000a";

    fn kind_and_id(body: &str) -> (&'static str, Option<String>) {
        let fact = Fact::of(body);
        let id = match &fact {
            Fact::Moved(id, _) => Some(id.to_string()),
            _ => None,
        };
        (fact.kind(), id)
    }

    #[test]
    fn a_payment_is_known_by_how_it_begins() {
        let body =
            format!(r#"{{"kind":"payment","payment":{{"id":"{ID}","of a newer store":1}}}}"#);
        assert_eq!(kind_and_id(&body), ("payment", Some(ID.to_owned())));
        assert!(snapshot(&body).is_none(), "it is not all there");
    }

    #[test]
    fn what_begins_otherwise_is_read() {
        for (body, kind) in [
            (r#"{"kind":"stopped"}"#, "stopped"),
            (r#"{"record":7,"kind":"unparked"}"#, "unparked"),
            (r#"{"kind":"wish"}"#, "unknown"),
            (r#"{"kind":"payment","payment":{"id":"no id"}}"#, "unknown"),
            ("{half of it", "unknown"),
        ] {
            assert_eq!(kind_and_id(body), (kind, None), "{body}");
        }
    }
}
