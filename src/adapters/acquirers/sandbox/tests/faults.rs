//! What is no answer: silence, failures, forgeries, other orders, nonsense. None of it is an
//! outcome, and the ledger shows why: the money may have moved or not.

use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{self, Connection, Delivery, Operation, Rule, When};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::adapters::acquirers::Way;
use crate::adapters::acquirers::testing::{
    Shop, approved, charge, cny, config, driver, driver_of, order, refund,
};

fn once(delivery: Delivery) -> Vec<Rule> {
    vec![Rule::on(Operation::Charge).delivery(delivery).times(1)]
}

#[tokio::test]
async fn silence_failures_and_forgeries_say_nothing_and_a_query_tells_what_happened() {
    let silence = |money_moved, connection| Delivery::Silence {
        money_moved,
        connection,
    };
    let error = |status, money_moved| Delivery::Error {
        status,
        money_moved,
    };
    type Check = fn(&NoAnswer) -> bool;
    let broken: Check = |e| matches!(e, NoAnswer::Broken(_));
    let cases: [(Delivery, Check, bool); 10] = [
        (silence(true, Connection::Drop), broken, true),
        (silence(false, Connection::Drop), broken, false),
        (
            silence(true, Connection::Hold),
            |e| *e == NoAnswer::TimedOut,
            true,
        ),
        (
            silence(false, Connection::Hold),
            |e| *e == NoAnswer::TimedOut,
            false,
        ),
        (
            error(500, true),
            |e| *e == NoAnswer::ServerFailed(500),
            true,
        ),
        (
            error(503, false),
            |e| *e == NoAnswer::ServerFailed(503),
            false,
        ),
        (
            Delivery::Slow { ms: 60_000 },
            |e| *e == NoAnswer::TimedOut,
            true,
        ),
        (Delivery::WrongSignature, |e| *e == NoAnswer::Forged, true),
        (Delivery::OtherOrder, |e| *e == NoAnswer::AnotherOrder, true),
        (
            Delivery::Garbage,
            |e| matches!(e, NoAnswer::Unintelligible(_)),
            true,
        ),
    ];
    for (delivery, is_as_expected, money_moved) in cases {
        let case = format!("{delivery:?}");
        let shop = Shop::with(400, |config| config.rules = once(delivery));
        let said = shop.charge(order(1), "1.00").await.unwrap_err();
        assert!(is_as_expected(&said), "{case}: {said:?}");
        let charged = if money_moved { "1" } else { "0" };
        assert_eq!(shop.moved(order(1)), [charged, "0", "0"], "{case}");
        let truth = if money_moved {
            approved(1, "1.00")
        } else {
            Verdict::NotFound
        };
        assert_eq!(shop.query(order(1)).await, Ok(truth), "{case}");
        assert_eq!(
            shop.charge(order(1), "1.00").await,
            Ok(approved(1, "1.00")),
            "{case}"
        );
        assert_eq!(shop.moved(order(1)), ["1", "0", "0"], "{case}");
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_time_out_is_an_answer() {
    let shop = Shop::open(once(Delivery::Slow { ms: 100 }));
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(approved(1, "1.00")));
}

#[tokio::test]
async fn a_charge_that_arrives_after_its_reversal_comes_to_nothing() {
    let shop = Shop::open(once(Delivery::Late { ms: 300 }));
    let (late, reversed) = tokio::join!(shop.charge(order(1), "1.00"), shop.reverse(order(1)));
    assert_eq!(
        (late, reversed),
        (Ok(Verdict::Reversed), Ok(Verdict::Reversed))
    );
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn an_answer_given_twice_is_never_taken_for_the_next_orders() {
    let shop = Shop::open(vec![Rule::default().delivery(Delivery::Duplicate)]);
    let mut answers = 0;
    for n in 1..40 {
        // the helper checks that the answer names its order
        match shop.charge(order(n), &format!("{n}.00")).await {
            Ok(Verdict::Approved { money, .. }) => {
                assert_eq!(money, cny(&format!("{n}.00")));
                answers += 1;
            }
            Ok(verdict) => panic!("{verdict:?}"),
            Err(said) => {
                let harmless = matches!(said, NoAnswer::Forged | NoAnswer::Broken(_));
                assert!(harmless, "{said:?}");
            }
        }
    }
    assert!(answers > 0);
    shop.acquirer.ledger().audit().unwrap();
}

#[tokio::test]
async fn status_queries_that_fail_say_nothing() {
    let error = Delivery::Error {
        status: 502,
        money_moved: false,
    };
    let rule = Rule {
        per_order: Some(2),
        ..Rule::on(Operation::Query).delivery(error)
    };
    let shop = Shop::open(vec![rule]);
    shop.charge(order(1), "1.00").await.unwrap();
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(shop.query(order(1)).await);
    }
    let failed = Err(NoAnswer::ServerFailed(502));
    assert_eq!(said, [failed.clone(), failed, Ok(approved(1, "1.00"))]);
}

#[tokio::test]
async fn lost_reversals_and_refunds_are_repeated_without_harm() {
    let lost = Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    };
    let shop = Shop::open(vec![
        Rule::on(Operation::Reverse).delivery(lost.clone()).times(1),
        Rule::on(Operation::Refund).delivery(lost).times(1),
    ]);
    shop.charge(order(1), "2.00").await.unwrap();
    let pay = || shop.driver.refund(order(1), refund(1), cny("0.50"));
    assert!(matches!(pay().await, Err(NoAnswer::Broken(_))));
    assert!(pay().await.is_ok());
    assert!(matches!(
        shop.reverse(order(1)).await,
        Err(NoAnswer::Broken(_))
    ));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["2", "0.5", "1.5"]);
}

#[tokio::test]
async fn only_a_connection_that_never_came_about_is_not_sent() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap(); // never shakes hands
    let mute_url = format!("https://{}", mute.local_addr().unwrap());
    let named = "https://nobody.invalid".to_owned();
    for url in [format!("http://{gone}"), mute_url, named] {
        let mut config = config(&url, 1_000);
        let ca = tempfile::NamedTempFile::new().unwrap();
        // no certificates at all: this machine may have none
        config.way = Way::trusting(ca.path());
        let driver = driver_of(config, crate::adapters::acquirers::testing::Moved(0)).unwrap();
        let said = driver.charge(charge(order(1), "1.00")).await.unwrap_err();
        assert!(matches!(said, NoAnswer::NotSent(_)), "{url}: {said:?}");
    }
}

/// A peer that reads a request and then writes these bytes.
async fn peer(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut wire, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(wire.read(&mut request).await.unwrap(), 0);
        let _ = wire.write_all(&answer).await; // the driver may hang up on too long an answer
        let _ = wire.shutdown().await;
    });
    (url, task)
}

#[tokio::test]
async fn redirects_floods_and_halves_are_no_answers() {
    type Check = fn(&NoAnswer) -> bool;
    let forged: Check = |e| *e == NoAnswer::Forged;
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n").into_bytes()
    };
    let elsewhere = b"location: http://127.0.0.1:1/\r\n\r\n";
    let flood = [b"\r\n".to_vec(), vec![b' '; 100_000]].concat();
    let cases: [(Vec<u8>, Check); 5] = [
        ([head("302 Found", 0), elsewhere.to_vec()].concat(), forged),
        ([head("200 OK", 0), b"\r\n".to_vec()].concat(), forged),
        ([head("200 OK", 100_000), flood].concat(), |e| {
            matches!(e, NoAnswer::Unintelligible(_))
        }),
        (
            [head("200 OK", 100), b"\r\n{\"order\":".to_vec()].concat(),
            |e| matches!(e, NoAnswer::Broken(_)),
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), |e| {
            matches!(e, NoAnswer::Broken(_))
        }),
    ];
    for (answer, is_as_expected) in cases {
        let text = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
        let (url, task) = peer(answer).await;
        let driver = driver(&url, 2_000).unwrap();
        let said = driver.charge(charge(order(1), "1.00")).await.unwrap_err();
        assert!(is_as_expected(&said), "{text}: {said:?}");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn in_a_storm_of_faults_no_verdict_ever_contradicts_the_ledger() {
    let silence = |money_moved| Delivery::Silence {
        money_moved,
        connection: Connection::Drop,
    };
    let faults = [
        silence(true),
        silence(false),
        Delivery::Error {
            status: 500,
            money_moved: true,
        },
        Delivery::Error {
            status: 502,
            money_moved: false,
        },
        Delivery::Duplicate,
        Delivery::OtherOrder,
        Delivery::WrongSignature,
        Delivery::Garbage,
    ];
    let chance = |probability| When {
        probability: Some(probability),
        ..When::default()
    };
    let mut rules: Vec<_> = faults
        .into_iter()
        .map(|delivery| Rule {
            when: chance(0.08),
            ..Rule::default().delivery(delivery)
        })
        .collect();
    let no = acquirer::Verdict::Decline {
        code: "NO".to_owned(),
    };
    let declining = Rule::on(Operation::Charge).verdict(no);
    let when = When {
        operation: Some(Operation::Charge),
        ..chance(0.2)
    };
    rules.push(Rule { when, ..declining });
    let shop = Shop::open(rules);
    let (mut verdicts, mut unknown) = (0, 0);
    for step in 0..240u8 {
        let order = order(step % 60);
        let said = match step / 60 {
            0 | 1 => shop.charge(order, "1.00").await,
            2 => shop.query(order).await,
            _ if step % 2 == 0 => shop.reverse(order).await,
            _ => shop.query(order).await,
        };
        let [charged, _, reversed] = shop.moved(order);
        let nothing = || charged == "0" || charged == reversed;
        match said {
            Ok(Verdict::Approved { .. }) => assert_eq!((&*charged, &*reversed), ("1", "0")),
            Ok(Verdict::Declined { .. } | Verdict::Reversed | Verdict::NotFound) => {
                assert!(nothing(), "{step}: {charged} {reversed}");
            }
            Ok(verdict) => panic!("{step}: {verdict:?}"),
            Err(NoAnswer::NotSent(why)) => panic!("{step}: it was sent: {why}"),
            Err(_) => unknown += 1,
        }
        verdicts += 1;
    }
    assert!(
        unknown > 40 && verdicts - unknown > 80,
        "{unknown} of {verdicts} unknown"
    );
}
