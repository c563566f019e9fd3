//! Payments as a store makes them, each in four records: the machine's own states of a card payment
//! that a till asked for.

use store_actors::{
    domain::{
        ids::{CounterId, PaymentId},
        money::{Currency, Money},
        payment::{
            AcquirerClock, Answered, Event, Fingerprint, Opening, Operation, Origin, Payment,
            Verdict, machine::Times,
        },
        record::{Body, Tip},
        tender::{Presented, Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::WallClock,
};

pub struct Noon;

impl WallClock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000)
    }
}

/// One payment's records, over and over with other ids. Making one shall cost the thread that
/// everybody writes on as little as can be: it is not what is measured.
pub struct Lives {
    steps: [Payment; 4],
    counters: [CounterId; 8],
}

impl Lives {
    pub fn new() -> Self {
        let opened = opened();
        let step = |payment: &Payment, event| payment.on(event, &times()).payment;
        let collecting = step(&opened, Event::Collect);
        let submitted = step(&collecting, presented());
        let approved = step(&submitted, approved(opened.id));
        Self {
            steps: [opened, collecting, submitted, approved],
            counters: COUNTERS.map(|counter| counter.parse().unwrap()),
        }
    }

    /// How many records a payment has.
    pub const LEN: usize = 4;

    /// The `nth` payment of this writer, opened at `at`, at its `step`: 0 is opened, 3 approved.
    pub fn payment(&self, writer: usize, nth: usize, step: usize, at: Timestamp) -> Box<Payment> {
        let mut random = Random((writer as u64) << 32 | nth as u64);
        let mut payment = Box::new(self.steps[step].clone());
        payment.id = PaymentId::new(at, random.id());
        (payment.opened_at, payment.changed_at) = (at, at);
        payment.ended_at = payment.ended_at.map(|_| at);
        payment.counter = self.counters[writer % COUNTERS.len()].clone();
        payment.number = nth as u64 + 1;
        payment.reference = Some(format!("order-{writer:06}-{nth:08}"));
        payment.fingerprint = Some(Fingerprint {
            key: format!("till-{writer:06}-{nth:08}"),
            body: random.hex(),
        });
        if payment.acquirer_ref.is_some() {
            payment.acquirer_ref = Some(format!("20261125{:020}", random.next()));
        }
        payment
    }

    /// What this writer writes as its `n`th record.
    pub fn nth(&self, writer: usize, n: usize) -> Box<Payment> {
        self.payment(writer, n / Self::LEN, n % Self::LEN, Noon.now())
    }

    /// What a record of a payment takes, on average.
    pub fn record_bytes(&self) -> usize {
        let len = |step| {
            let payment = self.payment(1, 1, step, Noon.now());
            let record = Tip::default().append(Noon.now(), &Body::Payment { payment });
            record.unwrap().encoded_len()
        };
        (0..Self::LEN).map(len).sum::<usize>() / Self::LEN
    }
}

const COUNTERS: [&str; 8] = ["01", "02", "03", "04", "05", "06", "07", "08"];

pub fn times() -> Times {
    Times {
        now: Noon.now(),
        acquirer: AcquirerClock::USUAL,
        collect_timeout_ms: 60_000,
    }
}

fn money() -> Money {
    Money::from_minor_units(1_250, Currency::Cny).unwrap()
}

/// What is random in a payment is random here too (splitmix64): some ways pack what they store.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn id(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        bytes
    }

    /// As a SHA-256 is written.
    fn hex(&mut self) -> String {
        let mut digits = String::with_capacity(64);
        for _ in 0..4 {
            for byte in self.next().to_be_bytes() {
                let nibbles = [byte >> 4, byte & 15].map(usize::from);
                digits.extend(nibbles.map(|nibble| char::from(b"0123456789abcdef"[nibble])));
            }
        }
        digits
    }
}

pub fn opened() -> Payment {
    let opening = Opening {
        id: PaymentId::new(Noon.now(), [0; 10]),
        counter: "01".parse().unwrap(),
        money: money(),
        tender: Tender::Any,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number: 1,
        opened_by: None,
    };
    Payment::open(opening, Noon.now())
}

pub fn presented() -> Event {
    Event::Present {
        presented: Presented::card(Scheme::Visa, "476173******0010".into()),
        acquirer: "sandbox".parse().unwrap(),
    }
}

pub fn approved(order: PaymentId) -> Event {
    let acquirer_ref = "2026112522001400001000000001".into();
    let money = money();
    Event::Answer {
        operation: Operation::Charge,
        answer: Ok(Answered {
            order,
            verdict: Verdict::Approved {
                acquirer_ref,
                money,
                signature: false,
            },
        }),
    }
}
