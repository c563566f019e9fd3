//! A journal full of payments that the head office has not heard of, as a day without a line
//! leaves it: eight counters, each payment in its four steps, all approved.

use std::path::Path;

use store_actors::{
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        payment::{
            AcquirerClock, Answered, Fingerprint, Opening, Operation, Origin, Payment, Verdict,
            machine::{Event, Times},
        },
        record::{Body, Fact, Record, Tip},
        tender::{Presented, Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::{JournalDisk, WallClock},
    wire::uplink::StoreRef,
};
use store_controller::adapters::{
    clock::SystemClock,
    journal::{Journal, JournalConfig},
};

const COUNTERS: u64 = 8;
const STEPS: u64 = 4;
/// As the configuration of the controller has it.
const OFFSET_MINUTES: i32 = 480;
/// Records of one group.
const GROUP: usize = 128;

pub fn store() -> StoreRef {
    StoreRef {
        chain: "demo".parse().unwrap(),
        store: super::controller::STORE.parse().unwrap(),
    }
}

/// So many records, or a few less: whole payments.
pub fn records(count: u64) -> Vec<Record> {
    let now = SystemClock.now();
    let mut tip = Tip::default();
    let mut records = Vec::new();
    for customer in 1..=count / (COUNTERS * STEPS) {
        let steps: Vec<_> = (1..=COUNTERS)
            .map(|counter| payment(counter, customer, now))
            .collect();
        // the counters work side by side
        for step in 0..STEPS {
            for steps in &steps {
                let payment = Box::new(steps[usize::try_from(step).unwrap()].clone());
                records.push(tip.append(now, &Body::Payment { payment }).unwrap());
            }
        }
    }
    records
}

/// A payment after each of its steps.
fn payment(counter: u64, number: u64, now: Timestamp) -> Vec<Payment> {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&(number * COUNTERS + counter).to_be_bytes());
    let id = PaymentId::new(now, random);
    let money = Money::from_minor_units(100 + number, Currency::Cny).unwrap();
    let opening = Opening {
        id,
        counter: format!("{counter:03}").parse().unwrap(),
        money,
        tender: Tender::CustomerCode,
        origin: Origin::Till,
        reference: Some(format!("basket {counter}-{number}")),
        fingerprint: Some(Fingerprint {
            key: format!("key-{counter}-{number}"),
            body: "5f".repeat(32),
        }),
        number,
        opened_by: None,
    };
    let times = Times {
        now,
        acquirer: AcquirerClock::USUAL,
        collect_timeout_ms: 60_000,
    };
    let approved = Verdict::Approved {
        acquirer_ref: format!("SBX{number:012}"),
        money,
        signature: false,
    };
    let events = [
        Event::Collect,
        Event::Present {
            presented: Presented::code(Scheme::Alipay),
            acquirer: "sandbox".parse().unwrap(),
        },
        Event::Answer {
            operation: Operation::Charge,
            answer: Ok(Answered {
                order: id,
                verdict: approved,
            }),
        },
    ];
    let mut steps = vec![Payment::open(opening, now)];
    for event in events {
        let next = steps.last().unwrap().on(event, &times).payment;
        steps.push(next);
    }
    steps
}

/// Writes them into a new journal, as the controller would have.
pub async fn write(dir: &Path, records: &[Record]) {
    let journal = Journal::open(JournalConfig {
        min_free_bytes: 0,
        day_offset_minutes: OFFSET_MINUTES,
        ..JournalConfig::new(dir)
    })
    .unwrap();
    for group in records.chunks(GROUP) {
        let facts = group.iter().cloned().map(Fact::from);
        journal.append(facts.collect()).await.unwrap();
    }
    journal.close().await.unwrap();
}
