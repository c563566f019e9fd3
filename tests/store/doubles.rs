//! One basket paid twice, through the real programs: with a code whose outcome nobody knew, and
//! then with the shop's QR at another counter. What came twice goes back by itself, with a slip.

use rust_decimal::Decimal;
use serde_json::Value;
use store_sim::acquirer::{Connection, Delivery, Operation, Rule};

use crate::story::{ALIPAY, PATIENCE, Story};

impl Story {
    async fn basket(&self, key: &str, counter: &str, tender: &str) -> String {
        let till = &self.shop.till;
        let opened = till.open_for("basket-1", key, counter, "12.50", tender);
        opened.await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// From here on nothing is heard of this operation on the order, whatever became of it.
    fn silence(&self, operation: Operation, order: &str) {
        let silence = Delivery::Silence {
            money_moved: true,
            connection: Connection::Drop,
        };
        let mut rule = Rule::on(operation).delivery(silence);
        rule.when.order = Some(order.to_owned());
        self.shop.acquirer.rules().add(rule).unwrap();
    }

    async fn unknown(&self) -> Vec<Value> {
        let listed = self.shop.till.get("/v1/unknown").await.unwrap();
        listed["unknown"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_basket_paid_twice_comes_back_by_itself_with_a_slip() {
    let story = Story::open(2).await;
    let first = story.basket("first", "01", "customer_code").await;
    story.silence(Operation::Charge, &first);
    story.silence(Operation::Query, &first);
    story.reaches(&first, "collecting").await;
    story.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    story.reaches(&first, "unknown").await;
    assert_eq!(story.charged(&first), Decimal::new(1250, 2));

    let second = story.basket("second", "02", "merchant_qr").await;
    let shown = story.shop.till.until(&second, PATIENCE, |payment| {
        payment["qr"]["text"].is_string()
    });
    let qr = shown.await.unwrap()["qr"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    story.shop.acquirer.customers().pay(&qr, "wechat").unwrap();
    story.reaches(&second, "approved").await;
    let listed = story.unknown().await;
    assert_eq!(listed.len(), 1, "{listed:?}");

    // the acquirer is heard again
    story.shop.acquirer.rules().clear();
    crate::support::eventually("what came twice has gone back", || async {
        let payment = story.shop.till.payment(&first).await.ok()?;
        (payment["refunds"][0]["state"] == "refunded").then_some(())
    })
    .await;
    assert_eq!(story.charged(&first), Decimal::ZERO);
    assert_eq!(story.charged(&second), Decimal::new(1250, 2));
    assert_eq!(story.unknown().await, Vec::<Value>::new());
    let terminal = &story.shop.counters[0].terminal;
    let printed = terminal.until(PATIENCE, |shown| {
        let lines = shown.slips.back().map(|slip| &slip.lines);
        lines.is_some_and(|lines| lines.iter().any(|line| line.contains("退款")))
    });
    printed
        .await
        .expect("a slip tells of the money that went back");
    story.head_office_has_all().await;
    story.close().await;
}
