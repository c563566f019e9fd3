//! What the real controller takes in memory, with terminals that are there and do nothing.
//!
//! The terminals are the simulated ones of `store-sim`, on TCP, in this process.

use super::{
    controller::{Controller, bare_rss_mib, pause},
    report::Row,
    shop::Shop,
};

/// Ten seconds: each terminal was asked a few times how it is.
pub const SETTLE_PAUSES: usize = 2_000;

pub fn rows(terminals: &[usize], settle_pauses: usize) -> Vec<Row> {
    let bare = bare_rss_mib();
    let found: Vec<(usize, f64)> = terminals
        .iter()
        .map(|count| (*count, rss_mib(*count, settle_pauses)))
        .collect();
    let mut rows = Vec::new();
    let name = |count: usize| format!("memory of the controller, {count} idle terminals");
    for (count, rss) in &found {
        let peer = "an actix HTTP server alone";
        rows.push(Row::new(name(*count), *rss, "MiB", peer, bare));
    }
    if let (Some(first), Some(last)) = (found.first(), found.last())
        && first.0 < last.0
    {
        let each = (last.1 - first.1) * 1024.0 / (last.0 - first.0) as f64;
        let first_each = first.1 * 1024.0 / first.0 as f64;
        let peer = format!("all memory / {} terminals", first.0);
        let name = "memory per further idle terminal";
        rows.push(Row::new(name, each, "KiB", &peer, first_each));
    }
    rows
}

fn rss_mib(count: usize, settle_pauses: usize) -> f64 {
    let shop = Shop::open(count);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut controller = Controller::start(&dir.path().join("journal"), &shop);
    controller.ready();
    controller.until("/v1/devices", |devices| {
        devices.matches("\"state\":\"ready\"").count() >= count
    });
    for _ in 0..settle_pauses {
        pause();
    }
    controller.rss_mib()
}
