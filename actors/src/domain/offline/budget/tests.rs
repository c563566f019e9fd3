//! The budget as tables and as a property: thirty counters never exceed it together.

use proptest::prelude::*;

use super::*;
use crate::domain::tender::Scheme;

fn money(units: u64) -> Money {
    Money::from_minor_units(units, Currency::Cny).unwrap()
}

fn total(units: u64, count: u32) -> OfflineTotal {
    OfflineTotal {
        sum: money(units),
        count,
    }
}

fn limits() -> OfflineLimits {
    OfflineLimits {
        total: total(1_000, 10),
        max_age_ms: 3_600_000,
        per_payment: money(500),
        per_card: total(600, 2),
        schemes: vec![Scheme::UnionPay],
        slice: total(300, 3),
    }
}

fn id(n: u8) -> PaymentId {
    PaymentId::from_bytes([n; 16])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn counter(n: u8) -> CounterId {
    format!("{n:02}").parse().unwrap()
}

fn claim(of: u8, units: u64, card: u8) -> Exposure {
    Exposure {
        counter: counter(of),
        money: money(units),
        card: CardToken([card; 16]),
        at: at(0),
    }
}

const fn share(minor_units: u64, count: u32) -> Share {
    Share { minor_units, count }
}

fn refused(why: OfflineRefused) -> Result<Share, NotGranted> {
    Err(NotGranted::Refused(why))
}

#[test]
fn a_lease_grows_by_slices_as_long_as_the_total_lasts() {
    let mut budget = Budget::new(limits());
    assert_eq!(
        budget.claim(id(1), claim(1, 100, 1), at(1)),
        Ok(share(300, 3))
    );
    assert_eq!(
        budget.claim(id(2), claim(1, 200, 2), at(1)),
        Ok(share(300, 3))
    );
    assert_eq!(
        budget.claim(id(3), claim(1, 50, 3), at(1)),
        Ok(share(600, 6))
    );
    assert_eq!(
        budget.claim(id(4), claim(2, 400, 4), at(1)),
        Ok(share(400, 3))
    );
    // nothing is left for a third counter, but the first has more than it needs
    let third = budget.claim(id(5), claim(3, 200, 5), at(1));
    assert_eq!(
        third,
        Err(NotGranted::AskBack(vec![counter(1), counter(2)]))
    );
    budget.gave_back(&counter(1), share(350, 3));
    assert_eq!(
        budget.claim(id(5), claim(3, 200, 5), at(1)),
        Ok(share(250, 3))
    );
    let fourth = budget.claim(id(6), claim(4, 60, 6), at(1));
    assert_eq!(fourth, refused(OfflineRefused::BudgetUsedUp));
    budget.release(id(4));
    budget.gave_back(&counter(2), share(0, 0));
    assert_eq!(
        budget.claim(id(6), claim(4, 60, 6), at(1)),
        Ok(share(300, 3))
    );
}

#[test]
fn a_card_has_its_own_limits_at_all_counters_together() {
    let mut budget = Budget::new(limits());
    assert!(budget.claim(id(1), claim(1, 300, 7), at(1)).is_ok());
    assert_eq!(
        budget.claim(id(2), claim(2, 301, 7), at(1)),
        refused(OfflineRefused::CardUsedUp)
    );
    assert!(budget.claim(id(2), claim(2, 100, 7), at(1)).is_ok());
    assert_eq!(
        budget.claim(id(3), claim(3, 1, 7), at(1)),
        refused(OfflineRefused::CardUsedUp),
        "a third time"
    );
}

#[test]
fn what_waits_for_too_long_closes_the_budget() {
    let mut budget = Budget::new(limits());
    assert!(budget.claim(id(1), claim(1, 100, 1), at(0)).is_ok());
    let late = at(3_600_001);
    assert_eq!(
        budget.claim(id(2), claim(1, 1, 2), late),
        refused(OfflineRefused::TooOld)
    );
    assert_eq!(budget.status(late).closed, Some(OfflineRefused::TooOld));
    budget.release(id(1));
    assert!(budget.claim(id(2), claim(1, 1, 2), late).is_ok());
}

#[test]
fn the_journal_has_the_last_word_on_what_is_at_risk() {
    let mut budget = Budget::new(limits());
    budget.claim(id(1), claim(1, 100, 1), at(0)).unwrap();
    budget.claim(id(2), claim(1, 100, 2), at(0)).unwrap();
    // the second came to nothing; a third was accepted within a lease, unasked
    let journal = [(id(1), claim(1, 100, 1)), (id(3), claim(2, 250, 3))];
    budget.reconcile(journal.clone(), at(1_000));
    assert_eq!(
        budget.status(at(1_000)).used,
        share(450, 3),
        "it may still be written"
    );
    budget.reconcile(journal, at(60_000));
    assert_eq!(budget.status(at(60_000)).used, share(350, 2));
    assert_eq!(budget.outstanding(&counter(2)), share(250, 1));
    // ended
    budget.reconcile([], at(61_000));
    assert_eq!(budget.status(at(61_000)).used, Share::default());
}

#[test]
fn a_lower_total_binds_as_soon_as_leases_are_back() {
    let mut budget = Budget::new(limits());
    budget.claim(id(1), claim(1, 100, 1), at(0)).unwrap();
    budget.set_total(total(150, 10));
    assert_eq!(
        budget.claim(id(2), claim(1, 150, 2), at(0)),
        Ok(share(300, 3)),
        "it was lent"
    );
    let other = budget.claim(id(3), claim(2, 1, 3), at(0));
    assert_eq!(other, refused(OfflineRefused::BudgetUsedUp));
    budget.release(id(1));
    budget.gave_back(&counter(1), Share::default());
    assert_eq!(
        budget.claim(id(3), claim(1, 1, 3), at(0)),
        refused(OfflineRefused::BudgetUsedUp)
    );
    budget.set_total(total(0, 0));
    assert_eq!(
        budget.status(at(0)).closed,
        Some(OfflineRefused::BudgetUsedUp)
    );
}

proptest! {
    /// Whatever is claimed, released, returned and forgotten: what is lent never exceeds the total,
    /// what a counter has outstanding never exceeds its lease, and no card its own limit.
    #[test]
    fn thirty_counters_never_exceed_it_together(
        steps in proptest::collection::vec((0u8..5, 0u8..30, 1u64..500, 0u8..6), 1..300)
    ) {
        let mut budget = Budget::new(limits());
        let mut next = 0u64;
        let mut open: Vec<(PaymentId, Exposure)> = Vec::new();
        for (what, who, units, card) in steps {
            match what {
                0..=2 => {
                    next += 1;
                    let id = PaymentId::from_bytes(u128::from(next).to_be_bytes());
                    let claim = claim(who, units, card);
                    match budget.claim(id, claim.clone(), at(1)) {
                        Ok(_) => open.push((id, claim)),
                        Err(NotGranted::AskBack(counters)) => {
                            for counter in counters {
                                budget.gave_back(&counter, Share::default());
                            }
                            prop_assert!(budget.claim(id, claim.clone(), at(1)).is_ok());
                            open.push((id, claim));
                        }
                        Err(NotGranted::Refused(_)) => {}
                    }
                }
                3 if !open.is_empty() => {
                    let (id, _) = open.swap_remove(usize::from(who) % open.len());
                    budget.release(id);
                }
                _ => budget.reconcile(open.clone(), at(60_001)),
            }
            let status = budget.status(at(1));
            let lent = status.leases.values().fold(Share::default(), |sum, one| sum.plus(*one));
            prop_assert!(status.total.covers(lent), "lent {lent:?}");
            for (counter, lease) in &status.leases {
                prop_assert!(lease.covers(budget.outstanding(counter)), "{counter}");
            }
            for card in 0..6 {
                let paid = open.iter().filter(|(_, one)| one.card == CardToken([card; 16]));
                let used = paid.fold(Share::default(), |sum, (_, one)| sum.plus(Share::of(one.money)));
                prop_assert!(Share::from(limits().per_card).covers(used), "card {card}");
            }
        }
    }
}
