//! The feed of events: resumed without a gap or a double, bounded, and dropped when nobody takes
//! it.

use std::time::Duration;

use serde_json::Value;
use store_actors::{
    domain::{payment::State, timestamp::Timestamp},
    signal::{AcquirerStatus, Signal},
};

use tokio::io::AsyncWriteExt as _;

use super::shop::{Shop, payment};
use crate::support::{DEADLINE, eventually};

/// A reader of the feed.
struct Reader {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq)]
struct Event {
    id: Option<u64>,
    name: String,
    data: Value,
}

impl Reader {
    async fn connect(shop: &Shop, last_event_id: Option<u64>) -> Self {
        let mut request = shop.request("GET", "/v1/events");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self {
            response,
            buffer: Vec::new(),
        };
        // the board comes first, the outbox last of it
        while reader.next().await.unwrap().name != "outbox" {}
        reader
    }

    /// The next event; `None` at the end of the feed.
    async fn next(&mut self) -> Option<Event> {
        loop {
            // a chunk may end in the middle of a character, a block can't
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                let block = String::from_utf8(block).unwrap();
                if !block.starts_with(':') {
                    return Some(parse(&block));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("the feed says nothing").ok().flatten()?;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.extend(self.next().await.expect("the feed ended").id);
        }
        ids
    }
}

fn parse(block: &str) -> Event {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Event {
        id: field("id").map(|id| id.parse().unwrap()),
        name: field("event").unwrap().to_owned(),
        data: serde_json::from_str(field("data").unwrap()).unwrap(),
    }
}

fn some_payments(
    numbers: std::ops::RangeInclusive<u64>,
) -> Vec<store_actors::domain::payment::Payment> {
    numbers.map(|number| payment(number, |_| {})).collect()
}

#[actix_web::test]
async fn without_an_id_the_feed_begins_now() {
    let shop = Shop::open().await;
    shop.journal(&some_payments(1..=3)).await;
    let mut reader = Reader::connect(&shop, None).await;
    let mut fourth = payment(4, |_| {});
    fourth.state = State::Approved;
    for signal in shop.journal(&[fourth.clone()]).await {
        shop.signals.emit(signal);
    }
    let event = reader.next().await.unwrap();
    assert_eq!((event.id, event.name.as_str()), (Some(4), "payment"));
    shop.know(fourth.clone());
    let shown = shop
        .get(&format!("/v1/payments/{}", fourth.id))
        .await
        .json();
    assert_eq!(
        event.data, shown,
        "an event's data is the payment as it is shown"
    );
}

#[actix_web::test]
async fn a_reader_that_comes_back_gets_every_event_after_its_last_once() {
    let shop = Shop::open().await;
    shop.journal(&some_payments(1..=150)).await;
    let mut reader = Reader::connect(&shop, Some(0)).await;
    assert_eq!(reader.ids(150).await, (1..=150).collect::<Vec<_>>());
    drop(reader);
    // while it was away
    for signal in shop.journal(&some_payments(151..=160)).await {
        shop.signals.emit(signal);
    }
    let mut reader = Reader::connect(&shop, Some(147)).await;
    for signal in shop.journal(&some_payments(161..=165)).await {
        shop.signals.emit(signal);
    }
    assert_eq!(reader.ids(18).await, (148..=165).collect::<Vec<_>>());
}

#[actix_web::test]
async fn signals_out_of_order_lost_or_repeated_make_no_gap_and_no_double() {
    let shop = Shop::open().await;
    let mut reader = Reader::connect(&shop, None).await;
    let signals = shop.journal(&some_payments(1..=6)).await;
    // 3 before 2, 2 twice, 4 and 5 never
    for at in [0, 2, 1, 1, 5] {
        shop.signals.emit(signals[at].clone());
    }
    assert_eq!(reader.ids(6).await, [1, 2, 3, 4, 5, 6]);
    // more signals at once than the channel holds
    let many = shop.journal(&some_payments(7..=300)).await;
    for _ in 0..40 {
        many.iter()
            .for_each(|signal| shop.signals.emit(signal.clone()));
    }
    assert_eq!(reader.ids(294).await, (7..=300).collect::<Vec<_>>());
    let last = shop.journal(&some_payments(301..=301)).await.pop().unwrap();
    shop.signals.emit(last);
    assert_eq!(reader.ids(1).await, [301]);
}

#[actix_web::test]
async fn what_the_journal_does_not_hold_has_no_id_and_is_told_at_once() {
    let shop = Shop::open().await;
    let status = |reachable| {
        let (id, since) = ("sandbox".parse().unwrap(), Timestamp::from_unix_ms(0));
        Signal::AcquirerChanged(AcquirerStatus {
            id,
            reachable,
            why: None,
            since,
            clock_ahead_s: None,
        })
    };
    let mut reader = Reader::connect(&shop, None).await;
    shop.signals.emit(status(false));
    let event = reader.next().await.unwrap();
    assert_eq!(
        (event.id, event.name.as_str(), &event.data["reachable"]),
        (None, "acquirer", &Value::Bool(false))
    );
    shop.signals.emit(Signal::JournalStopped {
        why: "fsync".into(),
    });
    assert_eq!(reader.next().await.unwrap().name, "journal_stopped");
    // a page that is opened later sees the same
    let mut later = shop.request("GET", "/v1/events").send().await.unwrap();
    let first = String::from_utf8(later.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: acquirer\n"), "{first}");
}

#[actix_web::test]
async fn an_id_from_another_journal_begins_now() {
    let shop = Shop::open().await;
    shop.journal(&some_payments(1..=2)).await;
    let mut reader = Reader::connect(&shop, Some(99)).await;
    shop.journal(&some_payments(3..=3))
        .await
        .into_iter()
        .for_each(|signal| shop.signals.emit(signal));
    assert_eq!(reader.ids(1).await, [3]);
}

#[actix_web::test]
async fn readers_are_counted_and_one_too_many_is_refused() {
    let shop = Shop::open_with(|api| api.event_readers_max = 1).await;
    let reader = Reader::connect(&shop, None).await;
    let refused = shop.get("/v1/events").await;
    assert_eq!(refused.problem(), (503, "too-many-readers".into()));
    drop(reader);
    eventually("the place to be free again", async || {
        let response = shop.request("GET", "/v1/events").send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_reader_that_takes_nothing_is_dropped() {
    let limit = Duration::from_millis(1_000);
    let shop = Shop::open_with(|api| {
        api.event_readers_max = 1;
        api.event_reader_timeout = limit;
    })
    .await;
    let mut stuck = tokio::net::TcpStream::connect(shop.address).await.unwrap();
    // far more than the two sockets' buffers hold
    let big = |number| {
        let mut payment = payment(number, |_| {});
        payment.reference = Some("x".repeat(30_000));
        payment
    };
    shop.journal(&(1..=600).map(big).collect::<Vec<_>>()).await;
    stuck
        .write_all(b"GET /v1/events HTTP/1.1\r\nhost: x\r\nlast-event-id: 0\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 8];
    let begun = tokio::time::timeout(DEADLINE, stuck.peek(&mut first));
    assert_eq!(begun.await.unwrap().unwrap(), 8, "the answer has begun");
    assert_eq!(
        shop.get("/v1/events").await.problem(),
        (503, "too-many-readers".into())
    );
    // the only place is free again although the stuck reader never closes its end
    eventually("the reader to be dropped", async || {
        let response = shop.request("GET", "/v1/events").send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
    drop(stuck);
}

#[actix_web::test]
async fn stopping_ends_the_feeds_and_the_server_in_time() {
    let shop = Shop::open().await;
    let mut reader = Reader::connect(&shop, None).await;
    tokio::time::timeout(Duration::from_secs(8), shop.stopper.stop())
        .await
        .expect("the server hangs");
    assert_eq!(reader.next().await, None);
    assert!(
        shop.request("GET", "/healthz").send().await.is_err(),
        "the port is closed"
    );
}
