//! The terminal's book: what survives a crash, what is not in it, and what it refuses.

use std::{fs, sync::Arc};

use store_actors::{
    domain::{ids::PaymentId, payment::NoAnswer, payment::Verdict, timestamp::Timestamp},
    ports::WallClock,
};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule};

use super::shop::{PAN, Shop, driver_config, order};
use crate::adapters::acquirers::cardhost::{CardHost, CardHostRefused};

#[tokio::test]
async fn a_crash_forgets_neither_an_outcome_nor_a_trace_number() {
    let rule = Rule::on(Operation::Card).delivery(Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    });
    let shop = Shop::open(vec![]);
    let (paid, unknown, later) = (order(1), order(2), order(3));
    let approved = shop.charge(paid, "1.00").await.unwrap();
    shop.acquirer.rules().add(rule.times(1)).unwrap();
    shop.charge(unknown, "2.00").await.unwrap_err();
    let trace = |shop: &Shop, order| {
        let page = |pages: &super::super::pages::Pages| pages.orders[&order].trace;
        shop.driver.session.read(page)
    };
    let before = trace(&shop, unknown);

    let shop = shop.restart();
    assert_eq!(shop.query(paid).await, Ok(approved));
    assert_eq!(trace(&shop, unknown), before);
    assert_eq!(shop.reverse(unknown).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(unknown), ["2", "0", "2"]);
    shop.charge(later, "3.00").await.unwrap();
    assert!(trace(&shop, later).stan > before.stan);
    shop.refund(paid, 1, "1.00").await.unwrap();
    assert_eq!(shop.moved(paid), ["1", "1", "0"]);
}

#[tokio::test]
async fn no_card_number_track_or_pin_block_is_in_the_book() {
    let shop = Shop::open(vec![]);
    let order = order(1);
    shop.charge(order, "1.00").await.unwrap();
    let book = fs::read(shop.folder.path().join("terminal.book")).unwrap();
    let text = String::from_utf8(book).unwrap();
    assert!(text.contains(&order.to_string()));
    assert!(!text.contains(PAN) && !text.contains(&PAN[..12]));
    // nor does the seal hold more than may be kept
    let sealed = shop
        .driver
        .session
        .read(|pages| pages.orders[&order].card.clone());
    let kept = shop.driver.seal.unseal(order, &sealed).unwrap();
    assert_eq!((kept.pan.expose(), kept.track2), (PAN, None));
    assert_eq!(kept.emv_data.as_bytes(), [0x9F, 0x36, 0x02, 0x00, 0x07]);
    assert!(
        shop.driver
            .seal
            .unseal(super::shop::order(9), &sealed)
            .is_none()
    );
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_a_damaged_one_inside_is_an_error() {
    let shop = Shop::open(vec![]);
    let (first, second) = (order(1), order(2));
    let approved = shop.charge(first, "1.00").await.unwrap();
    shop.charge(second, "1.00").await.unwrap();
    let path = shop.folder.path().join("terminal.book");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let shop = shop.restart();
    assert_eq!(shop.query(first).await, Ok(approved));
    let unknown = shop.query(second).await;
    assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");

    fs::write(&path, whole.replacen("\"minor\":100", "\"minor\":900", 1)).unwrap();
    let config = driver_config(shop.folder.path(), 1);
    let again = CardHost::new(config.clone(), Arc::new(Later(0))).unwrap_err();
    assert!(matches!(again, CardHostRefused::InUse(_)), "{again}");
    drop(shop.driver);
    let refused = CardHost::new(config, Arc::new(Later(0))).unwrap_err();
    assert!(matches!(refused, CardHostRefused::Book { .. }), "{refused}");
}

/// The machine's clock, ahead by so many days.
struct Later(i64);

impl WallClock for Later {
    fn now(&self) -> Timestamp {
        let now = jiff::Timestamp::now().as_millisecond();
        Timestamp::from_unix_ms(now + self.0 * 86_400_000)
    }
}

#[tokio::test]
async fn what_is_old_and_settled_is_dropped_and_what_nobody_knows_is_kept() {
    let rule = Rule::on(Operation::Card).delivery(Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    });
    let shop = Shop::open(vec![]);
    let (paid, unknown) = (order(1), order(2));
    shop.charge(paid, "1.00").await.unwrap();
    shop.acquirer.rules().add(rule.times(1)).unwrap();
    shop.charge(unknown, "2.00").await.unwrap_err();
    let config = driver_config(shop.folder.path(), shop.host.addr().port());
    let Shop {
        folder,
        acquirer,
        host,
        driver,
    } = shop;
    drop(driver);
    let driver = CardHost::new(config, Arc::new(Later(100))).unwrap();
    let shop = Shop {
        folder,
        acquirer,
        host,
        driver,
    };
    // too old to be known, which is not the same as unpaid
    let dropped = shop.query(paid).await;
    assert!(matches!(dropped, Err(NoAnswer::Refused(_))), "{dropped:?}");
    assert_eq!(shop.reverse(unknown).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(unknown), ["2", "0", "2"]);
}

#[tokio::test]
async fn of_an_order_older_than_the_book_nothing_is_said() {
    let shop = Shop::open(vec![]);
    let old = PaymentId::new(Timestamp::from_unix_ms(1_700_000_000_000), [1; 10]);
    for silent in [shop.query(old).await, shop.reverse(old).await] {
        assert!(matches!(silent, Err(NoAnswer::Refused(_))), "{silent:?}");
    }
}
