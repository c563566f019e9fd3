//! What a charge is sent as: a purchase, a pre-authorisation, or the completion of one.
//!
//! A completion needs no card at the stand: it takes number and expiry from what the book has
//! sealed of the pre-authorisation, and names that one's numbers and authorisation code. Track and
//! PIN are gone by then, as they must be. [GK] that a host wants a completion without them, and its
//! field 22.

use store_actors::{
    domain::{ids::PaymentId, payment::NoAnswer},
    ports::{Instrument, PinBlock},
    wire::{
        emv::CardRead,
        iso8583::{Amount, Kind, Message, Station, Trace},
    },
};

use super::{
    CardHost, card_data,
    pages::{Approval, Outcome, Page, Part},
    session::unsendable,
    undo::{kept_data, original},
    yymm,
};

pub(super) struct Sale<'a> {
    pub card: CardRead,
    what: What<'a>,
}

enum What<'a> {
    Purchase(Option<&'a PinBlock>),
    PreAuthorisation(Option<&'a PinBlock>),
    /// Of this page, which was approved so.
    Completion(Box<Held>),
}

struct Held {
    of: PaymentId,
    page: Page,
    approval: Approval,
}

impl CardHost {
    /// What is to be sent for this instrument; nothing has left the house if there is nothing.
    pub(super) fn sale_of<'a>(&self, instrument: &'a Instrument) -> Result<Sale<'a>, NoAnswer> {
        let unsent = |why: &str| NoAnswer::NotSent(why.into());
        match instrument {
            Instrument::Card { card, pin_block } => Ok(Sale {
                card: (**card).clone(),
                what: What::Purchase(pin_block.as_ref()),
            }),
            Instrument::Hold { card, pin_block } => Ok(Sale {
                card: (**card).clone(),
                what: What::PreAuthorisation(pin_block.as_ref()),
            }),
            Instrument::Held { of } => {
                let page = self.session.read(|pages| pages.orders.get(of).cloned());
                let page = page.filter(Page::holds);
                let page = page.ok_or_else(|| unsent("the book holds nothing under this order"))?;
                let Some(Outcome::Approved(approval)) = page.outcome.clone() else {
                    return Err(unsent("the pre-authorisation was not approved"));
                };
                let card = self.card(*of, &page);
                Ok(Sale {
                    card: card.map_err(|why| unsent(&why.to_string()))?,
                    what: What::Completion(Box::new(Held {
                        of: *of,
                        page,
                        approval,
                    })),
                })
            }
            Instrument::Code(_) | Instrument::MerchantQr | Instrument::AtTerminal => {
                Err(unsent("a card host takes cards alone"))
            }
        }
    }
}

impl Sale<'_> {
    pub(super) fn part(&self) -> Option<Part> {
        match &self.what {
            What::Purchase(_) => None,
            What::PreAuthorisation(_) => Some(Part::PreAuthorisation),
            What::Completion(held) => Some(Part::Completion { of: held.of }),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self.what {
            What::Purchase(_) => Kind::Purchase,
            What::PreAuthorisation(_) => Kind::PreAuthorisation,
            What::Completion(_) => Kind::Completion,
        }
    }

    pub(super) fn with_pin(&self) -> bool {
        match &self.what {
            What::Purchase(pin_block) | What::PreAuthorisation(pin_block) => pin_block.is_some(),
            What::Completion(held) => held.page.with_pin,
        }
    }

    pub(super) fn message(
        &self,
        station: &Station,
        trace: Trace,
        amount: Amount,
    ) -> Result<Message, NoAnswer> {
        let expiry = yymm(&self.card);
        let kind = self.kind();
        let of_card = |pin_block| {
            let data = card_data(&self.card, &expiry, pin_block);
            station.financial(kind, trace, amount, &data, None)
        };
        let message = match &self.what {
            What::Purchase(pin_block) | What::PreAuthorisation(pin_block) => of_card(*pin_block),
            What::Completion(held) => {
                let data = kept_data(&self.card, &expiry, &held.page);
                let about = original(&held.page, &held.approval);
                station.financial(kind, trace, amount, &data, Some(&about))
            }
        };
        message.map_err(unsendable)
    }
}
