//! How long the console's pages take in a store with that history: the real controller, asked one
//! page after the other over one connection, as a browser does, each as often as makes a p99.
//!
//! The peer is the bound that was promised. The first answer of each page is told apart: a month's
//! statement adds up its days once.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Client;
use store_actors::{domain::day::Day, ports::WallClock as _};
use store_controller::adapters::clock::SystemClock;

use super::{controller::Controller, report::Row, shop::Shop};

const BOUND_MS: f64 = 50.0;
const BOUND: &str = "the bound";
/// Of the business day in the built-in configuration.
const OFFSET_MINUTES: i32 = 480;
const TIMES: usize = 300;

/// A page, and whether its first piece is enough.
struct Page {
    name: &'static str,
    path: String,
    is_stream: bool,
}

pub fn rows(journal: &Path, payments: usize, shop: &Shop, times: Option<usize>) -> Vec<Row> {
    // the HTTP client wants one, even for an address without TLS
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut controller = Controller::start(journal, shop);
    controller.ready();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let times = times.unwrap_or(TIMES);
    runtime.block_on(async {
        let client = Client::builder().no_proxy().build().unwrap();
        let listen = format!("http://{}", controller.listen());
        let mut rows = Vec::new();
        for page in pages(&client, &listen).await {
            let url = format!("{listen}{}", page.path);
            let first = timed(&client, &url, page.is_stream).await;
            let mut took = Vec::with_capacity(times);
            for _ in 0..times {
                took.push(timed(&client, &url, page.is_stream).await);
            }
            took.sort();
            let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
            let at = |percent: usize| ms(took[(took.len() * percent / 100).min(took.len() - 1)]);
            println!(
                "{}: first {:.1} ms, p50 {:.1} ms",
                page.name,
                ms(first),
                at(50)
            );
            let name = format!("page {}, {payments} payments: p99", page.name);
            rows.push(Row::new(name, at(99), "ms", BOUND, BOUND_MS));
        }
        rows
    })
}

async fn pages(client: &Client, listen: &str) -> Vec<Page> {
    let url = format!("{listen}/v1/payments?limit=500");
    let answer = client.get(url).send().await.unwrap().bytes().await.unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let payment = listed["payments"].as_array().unwrap().last().unwrap();
    let text = |name: &str| payment[name].as_str().unwrap().to_owned();
    let today = Day::of(SystemClock.now(), OFFSET_MINUTES);
    let yesterday = today.plus(-1);
    let page = |name, path: String| Page {
        name,
        path,
        is_stream: false,
    };
    let month = format!("from={}&to={today}", today.plus(-30));
    vec![
        page("of the store", "/".into()),
        page("of a counter", "/counter/0001".into()),
        page("of payments", "/payments".into()),
        page("of payments of all days", "/payments?day=".into()),
        page(
            "of payments, far back",
            format!("/payments?day=&before={}", text("id")),
        ),
        page(
            "of a counter's payments",
            "/payments?day=&counter=08".into(),
        ),
        page(
            "of payments that nobody finds",
            "/payments?day=&state=declined".into(),
        ),
        page(
            "of a search by reference",
            format!("/payments?text={}", text("reference")),
        ),
        page("of a payment's story", format!("/payments/{}", text("id"))),
        page("of what is unknown", "/unknown".into()),
        page("of the outbox", "/outbox".into()),
        page(
            "of a day's statement",
            format!("/office?from={yesterday}&to={yesterday}&by=tender&then=counter"),
        ),
        page(
            "of today's statement",
            format!("/office?from={today}&to={today}&by=tender&then=counter"),
        ),
        page(
            "of a month's statement",
            format!("/office?{month}&by=day&then=counter"),
        ),
        page(
            "of other rates for a month",
            format!("/office/comparison?{month}"),
        ),
        page(
            "of a month's statement on paper",
            format!("/office?{month}&by=day&format=pdf"),
        ),
        page("of shifts", "/office/shifts".into()),
        page("of differences", "/office/differences".into()),
        Page {
            name: "of all payments as CSV, first piece",
            path: "/payments?day=&format=csv".into(),
            is_stream: true,
        },
    ]
}

async fn timed(client: &Client, url: &str, is_stream: bool) -> Duration {
    let began = Instant::now();
    let mut answer = client.get(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    if is_stream {
        assert!(answer.chunk().await.unwrap().is_some());
        return began.elapsed();
    }
    assert!(!answer.bytes().await.unwrap().is_empty());
    began.elapsed()
}
