//! The small parts, by Criterion: what a record, a step of a payment, a message of a terminal, a
//! scan, a card's data and a QR code cost in processor time. They are measured against their own
//! last run, not beside a peer: none of them is what a customer waits for. One of them, the card
//! host's codec, has a peer for scale: pyiso8583, decoding the same message in the same run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that can't go on ends, prints what it measured, and measures real time"
)]

#[path = "payments.rs"]
#[allow(dead_code, reason = "shared with the other benches")]
mod payments;
#[path = "report.rs"]
mod report;

use std::{hint::black_box, path::Path, process::Command, time::Instant};

use criterion::{Criterion, criterion_group};
use payments::{Lives, Noon, approved, opened, presented, times};
use report::{Row, publish};
use store_actors::{
    domain::{
        money::{Currency, Money},
        payment::{Event, Payment, State},
        record::{Body, Record, Tip},
    },
    ports::WallClock,
    wire::{
        emv::tlv,
        emvqr::{MerchantQr, MerchantQrBuilder, mpm::Initiation},
        frame::{Frame, Framer, Framing, Suffix},
        iso8583, nexo, scanner,
    },
};
use store_controller::adapters::picture::{QrStyle, png, svg};

/// A card's answer to the selection of its application: nested templates.
const FCI: &str = "6F30840E325041592E5359532E4444463031A51EBF0C1B61194F08A000000333010101500A\
                   50424F43204445424954870101";

fn records(c: &mut Criterion) {
    let payment = Lives::new().payment(1, 1, 3, Noon.now());
    let body = Body::Payment { payment };
    let record = Tip::default().append(Noon.now(), &body).unwrap();
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    c.bench_function("record/make and chain", |b| {
        b.iter(|| Tip::default().append(Noon.now(), black_box(&body)).unwrap());
    });
    c.bench_function("record/encode", |b| {
        b.iter(|| {
            let mut out = Vec::with_capacity(1_024);
            black_box(&record).encode(&mut out);
            out
        });
    });
    c.bench_function("record/decode", |b| {
        b.iter(|| Record::decode(black_box(&bytes)).unwrap().0);
    });
    c.bench_function("record/decode its payment", |b| {
        b.iter(|| black_box(&record).decode_body().unwrap());
    });
}

/// Opened, presented, submitted and approved: one whole life.
fn lives(c: &mut Criterion) {
    let times = times();
    let opened = opened();
    let step = |payment: &Payment, event| payment.on(event, &times).payment;
    let whole = || {
        let collecting = step(black_box(&opened), Event::Collect);
        let submitted = step(&collecting, presented());
        step(&submitted, approved(opened.id))
    };
    assert_eq!(whole().state, State::Approved);
    c.bench_function("payment/a whole life", |b| b.iter(whole));
}

fn wire(c: &mut Criterion) {
    let message = nexo::Message {
        header: nexo::Header::new(
            nexo::ServiceId::new("0CW7H3K2A1").unwrap(),
            "store-0001-counter-01",
            "terminal-01",
        ),
        body: nexo::Body::show_qr(&["12.50 CNY", "请扫码"], "https://qr.example/1234567890"),
    };
    let bytes = message.encode().unwrap();
    let framer = Framer::new(Framing::NEXO_JSON, 64 * 1024);
    let framed = framer.encode(&bytes).unwrap();
    c.bench_function("nexo/encode", |b| {
        b.iter(|| black_box(&message).encode().unwrap())
    });
    c.bench_function("nexo/frame and decode", |b| {
        let mut framer = Framer::new(Framing::NEXO_JSON, 64 * 1024);
        b.iter(|| match framer.feed(black_box(&framed)).pop() {
            Some(Frame::Data(bytes)) => nexo::Message::decode(&bytes).unwrap(),
            other => panic!("{other:?}"),
        });
    });

    let scan = b"]Q3289431869362714645\r";
    c.bench_function("scanner/frame and parse", |b| {
        let framing = Framing::Terminator { suffix: Suffix::Cr };
        let mut framer = Framer::new(framing, scanner::MAX_DATA_LEN);
        b.iter(|| match framer.feed(black_box(scan)).pop() {
            Some(Frame::Data(bytes)) => scanner::parse(&bytes).unwrap(),
            other => panic!("{other:?}"),
        });
    });

    let fci: Vec<u8> = (0..FCI.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&FCI[at..at + 2], 16).unwrap())
        .collect();
    let parsed = tlv::parse(&fci).unwrap();
    c.bench_function("emv/parse", |b| {
        b.iter(|| tlv::parse(black_box(&fci)).unwrap())
    });
    c.bench_function("emv/encode", |b| b.iter(|| tlv::encode(black_box(&parsed))));
}

/// A purchase with chip, track and PIN block, of the codec's golden bytes.
fn card_host(c: &mut Criterion) {
    let message = purchase();
    c.bench_function("iso8583/decode", |b| {
        b.iter(|| iso8583::Decoded::decode(black_box(&message)).unwrap());
    });
    let decoded = iso8583::Decoded::decode(&message).unwrap();
    let built = iso8583::Message::try_from(&decoded).unwrap();
    c.bench_function("iso8583/encode", |b| b.iter(|| black_box(&built).encode()));
}

/// How many messages a second the peer decodes; it prints that last.
fn pyiso8583() -> f64 {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let golden = "actors/src/wire/iso8583/golden";
    let ran = Command::new(peers.join(".venv/bin/python"))
        .arg(peers.join("iso8583/check.py"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden))
        .arg("--bench")
        .output()
        .expect("`make peers` installs pyiso8583");
    let said = String::from_utf8_lossy(&ran.stdout);
    let figure = said.lines().last().and_then(|line| line.split(' ').next());
    let figure = figure.and_then(|figure| figure.parse().ok());
    figure.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&ran.stderr)))
}

/// Beside another codec, both on one core: the median of five tries of a fifth of a second.
fn codecs() {
    let message = purchase();
    let once = || {
        let (mut count, began) = (0_u32, Instant::now());
        while began.elapsed().as_millis() < 200 {
            for _ in 0..1_000 {
                black_box(iso8583::Decoded::decode(black_box(&message)).unwrap());
            }
            count += 1_000;
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    };
    let mut tries: Vec<f64> = (0..5).map(|_| once()).collect();
    tries.sort_by(f64::total_cmp);
    publish(&[Row::new(
        "an ISO 8583 purchase decoded",
        tries[2],
        "messages/s",
        "pyiso8583 in the same run",
        pyiso8583(),
    )]);
}

fn purchase() -> Vec<u8> {
    let digits = include_str!("../../actors/src/wire/iso8583/golden/purchase.hex").trim();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn qr(c: &mut Criterion) {
    let build = || {
        MerchantQrBuilder::new(
            Initiation::Dynamic,
            "5311",
            156,
            "CN",
            "Demo store",
            "Shanghai",
        )
        .account(2, "4000123456789012")
        .amount(Money::from_minor_units(1_250, Currency::Cny).unwrap())
        .build()
        .unwrap()
    };
    let text = build().encode();
    let style = QrStyle::default();
    c.bench_function("qr/build", |b| b.iter(build));
    c.bench_function("qr/parse", |b| {
        b.iter(|| MerchantQr::parse(black_box(&text)).unwrap())
    });
    c.bench_function("qr/render svg", |b| {
        b.iter(|| svg(black_box(&text), &style).unwrap())
    });
    c.bench_function("qr/render png", |b| {
        b.iter(|| png(black_box(&text), &style).unwrap())
    });
}

criterion_group!(parts, records, lives, wire, card_host, qr);

fn main() {
    parts();
    Criterion::default().configure_from_args().final_summary();
    codecs();
}
