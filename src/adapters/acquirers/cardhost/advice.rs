//! A card that the store has accepted offline, told to the host afterwards as an advice (0220).
//!
//! An advice is no question: it is repeated under its own trace number until the host has taken or
//! refused it, and is never reversed. It is built each time from what the book has sealed of the
//! card, so that every copy is the same; the chip's whole data are sealed for it, since they are
//! the issuer's proof of what the card agreed to. They hold neither card number nor track.

use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{Answer, NoAnswer},
    },
    ports::{Charge, Instrument},
    wire::iso8583::{Amount, Kind, Response},
};

use super::{
    CardHost, amount_of, card_data,
    pages::{Approval, Fact, Outcome, Page},
    says,
    session::unsendable,
    step, step_of, unsent, yymm,
};

/// What a card that was accepted offline is sent as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfflineAs {
    /// An ordinary charge, which the issuer may refuse.
    #[default]
    Purchase,
    Advice,
}

impl CardHost {
    pub(super) async fn send_advice(&self, charge: Charge) -> Answer {
        let order = charge.order;
        let Instrument::Card { card, .. } = &charge.instrument else {
            return Err(NoAnswer::NotSent("a card host takes cards alone".into()));
        };
        if self.is_known(order) {
            return self.find_out(order).await;
        }
        let _open = self.unsettled().await?;
        // a sign-in names the batch
        self.session.keys().await.map_err(unsent)?;
        let trace = self.session.next_trace().await.map_err(unsent)?;
        let amount = amount_of(charge.money);
        let sealed = self.seal.seal_whole(order, card);
        let sealed = sealed.ok_or_else(|| NoAnswer::NotSent("no random bytes".into()))?;
        let charged = Fact::Charged {
            order,
            stan: trace.stan,
            batch: trace.batch,
            at_ms: self.session.clock.now().unix_ms(),
            minor: amount.minor,
            currency: amount.currency,
            with_pin: false,
            advice: true,
            part: None,
            card: sealed,
        };
        self.session.write(vec![charged]).await.map_err(unsent)?;
        self.advise(order, false).await
    }

    /// An advice that was sent and has no answer.
    pub(super) fn is_advising(&self, order: PaymentId) -> bool {
        let waits = |page: &Page| page.advice && page.outcome.is_none();
        self.session
            .read(|pages| pages.orders.get(&order).is_some_and(waits))
    }

    /// The book's word; of an advice without an answer the host's, which is asked for once more.
    pub(super) async fn find_out(&self, order: PaymentId) -> Answer {
        if !self.is_advising(order) {
            return self.known(order);
        }
        let _open = self.unsettled().await?;
        self.advise(order, true).await
    }

    async fn advise(&self, order: PaymentId, is_repeated: bool) -> Answer {
        let page = self.session.read(|pages| pages.orders.get(&order).cloned());
        let gone = || NoAnswer::Internal("the order has left the terminal's book".into());
        let page = page.ok_or_else(gone)?;
        let card = self.card(order, &page)?;
        let expiry = yymm(&card);
        let data = card_data(&card, &expiry, None);
        let amount = Amount {
            minor: page.minor,
            currency: page.currency,
        };
        let station = &self.session.station;
        let message = station.financial(Kind::OfflineAdvice, page.trace, amount, &data, None);
        let sent = self.send(order, message.map_err(unsendable)?, page.trace);
        let reply = step(step_of(Kind::OfflineAdvice), sent)
            .await
            .map_err(|why| match why {
                // the first copy may have been heard
                NoAnswer::NotSent(why) if is_repeated => NoAnswer::Broken(why),
                why => why,
            });
        let reply = match reply {
            Err(NoAnswer::NotSent(why)) => {
                self.session.write(vec![Fact::Unsent { order }]).await?;
                return Err(NoAnswer::NotSent(why));
            }
            reply => reply?,
        };
        let told = |approval| {
            let minor = page.minor;
            Outcome::Approved(Approval { minor, ..approval })
        };
        let outcome = match (reply.code.as_str(), Response::of(&reply.code)) {
            // it has it: the answer to an earlier copy was lost
            ("94", _) if is_repeated => told(reply.approval),
            (_, Response::Approved) => told(reply.approval),
            (_, Response::Declined(text)) => Outcome::Declined {
                code: reply.code,
                text: text.into(),
            },
            (_, Response::Unknown(why)) => return Err(says(&reply.code, why)),
            (_, Response::SignInAgain) => return Err(says(&reply.code, "sign in again")),
        };
        self.session
            .write(vec![Fact::Answered { order, outcome }])
            .await?;
        self.known(order)
    }
}
