//! The sandbox stopped, killed and started again.

use std::time::Duration;

use super::shop::{Shop, charge, client, ledger, number};
use crate::acquirer::{
    Acquirer, AcquirerConfig, AcquirerError, Connection, Delivery, LedgerReader, Operation, Rule,
    Then, Verdict,
};

#[tokio::test]
async fn killed_after_the_money_moved_and_before_the_answer_it_remembers() {
    let hold = Delivery::Silence {
        money_moved: true,
        connection: Connection::Hold,
    };
    let shop = Shop::open(vec![Rule::on(Operation::Charge).delivery(hold)]);
    let [order, fresh] = [1, 2].map(number);
    let client = shop.client.clone();
    let ledger = shop.acquirer.ledger();
    let charging = {
        let url = format!("{}/v1/charges", shop.acquirer.url());
        let request = signed_charge(&shop, &client, &url, &order);
        tokio::spawn(async move { request.send().await })
    };
    let moved = async {
        while ledger.order(&order).is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), moved)
        .await
        .unwrap();
    let shop = shop.killed_and_restarted();
    assert!(charging.await.unwrap().is_err(), "the connection broke off");
    assert_eq!(shop.query(&order).await.state(), "approved");
    assert_eq!(shop.charge(&order, "1.00").await.state(), "approved");
    assert_eq!(shop.charge(&fresh, "1.00").await.state(), "approved");
    assert_eq!(shop.moved(&order), ["1", "0", "0"]);
}

fn signed_charge(
    shop: &Shop,
    client: &reqwest::Client,
    url: &str,
    order: &str,
) -> reqwest::RequestBuilder {
    use crate::acquirer::sign;
    let body = charge(order, "1.00").to_string();
    let time = jiff::Timestamp::now().as_second().to_string();
    let nonce = "nonce-of-the-killed-charge";
    let signature = sign::request(
        &shop.key,
        "POST",
        "/v1/charges",
        &time,
        nonce,
        body.as_bytes(),
    );
    client
        .post(url)
        .header(sign::MERCHANT, "sandbox-merchant")
        .header(sign::TIMESTAMP, time)
        .header(sign::NONCE, nonce)
        .header(sign::SIGNATURE, signature)
        .body(body)
}

#[tokio::test]
async fn nothing_listens_once_it_is_killed() {
    let shop = Shop::open(vec![]);
    let addr = shop.acquirer.addr();
    shop.acquirer.kill();
    let error = tokio::net::TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn it_comes_back_on_the_same_address() {
    let shop = Shop::open(vec![]);
    shop.charge(&number(1), "1.00").await;
    let addr = shop.acquirer.addr();
    let Shop {
        folder,
        acquirer,
        key,
        ..
    } = shop;
    acquirer.stop();
    let mut config = AcquirerConfig::new(ledger(folder.path()));
    config.listen = addr;
    let acquirer = Acquirer::start(config).unwrap();
    // the old client's pool may hold a connection that is closed and not yet seen to be
    let shop = Shop {
        folder,
        acquirer,
        client: client(),
        key,
        shift_s: 0,
    };
    assert_eq!(shop.query(&number(1)).await.state(), "approved");
}

#[tokio::test]
async fn a_customer_confirms_after_a_restart() {
    let wait = Verdict::Verifying {
        for_ms: 300,
        then: Then::Approve,
    };
    let shop = Shop::open(vec![Rule::on(Operation::Charge).verdict(wait)]);
    assert_eq!(shop.charge(&number(1), "1.00").await.state(), "verifying");
    let shop = shop.killed_and_restarted();
    shop.until(&number(1), "approved").await;
    assert_eq!(shop.moved(&number(1)), ["1", "0", "0"]);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_the_rest_stands() {
    let shop = Shop::open(vec![]);
    shop.charge(&number(1), "1.00").await;
    shop.charge(&number(2), "1.00").await;
    let Shop {
        folder,
        acquirer,
        client,
        key,
        ..
    } = shop;
    acquirer.kill();
    let path = ledger(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    assert_eq!(LedgerReader::from_file(&path).unwrap().orders().len(), 1);
    let acquirer = Acquirer::start(AcquirerConfig::new(&path)).unwrap();
    let shop = Shop {
        folder,
        acquirer,
        client,
        key,
        shift_s: 0,
    };
    assert_eq!(shop.query(&number(2)).await.state(), "not_found");
    assert_eq!(shop.charge(&number(2), "1.00").await.state(), "approved");
    assert_eq!(
        LedgerReader::from_file(&path)
            .unwrap()
            .totals("CNY")
            .charged
            .to_string(),
        "2.00"
    );
}

#[tokio::test]
async fn a_line_damaged_in_the_middle_a_second_acquirer_and_a_public_address_are_refused() {
    let shop = Shop::open(vec![]);
    shop.charge(&number(1), "1.00").await;
    shop.charge(&number(2), "1.00").await;
    let path = ledger(shop.folder.path());
    let second = Acquirer::start(AcquirerConfig::new(&path));
    assert!(
        matches!(second, Err(AcquirerError::Io { .. })),
        "the ledger is locked"
    );
    shop.acquirer.kill();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"-1.00\"", "\"-1.01\"", 1)).unwrap();
    let damaged = Acquirer::start(AcquirerConfig::new(&path));
    assert!(
        matches!(damaged, Err(AcquirerError::Corrupt { line: 1, .. })),
        "{damaged:?}"
    );
    let mut public = AcquirerConfig::new(&path);
    public.listen = ([0, 0, 0, 0], 0).into();
    assert!(matches!(
        Acquirer::start(public),
        Err(AcquirerError::Config(_))
    ));
}

#[tokio::test]
async fn a_connection_that_was_open_when_it_was_killed_answers_nothing_more() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for _ in 0..20 {
        let shop = Shop::open(vec![]);
        let health = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut wire = tokio::net::TcpStream::connect(shop.acquirer.addr())
            .await
            .unwrap();
        wire.write_all(health).await.unwrap();
        let mut seen = [0; 1024];
        assert_ne!(wire.read(&mut seen).await.unwrap(), 0);
        shop.acquirer.kill();
        let _ = wire.write_all(health).await; // written to a closed connection or not: no answer
        let mut rest = Vec::new();
        let _ = wire.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }
}
