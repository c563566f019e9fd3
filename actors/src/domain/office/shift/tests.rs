//! Shifts, step by step.

use super::*;
use crate::domain::office::statement::tests::{decimal, some_payment, yuan};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(seconds * 1_000)
}

fn opened(last: Option<&Shift>, seconds: u64) -> Result<Shift, ShiftRefused> {
    let counter = "01".parse().unwrap();
    Shift::open(
        last,
        counter,
        Some("李".into()),
        yuan("200.00"),
        at(seconds),
    )
}

fn cash(kind: CashKind, amount: &str) -> CashMoved {
    CashMoved {
        kind,
        money: yuan(amount),
        note: None,
    }
}

#[test]
fn a_shift_is_opened_counted_and_closed_with_the_difference() {
    let shift = opened(None, 0).unwrap();
    let mut shift = shift;
    for (nth, (kind, amount)) in [
        (CashKind::Sale, "50.00"),
        (CashKind::Sale, "20.00"),
        (CashKind::Refund, "5.00"),
        (CashKind::PayIn, "100.00"),
        (CashKind::PayOut, "150.00"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{nth}");
        shift = shift.move_cash(cash(kind, amount), &key).unwrap().unwrap();
        // a repeated request moves nothing again; another one under its key is refused
        assert_eq!(shift.move_cash(cash(kind, amount), &key), Ok(None));
        let other = shift.move_cash(cash(kind, "1.23"), &key);
        assert_eq!(other, Err(ShiftRefused::KeyReused));
    }
    let payments = [
        some_payment(10, "12.50", &["2.50"]),
        some_payment(20, "7.50", &[]),
        some_payment(100, "99.00", &[]),
    ];
    let movements: Vec<_> = payments
        .iter()
        .flat_map(|one| Movement::all_of(one, 480))
        .collect();
    let x = shift.report(&movements, at(15));
    assert_eq!((x.lines[0].payments, x.lines[0].refunds), (1, 1));
    assert_eq!((x.expected, x.counted), (decimal("215.00"), None));
    assert_eq!(shift.close(&movements), Err(ShiftRefused::NoneOpen));

    let counting = shift.count(yuan("214.00"), at(100)).unwrap();
    assert_eq!(counting.count(yuan("1.00"), at(999)).unwrap(), counting);
    assert_eq!(
        counting.move_cash(cash(CashKind::Sale, "1.00"), "k"),
        Err(ShiftRefused::Closing)
    );
    let closed = counting.close(&movements).unwrap();
    let z = closed.report.as_ref().unwrap();
    assert_eq!((z.from, z.until), (at(0), at(100)));
    let line = &z.lines[0];
    assert_eq!((line.payments, line.gross), (2, decimal("20.00")));
    assert_eq!((line.refunds, line.refunded), (1, decimal("2.50")));
    assert_eq!(z.difference, Some(decimal("-1.00")));

    // what was confirmed at the very end is the next one's, whatever the clock says
    assert_eq!(opened(Some(&shift), 50), Err(ShiftRefused::StillOpen(1)));
    assert_eq!(
        opened(Some(&counting), 101),
        Err(ShiftRefused::StillOpen(1))
    );
    let next = opened(Some(&closed), 90).unwrap();
    assert_eq!((next.number, next.opened_at), (2, at(100)));
    assert_eq!(
        next.report(&movements, at(200)).lines[0].gross,
        decimal("99.00")
    );
}

#[test]
fn few_keys_are_remembered() {
    let mut shift = opened(None, 0).unwrap();
    for nth in 0..40 {
        let moved = cash(CashKind::Sale, "1.00");
        shift = shift.move_cash(moved, &format!("k{nth}")).unwrap().unwrap();
    }
    assert_eq!((shift.keys.len(), shift.cash[0].count), (KEYS_MAX, 40));
    assert!(shift.keys.last().unwrap().starts_with("k39 "));
}
