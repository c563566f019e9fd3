//! Traces of payments, read by OpenTelemetry's own messages.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::Value;
use store_actors::{
    domain::payment::{Evidence, Operation, State},
    signal::{Signal, Signals},
};
use store_controller::adapters::otlp::Otlp;

use super::{peers::repository, support::chain};

#[tokio::test]
async fn a_settled_payment_is_a_trace_of_what_the_journal_has_of_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut collector = Command::new(repository().join("tests/peers/.venv/bin/python"))
        .arg(repository().join("tests/peers/otlp/collect.py"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("`make peers` installs it");
    let mut said = BufReader::new(collector.stdout.take().unwrap());
    let mut port = String::new();
    said.read_line(&mut port).unwrap();
    let url = format!("http://127.0.0.1:{}", port.trim());

    let mut paid = chain::payment(7, State::Approved);
    let sent_at = paid.opened_at.plus_ms(1_200);
    paid.submitted_at = Some(sent_at);
    paid.ended_at = Some(sent_at.plus_ms(340));
    paid.acquirer = Some("bank".parse().unwrap());
    let mut charge = Evidence::sent(Operation::Charge, sent_at);
    charge.answered("approved", sent_at.plus_ms(340));
    paid.evidence = vec![charge];
    let under_way = chain::payment(8, State::Unknown);
    let signals = Signals::default();
    let otlp = Otlp::new(&url, "demo", "0001").unwrap();
    let sending = tokio::spawn(otlp.run(signals.clone()));
    tokio::task::yield_now().await;
    for payment in [under_way, paid.clone()] {
        let payment = Arc::new(payment);
        signals.emit(Signal::PaymentMoved { seq: 1, payment });
    }
    drop(signals);
    sending.await.unwrap();

    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    assert!(collector.wait().unwrap().success());
    let spans: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<_> = spans
        .iter()
        .map(|span| (span["name"].as_str().unwrap(), span["ms"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [("payment", 1_540), ("customer", 1_200), ("charge", 340)]
    );
    let trace: String = paid
        .id
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for span in &spans {
        assert_eq!(
            (&span["trace"], &span["store"]),
            (&trace.clone().into(), &"0001".into())
        );
    }
    assert_eq!(spans[0]["parent"], "");
    assert_eq!(spans[0]["attributes"]["payment.state"], "approved");
    assert_eq!(spans[2]["parent"], spans[0]["span"]);
    assert_eq!(spans[2]["attributes"]["payment.acquirer"], "bank");
    assert_eq!(spans[2]["attributes"]["payment.answer"], "approved");
}
