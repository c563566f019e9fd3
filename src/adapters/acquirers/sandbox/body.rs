//! Bodies: what is asked, and what an answer means. The one place where the sandbox's words become
//! the core's.

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId, StoreId},
        money::{Currency, Money},
        payment::{Answer, Answered, NoAnswer, Operation, Verdict, answer::RefundVerdict},
    },
    ports::{Charge, Instrument},
};
use zeroize::Zeroizing;

use super::{client::Signed, sign::hex};
use crate::adapters::acquirers::transport::plain;

#[derive(Serialize)]
struct NewOrder<'a> {
    order: PaymentId,
    store: &'a StoreId,
    counter: &'a str,
    #[serde(flatten)]
    money: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track2: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_block: Option<String>,
    /// The card's money shall be held only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hold: bool,
    /// The order whose held money is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    completes: Option<PaymentId>,
}

/// Path and body of a charge.
pub(super) fn charge(
    store: &StoreId,
    charge: &Charge,
) -> Result<(&'static str, Zeroizing<Vec<u8>>), NoAnswer> {
    let new = NewOrder {
        order: charge.order,
        store,
        counter: charge.counter.as_str(),
        money: charge.money,
        code: None,
        pan: None,
        track2: None,
        emv: None,
        pin_block: None,
        hold: false,
        completes: None,
    };
    match &charge.instrument {
        Instrument::Code(code) => {
            let new = NewOrder {
                code: Some(code.secret.expose()),
                ..new
            };
            Ok(("/v1/charges", json(&new)?))
        }
        Instrument::MerchantQr => Ok(("/v1/qr", json(&new)?)),
        Instrument::Card { card, pin_block } | Instrument::Hold { card, pin_block } => {
            let track2 = card.track2.as_ref().map(|track2| track2.expose());
            let new = NewOrder {
                pan: track2.is_none().then(|| card.pan.expose()),
                track2,
                emv: Some(hex(card.emv_data.as_bytes())),
                pin_block: pin_block.as_ref().map(|block| hex(&block.0)),
                hold: matches!(charge.instrument, Instrument::Hold { .. }),
                ..new
            };
            Ok(("/v1/cards", json(&new)?))
        }
        Instrument::Held { of } => {
            let new = NewOrder {
                completes: Some(*of),
                ..new
            };
            Ok(("/v1/cards", json(&new)?))
        }
        Instrument::AtTerminal => {
            let why = "the sandbox asks no terminal for a card";
            Err(NoAnswer::NotSent(why.into()))
        }
    }
}

pub(super) fn refund(money: Money) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    json(&money)
}

pub(super) fn empty() -> Zeroizing<Vec<u8>> {
    Zeroizing::default()
}

fn json(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    // room for the largest card message, so that growing leaves no copy of a card number behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    serde_json::to_writer(&mut *bytes, body).map_err(|e| NoAnswer::NotSent(e.to_string()))?;
    Ok(bytes)
}

/// The states of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Approved,
    Declined,
    Verifying,
    Pending,
    Closed,
    Reversed,
    NotFound,
}

#[derive(Debug, Deserialize)]
struct Body {
    order: PaymentId,
    refund: Option<RefundId>,
    state: State,
    code: Option<String>,
    text: Option<String>,
    reference: Option<String>,
    amount: Option<String>,
    currency: Option<Currency>,
    qr: Option<String>,
    /// The customer is to sign.
    #[serde(default)]
    signature: bool,
}

/// What an answer must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub order: PaymentId,
    pub refund: Option<RefundId>,
}

/// The verdict on an order, from an answer that is rightly signed.
pub(super) fn verdict(answer: &Signed, order: PaymentId, operation: Operation) -> Answer {
    let body = body(
        answer,
        Named {
            order,
            refund: None,
        },
    )?;
    let undoing = operation == Operation::Reverse;
    let verdict = match body.state {
        State::Approved => {
            let signature = body.signature;
            let (acquirer_ref, money) = body.settled()?;
            match undoing {
                true => Verdict::NotReversible {
                    acquirer_ref,
                    money,
                },
                false => Verdict::Approved {
                    acquirer_ref,
                    money,
                    signature,
                },
            }
        }
        // to a reversal: it holds no money and never will
        State::Declined if undoing => Verdict::Reversed,
        State::Declined => {
            let (code, text) = body.refusal();
            Verdict::Declined { code, text }
        }
        State::Verifying => Verdict::Verifying,
        State::Pending => Verdict::Pending {
            qr: body.qr.filter(|qr| qr.len() <= 1024),
        },
        State::Closed | State::Reversed => Verdict::Reversed,
        State::NotFound => Verdict::NotFound,
    };
    Ok(Answered { order, verdict })
}

/// The verdict on a refund of `money`.
pub(super) fn refund_verdict(
    answer: &Signed,
    named: Named,
    money: Money,
) -> Result<RefundVerdict, NoAnswer> {
    let body = body(answer, named)?;
    match body.state {
        State::Approved => {
            let (acquirer_ref, refunded) = body.settled()?;
            if refunded != money {
                let said = format!("{refunded} refunded instead of {money}");
                return Err(NoAnswer::Unintelligible(said));
            }
            Ok(RefundVerdict::Refunded {
                acquirer_ref,
                money,
            })
        }
        State::Declined => {
            let (code, text) = body.refusal();
            Ok(RefundVerdict::Refused { code, text })
        }
        State::Verifying => Ok(RefundVerdict::InProgress),
        State::NotFound => Err(NoAnswer::Refused("it does not know the order".into())),
        state => Err(NoAnswer::Unintelligible(format!(
            "a refund cannot be {state:?}"
        ))),
    }
}

/// The body of an answer about this order, and this refund.
fn body(answer: &Signed, named: Named) -> Result<Body, NoAnswer> {
    if !matches!(answer.status, 200 | 404) {
        return Err(refused(answer.status, &answer.body));
    }
    // serde's own words may quote what they do not understand
    let body: Body = serde_json::from_slice(&answer.body).map_err(|e| {
        NoAnswer::Unintelligible(format!(
            "not as agreed at line {}, column {}",
            e.line(),
            e.column()
        ))
    })?;
    if (Named {
        order: body.order,
        refund: body.refund,
    }) != named
    {
        return Err(NoAnswer::AnotherOrder);
    }
    if (answer.status == 404) != (body.state == State::NotFound) {
        return Err(NoAnswer::Unintelligible(format!(
            "{:?} with {}",
            body.state, answer.status
        )));
    }
    Ok(body)
}

/// A refusal of the request itself, which says nothing of the order.
pub(super) fn refused(status: u16, body: &[u8]) -> NoAnswer {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        text: String,
    }
    NoAnswer::Refused(match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { code, text }) => {
            format!("HTTP {status}, {}: {}", plain(&code), plain(&text))
        }
        Err(_) => format!("HTTP {status}"),
    })
}

impl Body {
    fn settled(&self) -> Result<(String, Money), NoAnswer> {
        let missing = |what: &str| NoAnswer::Unintelligible(format!("it has no {what}"));
        let reference = self
            .reference
            .as_deref()
            .ok_or_else(|| missing("reference"))?;
        let amount = self.amount.as_deref().ok_or_else(|| missing("amount"))?;
        let currency = self.currency.ok_or_else(|| missing("currency"))?;
        let money = Money::parse(amount, currency);
        Ok((
            plain(reference),
            money.map_err(|e| NoAnswer::Unintelligible(e.to_string()))?,
        ))
    }

    fn refusal(&self) -> (String, String) {
        let of = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
        (of(&self.code), of(&self.text))
    }
}
