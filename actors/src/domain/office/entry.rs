//! What the back office writes down: one thing as it is after its last step; and what people did.
//!
//! As with payments, a record carries the whole of it, so that the latest is found under its key
//! without reading what came before.

use serde::{Deserialize, Serialize};

use super::{books::Books, difference::Difference, settlement::Settlement, shift::Shift};
use crate::domain::{
    day::Day,
    ids::{AcquirerId, CounterId},
    people::deed::Deed,
    sticker::Sticker,
    timestamp::Timestamp,
};

/// The body of an `office` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Shift(Shift),
    Books(Books),
    Bill(BillRead),
    Difference(Difference),
    Settlement(Settlement),
    Sticker(Sticker),
    /// What somebody did.
    Deed(Deed),
}

/// A bill that was read and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillRead {
    /// SHA-256 of the file: the same file is read once.
    pub sha256: String,
    pub name: String,
    pub acquirer: AcquirerId,
    pub from: Day,
    pub until: Day,
    pub read_at: Timestamp,
    pub lines: u64,
    pub bad_lines: u64,
    /// Lines that are as the store's records are.
    pub matched: u64,
    pub differences: u64,
}

impl Entry {
    /// Under which its latest is kept. Shifts and books sort by number and day.
    pub fn key(&self) -> String {
        match self {
            Entry::Shift(shift) => format!("{}{:010}", shifts_of(&shift.counter), shift.number),
            Entry::Books(books) => format!("{BOOKS}{}", books.day),
            Entry::Bill(bill) => format!("{BILLS}{}", bill.sha256),
            Entry::Difference(one) => format!("{DIFFERENCES}{}", one.id),
            Entry::Settlement(one) => {
                format!(
                    "{}{}/{}",
                    settlements_of(&one.acquirer),
                    one.settled_at,
                    one.batch
                )
            }
            Entry::Sticker(sticker) => format!("{STICKERS}{}", sticker.id),
            Entry::Deed(deed) => deed.key(),
        }
    }
}

pub const SHIFTS: &str = "shift/";
pub const BOOKS: &str = "books/";
pub const BILLS: &str = "bill/";
pub const DIFFERENCES: &str = "difference/";
pub const SETTLEMENTS: &str = "settlement/";
pub const STICKERS: &str = "sticker/";

/// The prefix of a counter's shifts.
pub fn shifts_of(counter: &CounterId) -> String {
    format!("{SHIFTS}{counter}/")
}

/// The prefix of an acquirer's settlements, which sort by their time.
pub fn settlements_of(acquirer: &AcquirerId) -> String {
    format!("{SETTLEMENTS}{acquirer}/")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{
        office::{
            books::ShiftNumber,
            difference::{Class, Found},
            settlement::Side,
            shift::{CashKind, CashMoved, ReportLine},
            statement::tests::{decimal, yuan},
        },
        people::deed::{By, What},
        record::Body,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(seconds * 1_000)
    }

    /// One of each kind.
    pub(crate) fn entries() -> [Entry; 7] {
        let counter: CounterId = "01".parse().unwrap();
        let (acquirer, day): (AcquirerId, _) =
            ("a".parse().unwrap(), Day::parse("2027-01-15").unwrap());
        let shift = Shift::open(
            None,
            counter.clone(),
            Some("L".into()),
            yuan("200.00"),
            at(0),
        )
        .unwrap();
        let cash = CashMoved {
            kind: CashKind::PayOut,
            money: yuan("50.00"),
            note: Some("safe".into()),
        };
        let shift = shift.move_cash(cash, "k1").unwrap().unwrap();
        let shift = shift
            .count(yuan("150.00"), at(9))
            .unwrap()
            .close(&[])
            .unwrap();
        let line = ReportLine {
            tender: "card".into(),
            scheme: String::new(),
            payments: 2,
            gross: decimal("20.00"),
            refunds: 1,
            refunded: decimal("2.50"),
        };
        let books = Books {
            day,
            number: 1,
            closed_at: at(90_000),
            by: None,
            lines: vec![line],
            shifts: vec![ShiftNumber { counter, number: 1 }],
        };
        let bill = BillRead {
            sha256: "ab".into(),
            name: "b.csv".into(),
            acquirer: acquirer.clone(),
            from: day,
            until: day,
            read_at: at(90_001),
            lines: 3,
            bad_lines: 0,
            matched: 2,
            differences: 1,
        };
        let found = Found {
            day,
            class: Class::MissingThere,
            order: "x".into(),
            part: None,
            ours: Some(decimal("12.50")),
            theirs: None,
            line: None,
            explained: false,
        };
        let difference = Difference::new(found, &acquirer, "ab", "manager", at(90_001));
        let sticker = Sticker {
            id: "01-7K3QF9ZD".parse().unwrap(),
            counter: "01".parse().unwrap(),
            acquirer: acquirer.clone(),
            text: "https://qr.example/01-7K3QF9ZD".into(),
            issued_at: at(0),
        };
        [
            Entry::Shift(shift),
            Entry::Books(books),
            Entry::Bill(bill),
            Entry::Difference(difference),
            Entry::Settlement(Settlement {
                acquirer,
                batch: 7,
                settled_at: at(90_002),
                debits: Side {
                    count: 2,
                    money: yuan("20.00"),
                },
                credits: Side {
                    count: 1,
                    money: yuan("2.50"),
                },
                balanced: true,
                uploaded: 0,
            }),
            Entry::Sticker(sticker),
            Entry::Deed(Deed {
                at: at(90_002),
                nonce: "0a1b2c3d".into(),
                by: By::Person("L".into()),
                what: What::Refunded,
                to: Some("x".into()),
                money: Some(yuan("2.50")),
                approved_by: Some("M".into()),
                from: None,
            }),
        ]
    }

    /// If this fails, do not change the test: journals and head offices have these bytes.
    #[test]
    fn entries_are_these_bytes() {
        let golden = [
            (
                "shift/01/0000000001",
                r#"{"kind":"office","office":{"shift":{"counter":"01","number":1,"state":"closed","cashier":"L","opened_at":"2027-01-15T08:00:00.000Z","float":{"amount":"200.00","currency":"CNY"},"cash":[{"kind":"pay_out","count":1,"money":{"amount":"50.00","currency":"CNY"}}],"keys":["k1 PayOut 50.00 CNY"],"counted":{"amount":"150.00","currency":"CNY"},"ends_at":"2027-01-15T08:00:09.000Z","report":{"from":"2027-01-15T08:00:00.000Z","until":"2027-01-15T08:00:09.000Z","lines":[],"expected":"150.00","counted":"150.00","difference":"0.00"}}}}"#,
            ),
            (
                "books/2027-01-15",
                r#"{"kind":"office","office":{"books":{"day":"2027-01-15","number":1,"closed_at":"2027-01-16T09:00:00.000Z","lines":[{"tender":"card","payments":2,"gross":"20.00","refunds":1,"refunded":"2.50"}],"shifts":[{"counter":"01","number":1}]}}}"#,
            ),
            (
                "bill/ab",
                r#"{"kind":"office","office":{"bill":{"sha256":"ab","name":"b.csv","acquirer":"a","from":"2027-01-15","until":"2027-01-15","read_at":"2027-01-16T09:00:01.000Z","lines":3,"bad_lines":0,"matched":2,"differences":1}}}"#,
            ),
            (
                "difference/7a0e624fe91589d1",
                r#"{"kind":"office","office":{"difference":{"id":"7a0e624fe91589d1","acquirer":"a","day":"2027-01-15","class":"missing_there","order":"x","ours":"12.50","source":"ab","owner":"manager","state":"open","steps":[{"at":"2027-01-16T09:00:01.000Z","by":"bill","state":"open","owner":"manager"}]}}}"#,
            ),
            (
                "settlement/a/2027-01-16T09:00:02.000Z/7",
                r#"{"kind":"office","office":{"settlement":{"acquirer":"a","batch":7,"settled_at":"2027-01-16T09:00:02.000Z","debits":{"count":2,"money":{"amount":"20.00","currency":"CNY"}},"credits":{"count":1,"money":{"amount":"2.50","currency":"CNY"}},"balanced":true,"uploaded":0}}}"#,
            ),
            (
                "sticker/01-7K3QF9ZD",
                r#"{"kind":"office","office":{"sticker":{"id":"01-7K3QF9ZD","counter":"01","acquirer":"a","text":"https://qr.example/01-7K3QF9ZD","issued_at":"2027-01-15T08:00:00.000Z"}}}"#,
            ),
            (
                "deed/2027-01-16T09:00:02.000Z/0a1b2c3d",
                r#"{"kind":"office","office":{"deed":{"at":"2027-01-16T09:00:02.000Z","nonce":"0a1b2c3d","by":{"person":"L"},"what":"refunded","to":"x","money":{"amount":"2.50","currency":"CNY"},"approved_by":"M"}}}"#,
            ),
        ];
        for (entry, (key, bytes)) in entries().into_iter().zip(golden) {
            assert_eq!(entry.key(), key);
            let body = Body::Office {
                office: Box::new(entry),
            };
            assert_eq!(serde_json::to_string(&body).unwrap(), bytes);
            assert_eq!(serde_json::from_str::<Body>(bytes).unwrap(), body);
        }
    }
}
