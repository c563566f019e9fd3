//! One worker: the real program between a real broker and a real database.

use std::process::{Command, Stdio};

use serde_json::json;
use store_actors::{
    domain::record::Body,
    ports::StoreStatus,
    wire::uplink::{Channel, StatusMessage},
};

use crate::{
    dashboards::check_metrics,
    support::{
        chain::{Chain, payment, store, time_of},
        connect, eventually,
        mosquitto::Mosquitto,
        office::{Office, PROGRAM},
        postgres::Postgres,
        tap::Tap,
    },
};

async fn records_out_of_order_twice_and_contradicting(database: &str) {
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, database).await;
    let chain = Chain::of("0001", 40);

    tap.send(&chain.store, &chain.part(21, 40));
    let receipt = tap.receipt().await;
    assert_eq!((receipt.through, receipt.want), (0, vec![(1, 20)]));
    let (_, gaps) = office.get("/v1/stores/0001/gaps").await;
    assert_eq!(
        gaps,
        json!({ "items": [{ "first": 1, "last": 20, "records": 20 }] })
    );
    assert_eq!(office.store("0001").await["missing"], 20);

    tap.send(&chain.store, &chain.part(1, 20));
    assert_eq!(tap.receipt_through(&chain.store, 40).await.want, vec![]);
    // the receipt may be lost: the same records bring it again
    tap.send(&chain.store, &chain.part(30, 40));
    tap.receipt_through(&chain.store, 40).await;

    let mut other = Chain::new("0001");
    (0..5).for_each(|_| other.append(&Body::Stopped));
    tap.send(&chain.store, &other.part(5, 5));
    tap.receipt_through(&chain.store, 40).await;

    let seen = office.store("0001").await;
    let shown = |key: &str| seen[key].as_u64().unwrap();
    assert_eq!(
        (shown("records"), shown("watermark"), shown("missing")),
        (40, 40, 0)
    );
    assert_eq!(
        (shown("duplicates"), shown("conflicts"), shown("poison")),
        (11, 1, 0)
    );
    assert_eq!(
        office
            .metric(r#"head_office_records_total{outcome="stored"}"#)
            .await,
        40
    );
    assert_eq!(
        office
            .metric(r#"head_office_records_total{outcome="conflict"}"#)
            .await,
        1
    );
    assert_eq!(
        office
            .metric(r#"head_office_store_watermark{store="0001"}"#)
            .await,
        40
    );
    assert!(
        office
            .log()
            .contains("records that contradict what is held")
    );
    assert!(office.stop().await.success());
}

#[tokio::test]
async fn records_out_of_order_twice_and_contradicting_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/x.db", dir.path().display());
    records_out_of_order_twice_and_contradicting(&url).await;
}

#[tokio::test]
async fn records_out_of_order_twice_and_contradicting_on_postgres() {
    let server = Postgres::start().await;
    records_out_of_order_twice_and_contradicting(&server.database("office").await).await;
}

#[tokio::test]
async fn poison_is_parked_and_the_rest_flows() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/x.db", dir.path().display());
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &url).await;
    // a record that the database itself refuses
    let mut database = connect(&url).await;
    let trigger = "CREATE TRIGGER no BEFORE INSERT ON record WHEN NEW.seq = 7 \
                   BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::raw_sql(trigger).execute(&mut database).await.unwrap();

    let (chain, other) = (Chain::of("0001", 10), Chain::of("0002", 10));
    tap.send_raw(
        &chain.store.topic(Channel::Records),
        b"no batch".to_vec(),
        false,
    );
    tap.send_raw(
        "chain/demo/store/0001/up/records/x",
        b"no topic".to_vec(),
        false,
    );
    tap.send(&chain.store, &chain.part(1, 10));
    tap.send(&other.store, &other.part(1, 6));
    assert_eq!(
        tap.receipt_through(&chain.store, 6).await.want,
        vec![(7, 7)]
    );
    tap.receipt_through(&other.store, 6).await;

    let seen = office.store("0001").await;
    assert_eq!((&seen["records"], &seen["poison"]), (&json!(9), &json!(2)));
    let reasons: Vec<(i64, String)> = sqlx::query_as("SELECT seq, reason FROM poison ORDER BY seq")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(reasons[0], (0, "the batch is not a JSON array".to_owned()));
    assert_eq!(reasons[1].0, 7);
    assert!(
        reasons[1].1.starts_with("the database refuses it (code "),
        "{reasons:?}"
    );

    // once the database takes it, what the store sends again heals the gap
    sqlx::raw_sql("DROP TRIGGER no")
        .execute(&mut database)
        .await
        .unwrap();
    tap.send(&chain.store, &chain.part(7, 10));
    tap.receipt_through(&chain.store, 10).await;
    assert_eq!(office.store("0001").await["missing"], 0);
}

#[tokio::test]
async fn a_status_is_kept_by_the_broker_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let report = StoreStatus {
        at: time_of(0),
        version: "0.1.0".into(),
        last_seq: 12,
        receipted: 5,
        counters_ready: 3,
        counters: 4,
        unknown: 1,
    };
    let topic = store("0001").topic(Channel::Status);
    let status = StatusMessage {
        store: store("0001").store,
        online: true,
        report: Some(report),
    };
    tap.send_raw(&topic, status.encode(), true);
    tap.flush().await;
    // the head office comes later
    let office = Office::start(&broker, &format!("sqlite:{}/x.db", dir.path().display())).await;
    let seen = eventually("the status", || async {
        let seen = office.store("0001").await;
        (seen["online"] == true).then_some(seen)
    })
    .await;
    assert_eq!(
        (&seen["reported_seq"], &seen["last_seq"]),
        (&json!(12), &json!(0))
    );
    assert_eq!(seen["status"]["counters_ready"], 3);
    assert!(seen["status_age_ms"].as_u64().unwrap() > 0);

    tap.send_raw(
        &topic,
        StatusMessage::last_will(store("0001").store).encode(),
        true,
    );
    eventually("the last will", || async {
        let seen = office.store("0001").await;
        (seen["online"] == false && seen["reported_seq"] == 12).then_some(())
    })
    .await;
}

#[tokio::test]
async fn payments_and_records_come_in_pages_and_wrong_questions_get_problems() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &format!("sqlite:{}/x.db", dir.path().display())).await;
    let chain = Chain::of("0001", 19);
    tap.send(&chain.store, &chain.records);
    tap.receipt_through(&chain.store, 19).await;

    let mut path = "/v1/stores/0001/payments?limit=4".to_owned();
    let mut ids = Vec::new();
    loop {
        let (status, page) = office.get(&path).await;
        assert_eq!(status, 200, "{page}");
        ids.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/stores/0001/payments?limit=4&cursor={next}");
    }
    let id = |number| json!(payment(number, store_actors::domain::payment::State::Opened).id);
    assert_eq!(ids, (1..=10).rev().map(id).collect::<Vec<_>>());
    let (_, open) = office.get("/v1/stores/0001/payments?state=opened").await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&open["items"][0]["seq"], &open["items"][0]["store"]),
        (&json!(19), &json!("0001"))
    );
    let since = time_of(15);
    let (_, late) = office
        .get(&format!("/v1/stores/0001/payments?since={since}"))
        .await;
    assert_eq!(late["items"].as_array().unwrap().len(), 3);

    let (_, records) = office.get("/v1/stores/0001/records?from=18&limit=2").await;
    assert_eq!(records["items"][0]["hash"], json!(chain.records[17].hash()));
    assert_eq!(
        (&records["items"][1]["seq"], &records["next"]),
        (&json!(19), &json!("20"))
    );

    for (path, status, said) in [
        (
            "/v1/stores/0001/payments?state=paid",
            400,
            "state must be one of opened,",
        ),
        (
            "/v1/stores/0001/payments?since=yesterday",
            400,
            "since must be",
        ),
        (
            "/v1/stores/0001/payments?limit=501",
            400,
            "limit must be from 1 to 500",
        ),
        ("/v1/stores/0001/payments?cursor=x", 400, "cursor must be"),
        (
            "/v1/stores/0001/payments?stat=opened",
            400,
            "unknown field `stat`",
        ),
        ("/v1/stores/0001/records?from=-1", 400, ""),
        (
            "/v1/stores/0002/gaps",
            404,
            "no store \"0002\" has reported here",
        ),
        ("/v1/stores/%2F/payments", 404, "no store"),
        ("/v1/nothing", 404, "there is nothing here"),
    ] {
        let (got, problem) = office.get(path).await;
        assert_eq!(
            (got, &problem["status"]),
            (status, &json!(status)),
            "{path}: {problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{path}: {problem}"
        );
    }
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &format!("sqlite:{}/x.db", dir.path().display())).await;
    let chain = Chain::of("0001", 3);
    tap.send(&chain.store, &chain.records);
    tap.receipt_through(&chain.store, 3).await;
    let (_, page) = office.get_text("/metrics").await;
    check_metrics(&page);
    assert!(
        page.contains("head_office_commit_seconds_count 1"),
        "{page}"
    );
}

#[tokio::test]
async fn a_broker_that_goes_and_comes_back_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = Mosquitto::start().await;
    let office = Office::start(&broker, &format!("sqlite:{}/x.db", dir.path().display())).await;
    broker.kill();
    eventually("the loss to be seen", || async {
        (office.get("/healthz").await.0 == 503).then_some(())
    })
    .await;
    assert!(broker.restart().await);
    eventually("the return to be seen", || async {
        (office.get("/healthz").await.0 == 200).then_some(())
    })
    .await;
    let mut tap = Tap::open(&broker).await;
    let chain = Chain::of("0001", 3);
    tap.send(&chain.store, &chain.records);
    tap.receipt_through(&chain.store, 3).await;
}

#[tokio::test]
async fn a_database_that_goes_and_comes_back_is_found_again_and_nothing_is_receipted_meanwhile() {
    let mut server = Postgres::start().await;
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &server.database("office").await).await;
    let chain = Chain::of("0001", 6);
    tap.send(&chain.store, &chain.part(1, 3));
    tap.receipt_through(&chain.store, 3).await;
    server.kill();
    tap.send(&chain.store, &chain.part(4, 6));
    eventually("the loss to be seen", || async {
        (office.metric("head_office_database_up").await == 0).then_some(())
    })
    .await;
    let (status, problem) = office.get("/v1/stores").await;
    assert_eq!(
        (status, &problem["title"]),
        (503, &json!("Service Unavailable"))
    );
    assert_eq!(tap.receipts_now(), vec![]);
    server.restart().await;
    eventually("the return to be seen", || async {
        (office.get("/healthz").await.0 == 200).then_some(())
    })
    .await;
    // the store sends again what was not receipted
    tap.send(&chain.store, &chain.part(4, 6));
    tap.receipt_through(&chain.store, 6).await;
    assert_eq!(office.store("0001").await["records"], 6);
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_line_explains_itself_and_its_exit_codes_hold() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(
        help.contains("Examples:") && help.contains("head-office run --config"),
        "{help}"
    );
    for wrong in [
        &["run", "--broker", "http://x"] as &[&str],
        &["run", "--database", "mysql://x"],
        &["run", "--listen", "x"],
        &["ran"],
        &[],
    ] {
        let (code, _, said) = run(wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {said}");
        assert!(!said.is_empty(), "{wrong:?}");
    }
    let (code, _, said) = run(&["run", "--config", "/gone.toml"]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("head-office: /gone.toml can't be read: "),
        "{said}"
    );
}

#[test]
fn a_wrong_file_is_refused_with_all_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("office.toml");
    std::fs::write(&file, "[broker]\nprot = 1\nport = 0\n").unwrap();
    let name = file.to_str().unwrap();
    let (code, _, said) = run(&["run", "--config", name]);
    assert_eq!(code, Some(1));
    let expected = format!(
        "head-office: {name}:2: broker.prot: unknown key; did you mean \"port\"?\n\
         {name}:3: broker.port: is 0; allowed: 1 to 65535\n"
    );
    assert_eq!(said, expected);
}

#[tokio::test]
async fn an_address_that_is_taken_ends_it_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let database = format!("sqlite:{}/x.db", dir.path().display());
    let (code, _, said) = run(&[
        "run",
        "--listen",
        &address,
        "--broker",
        &broker.url(),
        "--database",
        &database,
    ]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("nothing can listen on {address}")),
        "{said}"
    );
}
