//! Settling a batch: what both sides count, and each way in which a message can come to nothing.

use std::{collections::BTreeMap, sync::LazyLock};

use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{NoAnswer, Verdict, answer::RefundVerdict},
    },
    ports::{Acquirer as _, Batches as _, Due},
    wire::iso8583::{Codes, EncodeError, Sides, Sum, Totals},
};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule, Upset};

use super::shop::{Shop, cny};
use crate::adapters::acquirers::cardhost::SettlementRules;

/// The same each time that it is named.
fn order(n: u8) -> PaymentId {
    static FIRST: LazyLock<PaymentId> = LazyLock::new(|| super::shop::order(0));
    let mut bytes = FIRST.to_bytes();
    bytes[15] = n;
    PaymentId::from_bytes(bytes)
}

impl Shop {
    async fn settle(&self) -> Result<(), NoAnswer> {
        self.driver.settle().await
    }

    /// Two charges of which one is voided and one is refunded in part, and one more.
    async fn trade(&self) {
        for n in 1..=3 {
            self.charge(order(n), "10.00").await.unwrap();
        }
        assert_eq!(self.reverse(order(1)).await, Ok(Verdict::Reversed));
        self.refund(order(2), 1, "4.00").await.unwrap();
    }

    /// As the driver counts, which is as the host does.
    fn balanced(&self, uploaded: u64) -> (u64, u64) {
        let (ours, theirs) = (self.driver.settled(), self.host.settled());
        let (ours, theirs) = (ours.last().unwrap(), theirs.last().unwrap());
        assert_eq!(ours.batch, u64::from(theirs.batch));
        let side = |side: &store_actors::domain::office::settlement::Side| {
            (
                side.money.minor_units(),
                usize::try_from(side.count).unwrap(),
            )
        };
        assert_eq!(side(&ours.debits), theirs.debits);
        assert_eq!(side(&ours.credits), theirs.credits);
        assert_eq!(ours.balanced, theirs.balanced);
        assert_eq!(ours.uploaded, uploaded);
        assert_eq!(theirs.uploaded.len() as u64, uploaded);
        assert_eq!(self.host.too_late(), 0);
        (ours.debits.count, ours.credits.count)
    }
}

#[tokio::test]
async fn a_batch_in_which_both_count_the_same_ends_and_the_next_begins() {
    let shop = Shop::open(vec![]);
    assert!(shop.driver.open().is_none());
    shop.settle().await.unwrap();
    assert!(shop.host.settled().is_empty(), "nothing to settle");
    shop.trade().await;
    let open = shop.driver.open().unwrap();
    assert_eq!(open.due, Due::WithDay);
    shop.settle().await.unwrap();
    // three debits; the void and the refund are credits
    assert_eq!(shop.balanced(0), (3, 2));
    assert!(shop.driver.settled()[0].balanced);
    assert!(shop.driver.open().is_none());
    // the host names the next one at the sign-in that follows
    shop.charge(order(4), "1.00").await.unwrap();
    assert_eq!(shop.host.in_open_batch(), 1);
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(0), (1, 0));
    assert_eq!(shop.driver.settled()[1].batch, 8);
}

#[tokio::test]
async fn what_is_not_balanced_is_uploaded_one_by_one() {
    let shop = Shop::open(vec![]);
    for n in 1..=10 {
        shop.charge(order(n), "1.00").await.unwrap();
    }
    shop.refund(order(1), 1, "0.50").await.unwrap();
    shop.host.upset(Upset::NotBalanced);
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(11), (10, 1));
    assert!(!shop.driver.settled()[0].balanced);
    let uploaded: BTreeMap<u32, u64> = shop.host.settled()[0].uploaded.clone();
    let mut amounts: Vec<u64> = uploaded.into_values().collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [[50].as_slice(), &[100; 10]].concat());
}

#[tokio::test]
async fn details_are_sent_of_balanced_batches_too_where_that_is_wanted() {
    let shop = Shop::with(vec![], |config| {
        config.settlement.always_upload = true;
        config.settlement.is_sealed = true;
    });
    shop.trade().await;
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(5), (3, 2));
    assert!(shop.driver.settled()[0].balanced);
}

/// Each of the four messages of an upload in turn is lost, or its answer is; before it is tried
/// again the store dies.
#[tokio::test]
async fn whatever_is_lost_is_sent_again_under_its_own_number_after_a_crash_too() {
    for upset in [Upset::Silence, Upset::AnswerLost] {
        for step in 0..4 {
            let mut shop = Shop::open(vec![]);
            for n in 1..=9 {
                shop.charge(order(n), "1.00").await.unwrap();
            }
            let first = if step == 0 { upset } else { Upset::NotBalanced };
            shop.host.upset(first);
            for at in 1..=step {
                shop.host
                    .upset(if at == step { upset } else { Upset::Fine });
            }
            if step == 0 {
                shop.host.upset(Upset::NotBalanced);
            }
            let lost = shop.settle().await.unwrap_err();
            assert!(matches!(lost, NoAnswer::Broken(_)), "{lost}");
            assert_eq!(shop.driver.open().unwrap().due, Due::Now, "it goes on soon");
            // nothing is sold meanwhile, and nothing undone
            let held = shop.charge(order(10), "1.00").await.unwrap_err();
            assert!(matches!(held, NoAnswer::NotSent(_)), "{held}");
            let held = shop.reverse(order(1)).await.unwrap_err();
            assert!(matches!(held, NoAnswer::NotSent(_)), "{held}");
            shop = shop.restart();
            shop.settle().await.unwrap();
            assert_eq!(shop.balanced(9), (9, 0), "{upset:?} at message {step}");
            shop.charge(order(10), "1.00").await.unwrap();
            assert_eq!(shop.host.too_late(), 0);
        }
    }
}

#[tokio::test]
async fn a_mac_that_is_wrong_at_the_host_leads_to_a_sign_in_and_once_more() {
    let shop = Shop::open(vec![]);
    shop.trade().await;
    let before = shop.host.sign_ins();
    shop.host.forget_keys();
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(0), (3, 2));
    assert_eq!(shop.host.sign_ins(), before + 1);
}

#[tokio::test]
async fn a_refusal_leaves_the_batch_open() {
    let shop = Shop::open(vec![]);
    shop.trade().await;
    shop.host.upset(Upset::Refused);
    let refused = shop.settle().await.unwrap_err();
    assert!(
        matches!(&refused, NoAnswer::Refused(why) if why.contains("40")),
        "{refused}"
    );
    assert_eq!(shop.driver.open().unwrap().due, Due::WithDay);
    shop.charge(order(4), "1.00").await.unwrap();
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(0), (4, 2));
}

#[tokio::test]
async fn a_transaction_without_an_outcome_comes_first() {
    let silence = Rule::on(Operation::Card).delivery(Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    });
    let shop = Shop::open(vec![]);
    shop.charge(order(1), "1.00").await.unwrap();
    shop.acquirer.rules().add(silence.times(1)).unwrap();
    shop.charge(order(2), "2.00").await.unwrap_err();
    let refused = shop.settle().await.unwrap_err();
    assert!(
        matches!(&refused, NoAnswer::Refused(why) if why.contains("1 transactions")),
        "{refused}"
    );
    assert_eq!(shop.reverse(order(2)).await, Ok(Verdict::Reversed));
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(0), (1, 0));
}

#[tokio::test]
async fn after_the_settlement_a_void_is_refused_and_a_refund_goes_into_the_next_batch() {
    let shop = Shop::open(vec![]);
    shop.trade().await;
    shop.settle().await.unwrap();
    let kept = shop.reverse(order(3)).await.unwrap();
    assert!(matches!(kept, Verdict::NotReversible { .. }), "{kept:?}");
    let refunded = shop.refund(order(3), 2, "10.00").await.unwrap();
    assert!(
        matches!(refunded, RefundVerdict::Refunded { money, .. } if money == cny("10.00")),
        "{refunded:?}"
    );
    assert_eq!(shop.moved(order(3)), ["10", "10", "0"]);
    shop.settle().await.unwrap();
    assert_eq!(shop.balanced(0), (0, 1));
}

#[tokio::test]
async fn a_full_batch_is_due_before_its_day_ends() {
    let shop = Shop::with(vec![], |config| config.settlement.transactions_max = 2);
    shop.charge(order(1), "1.00").await.unwrap();
    assert_eq!(shop.driver.open().unwrap().due, Due::WithDay);
    shop.charge(order(2), "1.00").await.unwrap();
    assert_eq!(shop.driver.open().unwrap().due, Due::Now);
    assert!(shop.driver.batches().is_some());
}

#[test]
fn a_count_has_three_digits() {
    let sum = Sum {
        count: 1_000,
        minor: 1,
    };
    let totals = Totals {
        domestic: Sides {
            debits: sum,
            credits: Sum::default(),
        },
        ..Totals::default()
    };
    let station = super::shop::driver_config(std::path::Path::new(""), 1).station;
    let trace = store_actors::wire::iso8583::Trace { stan: 1, batch: 1 };
    let refused = station.settlement(trace, &totals, 156, Codes::default());
    assert!(
        matches!(refused, Err(EncodeError::Length { field: 48, .. })),
        "{refused:?}"
    );
    assert_eq!(SettlementRules::default().codes.end_balanced, 207);
}
