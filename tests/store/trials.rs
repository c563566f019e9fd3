//! Devices that somebody tries, on real serial lines: what is told, seen and heard, and that a
//! payment goes first.

use std::time::Duration;

use serde_json::{Value, json};
use store_sim::lab::{args::Args, shop::Shop};

use super::support::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

struct Scene {
    shop: Shop,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        Self {
            shop: Shop::open(&Args::calm(1), folder.path()).await.unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _folder: folder,
        }
    }

    async fn attempt(&self, device: &str, what: &str) -> (u16, Value) {
        let url = format!("http://{}/v1/devices/{device}/test", self.shop.listen);
        let asked = self.client.post(url).json(&json!({ "what": what })).send();
        let answer = asked.await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// Symbols are held before the scanner until the trial has its answer: it may not be armed yet.
    async fn read(&self, symbols: impl Fn(u32) -> String) -> (u16, Value) {
        let read = self.attempt("01-scanner", "read");
        let hold = async {
            for nth in 0.. {
                let scanner = &self.shop.counters[0].scanner;
                let before = scanner.state().scans;
                scanner.scan(&symbols(nth)).await.unwrap();
                let scanned = scanner.until(PATIENCE, |state| state.scans > before);
                scanned.await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! { answer = read => answer, () = hold => unreachable!("it goes on") }
    }
}

#[tokio::test]
async fn a_device_does_what_it_is_tried_with_and_a_payment_goes_first() {
    let scene = Scene::open().await;
    let terminal = &scene.shop.counters[0].terminal;
    eventually("the terminal is ready", || async {
        let (status, _) = scene.attempt("01-terminal", "display").await;
        (status == 200).then_some(())
    })
    .await;
    let shows = |state: &store_sim::device::terminal::TerminalState| {
        state
            .screen
            .iter()
            .any(|line| line.contains("this display works"))
    };
    terminal.until(PATIENCE, shows).await.unwrap();

    let heard = terminal.state().sounds.len();
    let (status, told) = scene.attempt("01-terminal", "beep").await;
    assert_eq!((status, told["outcome"].as_str()), (200, Some("told")));
    let sounds = terminal.until(PATIENCE, |state| state.sounds.len() > heard);
    sounds.await.unwrap();

    scene.attempt("01-terminal", "print").await;
    let printed = terminal.until(PATIENCE, |state| !state.slips.is_empty());
    printed.await.unwrap();

    let (status, told) = scene.read(|nth| format!("2894318693627{nth:05}")).await;
    let wanted = json!({ "what": "read", "outcome": "code", "scheme": "alipay" });
    assert_eq!((status, told), (200, wanted));
    let (_, told) = scene.read(|nth| format!("69012345{nth:05}")).await;
    assert_eq!(told, json!({ "what": "read", "outcome": "other_code" }));

    let (status, refused) = scene.attempt("01-scanner", "print").await;
    assert_eq!((status, kind(&refused)), (409, "device-cant"));
    let (status, refused) = scene.attempt("09-scanner", "read").await;
    assert_eq!((status, kind(&refused)), (404, "no-such-device"));

    let till = &scene.shop.till;
    let opened = till.open("t1", "01", "6.60", "customer_code").await;
    let id = opened.unwrap()["id"].as_str().unwrap().to_owned();
    for (device, what) in [("01-terminal", "beep"), ("01-scanner", "read")] {
        let (status, refused) = scene.attempt(device, what).await;
        assert_eq!((status, kind(&refused)), (409, "device-held"), "{device}");
    }
    till.cancel(&id).await.unwrap();

    // a payment that begins takes the scanner away from a trial under way
    let took = async {
        eventually("the counter is free", || async {
            till.open("t2", "01", "7.70", "customer_code").await.ok()
        })
        .await
    };
    let (overtaken, opened) = tokio::join!(scene.attempt("01-scanner", "read"), took);
    let told = overtaken.1;
    let is_first = told["outcome"] == "overtaken" || kind(&told) == "device-held";
    assert!(is_first, "{told}");
    till.cancel(opened["id"].as_str().unwrap()).await.unwrap();
    scene.shop.close().await.unwrap();
}

fn kind(problem: &Value) -> &str {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.rsplit(':').next().unwrap_or_default()
}
