//! The journal on a real disk: written, read back, damaged, opened again.

mod damage;
mod guard;
mod ledger;
mod model;
mod reading;
mod verify;
mod writing;

use std::path::Path;

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::{Currency, Money},
        payment::{Fingerprint, Opening, Origin, Payment, State},
        record::{Body, Fact, Record, Tip},
        refund::{Refund, RefundState},
        tender::{Presented, Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::{JournalDisk, JournalFailed},
};

use super::{Journal, JournalConfig, guard::SEGMENT_BYTES_MIN};

const NOON: Timestamp = Timestamp::from_unix_ms(1_700_049_600_000);

fn open(dir: &Path) -> Journal {
    Journal::open(config(dir)).unwrap()
}

fn config(dir: &Path) -> JournalConfig {
    JournalConfig {
        min_free_bytes: 0,
        segment_bytes: SEGMENT_BYTES_MIN,
        ..JournalConfig::new(dir)
    }
}

fn facts(bodies: &[Body]) -> Vec<Fact> {
    let facts = bodies.iter().map(|body| Fact::new(NOON, body).unwrap());
    facts.collect()
}

/// The records of a group.
fn group(tip: &mut Tip, bodies: &[Body]) -> Vec<Record> {
    let facts = facts(bodies).into_iter();
    facts.map(|fact| tip.chain(fact)).collect()
}

async fn append(journal: &Journal, bodies: &[Body]) -> Result<Tip, JournalFailed> {
    journal.append(facts(bodies)).await
}

fn event(bytes: usize) -> Body {
    Body::Device {
        device: "01-scanner".into(),
        event: "x".repeat(bytes),
    }
}

fn moved(payment: &Payment) -> Body {
    Body::Payment {
        payment: Box::new(payment.clone()),
    }
}

/// Payment number `n`, opened `n` milliseconds after noon.
fn payment(n: u32, state: State) -> Payment {
    let now = NOON.plus_ms(u64::from(n));
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    let opening = Opening {
        number: 0,
        id: PaymentId::new(now, random),
        counter: format!("{:02}", n % 8).parse().unwrap(),
        money: Money::from_minor_units(u64::from(n % 5_000) + 1, Currency::Cny).unwrap(),
        tender: if n.is_multiple_of(3) {
            Tender::Card
        } else {
            Tender::Any
        },
        origin: Origin::Till,
        reference: (!n.is_multiple_of(4)).then(|| format!("basket {}", n / 5)),
        fingerprint: n.is_multiple_of(2).then(|| fingerprint(format!("key {n}"))),
        opened_by: None,
    };
    let mut payment = Payment::open(opening, now);
    payment.state = state;
    if state != State::Opened {
        let presented = Presented::code(Scheme::Alipay);
        payment.presented = (payment.tender == Tender::Any).then_some(presented);
    }
    payment
}

fn fingerprint(key: String) -> Fingerprint {
    Fingerprint {
        key,
        body: "00".repeat(32),
    }
}

fn refund(n: u8, minor_units: u64, state: RefundState) -> Refund {
    Refund {
        id: RefundId::new(NOON, [n; 10]),
        money: Money::from_minor_units(minor_units, Currency::Cny).unwrap(),
        state,
        requested_at: NOON,
        changed_at: NOON.plus_ms(86_400_000),
        reason: None,
        fingerprint: Some(fingerprint(format!("refund {n}"))),
        by: None,
        approved_by: None,
        acquirer_ref: None,
        refusal: None,
        last_word: None,
        attempts: 0,
        due: None,
    }
}
