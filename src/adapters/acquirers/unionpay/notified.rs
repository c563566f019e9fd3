//! Notifications of transactions (`backUrl`): a form, signed like an answer and bringing along the
//! certificate of its key.
//!
//! [GK] where a printed QR's label comes back: `reqReserved` is taken, and the terminal's number
//! beside it; that HTTP 200 is all that UnionPay wants to hear.

use super::{UnionPay, sign, words::Said};
use crate::adapters::acquirers::notifier::{self, Notifier, Opened, Posted, Receipt, Untrue};

impl Notifier for UnionPay {
    fn open(&self, posted: &Posted<'_>) -> Result<Opened, Untrue> {
        let unclear = || Untrue::Unintelligible("it is no form".to_owned());
        let fields = notifier::form(posted.body).ok_or_else(unclear)?;
        let fields = sign::verified(fields, &self.authority, self.clock.now())?;
        let is_payment = fields.get("txnType").map(String::as_str) == Some("01");
        let said = Said::unasked(fields, &self.account.merchant)?;
        match is_payment {
            true => Ok(Opened::Payment(said.told()?)),
            false => Ok(Opened::Other("no payment")),
        }
    }

    fn taken(&self) -> Receipt {
        receipt(200, "ok")
    }

    fn not_taken(&self, status: u16, _: &str) -> Receipt {
        receipt(status, "failed")
    }
}

fn receipt(status: u16, body: &str) -> Receipt {
    Receipt {
        status,
        content_type: "text/plain; charset=utf-8",
        body: body.to_owned(),
    }
}
