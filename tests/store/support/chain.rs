//! A store's chain of records, as its journal would make it.

use store_actors::{
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        payment::{Opening, Origin, Payment, State},
        record::{Body, Record, Tip},
        tender::Tender,
        timestamp::Timestamp,
    },
    wire::uplink::StoreRef,
};

/// 2023-11-14T22:13:20Z.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
pub struct Chain {
    pub store: StoreRef,
    pub records: Vec<Record>,
    tip: Tip,
}

pub fn store(name: &str) -> StoreRef {
    StoreRef {
        chain: "demo".parse().unwrap(),
        store: name.parse().unwrap(),
    }
}

/// The time of record `seq`: a second apart.
pub fn time_of(seq: u64) -> Timestamp {
    Timestamp::from_unix_ms(EPOCH_MS).plus_ms(seq * 1_000)
}

impl Chain {
    pub fn new(name: &str) -> Self {
        Self {
            store: store(name),
            records: Vec::new(),
            tip: Tip::default(),
        }
    }

    /// A chain of so many records: payments opened by the odd ones, approved by the even ones.
    pub fn of(name: &str, records: u64) -> Self {
        let mut chain = Self::new(name);
        for seq in 1..=records {
            let number = seq.div_ceil(2);
            let state = if seq % 2 == 1 {
                State::Opened
            } else {
                State::Approved
            };
            chain.append(&Body::Payment {
                payment: Box::new(payment(number, state)),
            });
        }
        chain
    }

    pub fn append(&mut self, body: &Body) {
        let at = time_of(self.tip.seq + 1);
        let record = self.tip.append(at, body).unwrap();
        self.records.push(record);
    }

    /// Appends a body as it is, known or not.
    pub fn append_text(&mut self, body: &str) {
        let at = time_of(self.tip.seq + 1);
        let record = Record {
            seq: self.tip.seq + 1,
            at,
            prev: self.tip.hash,
            body: body.into(),
        };
        self.tip = Tip {
            seq: record.seq,
            hash: record.hash(),
        };
        self.records.push(record);
    }

    /// Records `first` to `last`.
    pub fn part(&self, first: u64, last: u64) -> Vec<Record> {
        let within = |record: &&Record| (first..=last).contains(&record.seq);
        self.records.iter().filter(within).cloned().collect()
    }
}

/// Payment number `number`, opened with its odd record.
pub fn payment(number: u64, state: State) -> Payment {
    let opened_at = time_of(number * 2 - 1);
    let opening = Opening {
        id: PaymentId::new(opened_at, [7; 10]),
        counter: "01".parse().unwrap(),
        money: Money::from_minor_units(100 + number, Currency::Cny).unwrap(),
        tender: Tender::CustomerCode,
        origin: Origin::Till,
        reference: Some(format!("basket {number} \0 茶")),
        fingerprint: None,
        number,
        opened_by: None,
    };
    let mut payment = Payment::open(opening, opened_at);
    payment.state = state;
    payment
}
