//! The console in a real browser, in front of a whole shop: what a cashier, a customer and a
//! manager see and do, from the first tile to 交易成功.

use std::time::Duration;

use fantoccini::Locator;
use store_controller::adapters::picture;
use store_sim::{
    acquirer::{Operation, Rule, Verdict},
    lab::{args::Args, shop::Shop},
};

use super::support::{chromium::Chromium, eventually};

const ALIPAY: &str = "289431869362714645";
/// The counter waits for the customer: before that the scanner is not armed.
const COLLECTING: &str = "[data-state=collecting] .words";
const PATIENCE: Duration = Duration::from_secs(20);

/// A calm shop and someone who looks at it.
struct Scene {
    shop: Shop,
    browser: Chromium,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn open(width: u32, height: u32, language: &str) -> Self {
        Self::open_at(&Args::calm(2), width, height, language).await
    }

    async fn open_at(args: &Args, width: u32, height: u32, language: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(args, folder.path()).await.unwrap();
        Self {
            shop,
            browser: Chromium::open(width, height, language).await,
            folder,
        }
    }

    /// One counter with a card reader, on a tablet.
    async fn open_with_reader(language: &str) -> Self {
        let args = Args {
            no_readers: false,
            ..Args::calm(1)
        };
        Self::open_at(&args, 800, 1280, language).await
    }

    async fn go(&self, path: &str) {
        let url = format!("http://{}{path}", self.shop.listen);
        self.browser.page.goto(&url).await.unwrap();
    }

    /// The cashier types an amount and chooses a way of paying.
    async fn take(&self, amount: &str, tender: &str) {
        self.browser.type_into("#amount", amount).await;
        let button = format!("button[value={tender}]");
        self.browser.click(&button).await;
    }

    async fn close(self) {
        let complaints = self.browser.complaints().await;
        // at the lab's speed a QR may die between a page and its picture
        let complaints = complaints.iter().filter(|line| !line.contains("/qr.svg"));
        let complaints: Vec<_> = complaints.collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        drop(self.browser);
        self.shop.close().await.unwrap();
        drop(self.folder);
    }
}

#[tokio::test]
async fn a_cashier_takes_money_each_way_and_gives_it_back() {
    let scene = Scene::open(1920, 1080, "en").await;
    let (browser, counter) = (&scene.browser, &scene.shop.counters[0]);
    scene.go("/").await;
    browser.click("[data-counter='01'] a").await;

    // the customer shows a code
    scene.take("12.50", "customer_code").await;
    browser
        .shows(COLLECTING, "Please show your payment code")
        .await;
    counter.scanner.scan(ALIPAY).await.unwrap();
    browser.shows(".good .words", "Approved").await;
    browser.shows(".good .sum", "12.50").await;
    let heard = browser
        .script("return document.documentElement.dataset.heard")
        .await;
    assert_eq!(heard, "success");

    // the customer scans a QR
    browser.click("[data-next]").await;
    scene.take("3.00", "merchant_qr").await;
    let shown = eventually("the QR is drawn", || async {
        let drawn = "return document.querySelector('.qr')?.naturalWidth > 0";
        browser.script(drawn).await.as_bool().filter(|drawn| *drawn)
    });
    shown.await;
    let list = scene.shop.till.get("/v1/payments?limit=1").await.unwrap();
    let qr = list["payments"][0]["qr"]["text"].as_str().unwrap();
    scene.shop.acquirer.customers().pay(qr, "wechat").unwrap();
    browser.shows(".good .words", "Approved").await;

    // and gets it back
    browser.click(".actions a").await;
    browser.shows(".steps", "Submitted").await;
    browser.click("[data-refund] button").await;
    browser.shows(".steps", "Refunded").await;
    scene.close().await;
}

/// Far below the store's own limit.
#[tokio::test]
async fn the_acquirer_asks_for_a_signature_and_the_slip_says_that_it_was_given() {
    let scene = Scene::open_with_reader("zh-CN").await;
    let (browser, counter) = (&scene.browser, &scene.shop.counters[0]);
    let rule = Rule::on(Operation::Card).verdict(Verdict::Sign).times(1);
    scene.shop.acquirer.rules().add(rule).unwrap();
    let taken = scene
        .shop
        .till
        .open("signed", "01", "5.00", "card")
        .await
        .unwrap();
    let id = taken["id"].as_str().unwrap();
    scene.go("/counter/01").await;
    browser.shows(COLLECTING, "请刷卡").await;
    let card = counter.card.as_ref().unwrap();
    card.insert().await;
    browser.shows(".good .words", "交易成功").await;
    card.remove().await;
    let asked = scene.shop.till.payment(id).await.unwrap();
    assert_eq!(asked["wants_signature"], true, "{asked}");
    assert_eq!(asked["presented"]["card_kind"], "debit", "{asked}");
    browser.sign("[data-pad] canvas").await;
    browser.click("[data-done]").await;
    let slip = counter
        .terminal
        .until(PATIENCE, |state| state.slips.len() == 1)
        .await
        .unwrap();
    assert!(slip.slips[0].lines.iter().any(|line| line == "已电子签名"));
    // the story says who asked for it, and of which kind the card is
    scene.go(&format!("/payments/{id}")).await;
    browser.shows(".steps", "to be signed for").await;
    browser.shows(".facts", "借记卡").await;
    // and the next one is not signed for
    scene
        .shop
        .till
        .open("unsigned", "01", "5.00", "card")
        .await
        .unwrap();
    scene.go("/counter/01").await;
    browser.shows(COLLECTING, "请刷卡").await;
    card.insert().await;
    browser.shows(".good .words", "交易成功").await;
    let list = scene.shop.till.get("/v1/payments?limit=1").await.unwrap();
    assert_eq!(list["payments"][0]["wants_signature"], false);
    scene.close().await;
}

#[tokio::test]
async fn money_is_held_by_a_card_and_a_part_of_it_taken_from_the_payments_page() {
    let scene = Scene::open_with_reader("en").await;
    let (browser, counter) = (&scene.browser, &scene.shop.counters[0]);
    scene.go("/counter/01").await;
    browser.type_into("#amount", "90.00").await;
    browser.click("button[data-hold]").await;
    browser.shows(COLLECTING, "Please present your card").await;
    let card = counter.card.as_ref().unwrap();
    card.insert().await;
    browser.shows(".good .words", "Amount held").await;
    card.remove().await;
    browser.shows(".advice", "Nothing was charged yet").await;

    // days later, on the payment's page
    browser.click(".actions a").await;
    let list = scene.shop.till.get("/v1/payments?limit=1").await.unwrap();
    let held = list["payments"][0]["id"].as_str().unwrap().to_owned();
    let of_the_bill = "document.querySelector('[data-complete] input').value = '72.50'";
    browser.script(of_the_bill).await;
    browser.click("[data-complete] button.primary").await;
    browser.shows(".mark", "Taken by its completion").await;
    browser.click(".facts a").await;
    browser.shows(".good .words", "Approved").await;
    browser.shows(".good .sum", "72.50").await;
    let taken = scene.shop.till.get("/v1/payments?limit=1").await.unwrap();
    assert_eq!(taken["payments"][0]["completes"], held);
    scene.close().await;
}

#[tokio::test]
async fn a_customer_signs_for_a_card_on_the_screen() {
    let scene = Scene::open_with_reader("en").await;
    let (browser, counter) = (&scene.browser, &scene.shop.counters[0]);
    scene.go("/counter/01").await;
    scene.take("250.00", "card").await;
    browser.shows(COLLECTING, "Please present your card").await;
    let card = counter.card.as_ref().unwrap();
    card.insert().await;
    browser.shows(".good .words", "Approved").await;
    card.remove().await;
    browser.shows(".pad", "Please sign below").await;
    browser.sign("[data-pad] canvas").await;
    browser.click("[data-done]").await;
    eventually("the signature is shown", || async {
        let drawn = "return document.querySelector('.signature')?.naturalWidth > 0";
        browser.script(drawn).await.as_bool().filter(|drawn| *drawn)
    })
    .await;
    let list = scene.shop.till.get("/v1/payments?limit=1").await.unwrap();
    let payment = &list["payments"][0];
    assert_eq!(payment["wants_signature"], false);
    assert!(payment["signature"]["svg"].is_string());
    // the terminal asks no more, and its slip says how it was signed
    let slip = counter
        .terminal
        .until(PATIENCE, |state| {
            state.question.is_none() && state.slips.len() == 1
        })
        .await
        .unwrap();
    assert!(slip.slips[0].lines.iter().any(|line| line == "已电子签名"));
    browser.click(".actions a").await;
    browser.shows(".slip", "已电子签名").await;
    scene.close().await;
}

#[tokio::test]
async fn a_payment_keeps_its_place_over_a_reload_and_a_killed_controller() {
    let scene = Scene::open(800, 900, "zh-CN").await;
    let (browser, counter) = (&scene.browser, &scene.shop.counters[0]);
    scene.go("/counter/01").await;
    scene.take("8.80", "customer_code").await;
    browser.shows(COLLECTING, "请出示付款码").await;
    browser.page.refresh().await.unwrap();
    browser.shows(COLLECTING, "请出示付款码").await;
    counter.scanner.scan(ALIPAY).await.unwrap();
    browser.shows(".good .words", "交易成功").await;
    {
        let mut controller = scene.shop.controller.lock().await;
        controller.kill().await.unwrap();
        browser.shows("#lost", "连接已断开").await;
        controller.start().unwrap();
    }
    browser.shows(".good .words", "交易成功").await;
    browser.click("[data-next]").await;
    let free = eventually("the next customer can pay", || async {
        browser.page.find(Locator::Css("[data-take]")).await.ok()
    });
    free.await;
    // what the browser says of the lost connection is expected here
    let policy = browser.complaints().await.into_iter();
    let policy: Vec<_> = policy
        .filter(|line| line.contains("Content Security"))
        .collect();
    assert!(policy.is_empty(), "{policy:?}");
    scene.close().await;
}

#[tokio::test]
async fn a_picture_of_the_code_does_where_the_scanner_does_not() {
    let scene = Scene::open(800, 900, "en").await;
    scene.go("/counter/02").await;
    scene.take("5.00", "customer_code").await;
    scene
        .browser
        .shows(COLLECTING, "Please show your payment code")
        .await;
    let png = picture::png(ALIPAY, &picture::QrStyle::default()).unwrap();
    let file = scene.folder.path().join("code.png");
    std::fs::write(&file, png).unwrap();
    let path = file.display().to_string();
    let chosen = eventually("the picture is chosen", || async {
        let input = scene
            .browser
            .page
            .find(Locator::Css("[data-picture]"))
            .await
            .ok()?;
        input.send_keys(&path).await.ok()
    });
    chosen.await;
    scene.browser.shows(".good .words", "Approved").await;
    scene.close().await;
}

#[tokio::test]
async fn the_customer_sees_what_to_do_and_how_it_ended_on_a_phone() {
    let scene = Scene::open(390, 844, "zh-CN").await;
    scene.go("/counter/01?face=customer").await;
    scene.browser.shows(".words", "欢迎光临").await;
    let opened = scene.shop.till.open("k1", "01", "6.60", "customer_code");
    opened.await.unwrap();
    scene.browser.shows(COLLECTING, "请出示付款码").await;
    let buttons = scene.browser.page.find_all(Locator::Css("#panel button"));
    assert!(
        buttons.await.unwrap().is_empty(),
        "a customer presses nothing"
    );
    scene.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    scene.browser.shows(".good .words", "交易成功").await;
    scene.close().await;
}

/// Each page in both languages, at a desk and on a phone; `make shots` keeps pictures of them.
#[tokio::test]
async fn every_page_fits_a_desk_and_a_phone_in_both_languages() {
    let scene = Scene::open(1366, 900, "en").await;
    let (till, browser) = (&scene.shop.till, &scene.browser);
    let opened = till.open("s1", "01", "18.00", "customer_code").await;
    let id = opened.unwrap()["id"].as_str().unwrap().to_owned();
    till.until(&id, PATIENCE, |payment| payment["state"] == "collecting")
        .await
        .unwrap();
    scene.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    till.until(&id, PATIENCE, |payment| payment["state"] == "approved")
        .await
        .unwrap();
    till.open("s2", "02", "27.30", "merchant_qr").await.unwrap();
    scene.go("/office/shifts").await;
    browser.type_into("[name=float]", "200.00").await;
    browser.click("form[method=post] button").await;
    browser.shows("h1", "01/1").await;
    let story = format!("/payments/{id}");
    let pages = [
        ("store", "/"),
        ("counter", "/counter/01"),
        ("counter-qr", "/counter/02"),
        ("customer", "/counter/02?face=customer"),
        ("payments", "/payments"),
        ("payment", &story),
        ("unknown", "/unknown"),
        ("outbox", "/outbox"),
        ("device", "/devices/01-terminal"),
        ("office", "/office?by=tender&then=scheme"),
        ("office-comparison", "/office/comparison"),
        ("office-fees", "/office/fees"),
        ("office-shifts", "/office/shifts"),
        ("office-shift", "/office/shifts/01"),
        ("office-days", "/office/days"),
        ("office-differences", "/office/differences"),
    ];
    for (language, width, height) in [("en", 1366, 900), ("zh-CN", 390, 844)] {
        scene.go(&format!("/language/{language}?back=/")).await;
        browser.page.set_window_size(width, height).await.unwrap();
        for (name, path) in pages {
            scene.go(path).await;
            let lang = browser.script("return document.documentElement.lang").await;
            assert_eq!(lang, language, "{path}");
            let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(fits).await, true, "{path} at {width}");
            let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]),select,button,img,progress')].filter(e => \
                !(e.labels?.length || e.ariaLabel || e.alt || e.textContent.trim())).length";
            assert_eq!(
                browser.script(unnamed).await,
                0,
                "{path}: a control without a name"
            );
            if let Some(folder) = std::env::var_os("SHOTS") {
                let png = browser.page.screenshot().await.unwrap();
                let file = std::path::Path::new(&folder).join(format!("{name}-{language}.png"));
                std::fs::write(file, png).unwrap();
            }
        }
    }
    let weight = "return performance.getEntriesByType('resource').concat(\
        performance.getEntriesByType('navigation')).reduce((sum, e) => sum + e.encodedBodySize, 0)";
    scene.go("/").await;
    let charts = "return [...document.querySelectorAll('.charts [role=img]')].filter(e => \
        e.ariaLabel && e.querySelector('svg').getBoundingClientRect().width > 200).length";
    assert_eq!(
        browser.script(charts).await,
        3,
        "charts that are drawn and said"
    );
    let bytes = browser.script(weight).await.as_u64().unwrap();
    assert!(
        (1..150_000).contains(&bytes),
        "the first page weighs {bytes} bytes"
    );
    scene.close().await;
}
