//! Printed QRs through the real programs: issued, printed, scanned and paid, told of by each
//! provider in its own protocol, and in every book once.

use std::{fs, path::Path, process::Command, time::Duration};

use rust_decimal::Decimal;
use serde_json::Value;
use store_controller::adapters::picture::{self, PictureLimits, PictureReader, QrStyle};
use store_sim::{
    acquirer::{Connection, Delivery, Operation, Rule, alipay},
    device::DeviceError,
    lab::{
        acquirers::Acquirers,
        args::Args,
        shop::Shop,
        till::{has_ended, state},
    },
};

use tokio::task::spawn_blocking;

use super::{pdf::Paper, support::eventually};

const PATIENCE: Duration = Duration::from_secs(20);

/// A calm shop that speaks the providers' own protocols.
async fn open(seed: u64, folder: &Path) -> Shop {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Args {
        acquirers: Acquirers::Real,
        seed,
        ..Args::calm(2)
    };
    Shop::open(&args, folder).await.unwrap()
}

/// The text of the counter's sticker that begins so.
async fn sticker(shop: &Shop, counter: &str, begins: &str) -> String {
    let stickers = shop.till.stickers(counter).await.unwrap();
    let found = stickers.iter().find(|text| text.starts_with(begins));
    found
        .unwrap_or_else(|| panic!("{begins} in {stickers:?}"))
        .clone()
}

/// The store's business day.
fn today() -> String {
    let now = jiff::tz::Offset::constant(8).to_datetime(jiff::Timestamp::now());
    now.strftime("%Y-%m-%d").to_string()
}

fn yuan(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A customer pays 8.80 at this sticker; gives the payment once it has ended, and its order.
async fn pay(shop: &Shop, counter: &str, text: &str) -> (Value, String) {
    let paid = shop
        .acquirer
        .customers()
        .pay_sticker(text, yuan("8.80"), "passer-by")
        .unwrap();
    let transaction = paid.reference.unwrap();
    let told = shop
        .till
        .until_told(counter, &transaction, PATIENCE)
        .await
        .unwrap();
    let told = told.unwrap_or_else(|| panic!("{transaction} was never told of"));
    let id = told["id"].as_str().unwrap();
    let ended = shop.till.until(id, PATIENCE, has_ended).await.unwrap();
    (ended, paid.order)
}

/// Payments that began at a sticker.
async fn claims(shop: &Shop) -> Vec<Value> {
    let page = shop.till.get("/v1/payments?limit=500").await.unwrap();
    let all = page["payments"].as_array().unwrap().clone();
    all.into_iter()
        .filter(|one| one["claim"].is_object())
        .collect()
}

async fn taken(shop: &Shop, count: u64) {
    eventually("the letters to be taken", || async {
        let (waiting, _, taken) = shop.acquirer.letters();
        (waiting == 0 && taken >= count).then_some(())
    })
    .await;
}

async fn metric(shop: &Shop, line: &str) -> u64 {
    let page = shop.till.text("/metrics").await.unwrap();
    let found = page.lines().find_map(|known| known.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

/// Every record at the head office, and every payment as the acquirer's ledger has it.
async fn books_agree(shop: &Shop) {
    eventually("the head office to have all", || async {
        let outbox = shop.till.get("/v1/outbox").await.unwrap();
        let stores = shop.head_office_till.get("/v1/stores").await.unwrap();
        let store = &stores["items"][0];
        let is_whole = store["watermark"] == outbox["last_seq"] && store["missing"] == 0;
        (outbox["depth"] == 0 && is_whole).then_some(())
    })
    .await;
    let ledger = shop.acquirer.ledger();
    ledger.audit().unwrap();
    let claims = claims(shop).await;
    assert_eq!(ledger.orders().len(), claims.len(), "{claims:?}");
    for payment in &claims {
        let order = ledger.order(payment["claim"]["order"].as_str().unwrap());
        let order = order.unwrap();
        assert_eq!(
            order.charged.to_string(),
            payment["amount"].as_str().unwrap()
        );
    }
}

#[tokio::test]
async fn a_customer_pays_at_each_providers_printed_qr_and_every_book_has_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(1, folder.path()).await;
    let terminal = &shop.counters[0].terminal;
    let providers = [
        ("https://qr.alipay.com/", "alipay", "alipay"),
        ("wxp://", "wechat", "wechat_pay"),
        ("000201", "unionpay-qr", "union_pay"),
    ];
    for (begins, acquirer, scheme) in providers {
        let text = sticker(&shop, "01", begins).await;
        let (payment, order) = pay(&shop, "01", &text).await;
        assert_eq!(state(&payment), "approved", "{payment}");
        assert_eq!(payment["counter"], "01");
        assert_eq!(payment["amount"], "8.80");
        assert_eq!(payment["acquirer"], acquirer);
        assert_eq!(payment["origin"], "sticker");
        assert_eq!(payment["presented"]["scheme"], scheme);
        assert_eq!(payment["claim"]["order"], order.as_str());
        assert_eq!(payment["claim"]["matched"], true);
        let asked = payment["evidence"].as_array().unwrap();
        assert_eq!(asked.len(), 1, "{payment}");
        assert_eq!(asked[0]["operation"], "query", "never charged: {payment}");
    }
    let said = terminal.until(PATIENCE, |shown| {
        let has = |line: &String| line.contains("交易成功");
        shown.screen.iter().any(has) && shown.slips.len() == 3 && shown.sounds.len() >= 3
    });
    let told: Result<_, DeviceError> = said.await;
    told.expect("the terminal says it, sounds and prints a slip for each");

    // told of again, nothing is booked twice
    taken(&shop, 3).await;
    assert_eq!(claims(&shop).await.len(), 3);
    let day = today();
    let path = format!("/v1/office/statement?from={day}&to={day}&by=tender");
    let statement = shop.till.get(&path).await.unwrap();
    assert!(statement.to_string().contains("26.40"), "{statement}");

    // money goes back the way it came
    for payment in claims(&shop).await {
        let id = payment["id"].as_str().unwrap();
        let key = format!("back-{id}");
        shop.till.refund(&key, id, "8.80").await.unwrap();
        let refunded = eventually("the refund", || async {
            let payment = shop.till.payment(id).await.unwrap();
            (payment["refunds"][0]["state"] == "refunded").then_some(payment)
        })
        .await;
        let order = refunded["claim"]["order"].as_str().unwrap();
        let order = shop.acquirer.ledger().order(order).unwrap();
        assert!(order.net().is_zero(), "{order:?}");
    }
    books_agree(&shop).await;
    shop.close().await.unwrap();
}

#[tokio::test]
async fn what_is_told_twice_late_lost_or_wrongly_signed_is_booked_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(2, folder.path()).await;
    let bad = [
        ("duplicate", Delivery::Duplicate),
        ("late", Delivery::Late { ms: 4_000 }),
        (
            "lost",
            Delivery::Silence {
                money_moved: false,
                connection: Connection::Drop,
            },
        ),
        ("forged", Delivery::WrongSignature),
    ];
    for begins in ["https://qr.alipay.com/", "wxp://", "000201"] {
        let text = sticker(&shop, "02", begins).await;
        for (name, delivery) in bad.clone() {
            let mut rule = Rule::on(Operation::Notification)
                .delivery(delivery)
                .times(1);
            rule.name = format!("{begins} {name}");
            shop.acquirer.rules().add(rule).unwrap();
            let (payment, _) = pay(&shop, "02", &text).await;
            assert_eq!(state(&payment), "approved", "{begins} {name}: {payment}");
        }
    }
    taken(&shop, 12).await;
    assert_eq!(claims(&shop).await.len(), 12);
    let numbers: Vec<u64> = claims(&shop)
        .await
        .iter()
        .map(|payment| payment["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>(), "without gaps");
    for acquirer in ["alipay", "wechat", "unionpay-qr"] {
        let counted = |outcome| {
            format!(r#"store_notifications_total{{acquirer="{acquirer}",outcome="{outcome}"}}"#)
        };
        assert_eq!(metric(&shop, &counted("opened")).await, 4, "{acquirer}");
        assert_eq!(metric(&shop, &counted("forged")).await, 1, "{acquirer}");
        assert_eq!(metric(&shop, &counted("repeated")).await, 1, "{acquirer}");
    }
    books_agree(&shop).await;
    shop.close().await.unwrap();
}

#[tokio::test]
async fn killed_between_the_claim_and_the_approval_it_is_approved_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(1, folder.path()).await;
    let text = sticker(&shop, "01", "https://qr.alipay.com/").await;
    let silent = Delivery::Silence {
        money_moved: false,
        connection: Connection::Hold,
    };
    let rule = Rule::on(Operation::Query).delivery(silent);
    shop.acquirer.rules().add(rule).unwrap();
    let customers = shop.acquirer.customers();
    let paid = customers.pay_sticker(&text, yuan("8.80"), "x").unwrap();
    let transaction = paid.reference.unwrap();
    let told = shop
        .till
        .until_told("01", &transaction, PATIENCE)
        .await
        .unwrap();
    let told = told.unwrap();
    assert!(!has_ended(&told), "{told}");
    {
        let mut controller = shop.controller.lock().await;
        controller.kill().await.unwrap();
        shop.acquirer.rules().clear();
        controller.start().unwrap();
    }
    let id = told["id"].as_str().unwrap();
    let ended = eventually("the store to be back", || async {
        let payment = shop.till.payment(id).await.ok()?;
        has_ended(&payment).then_some(payment)
    })
    .await;
    assert_eq!(state(&ended), "approved", "{ended}");
    taken(&shop, 1).await;
    assert_eq!(claims(&shop).await.len(), 1);
    books_agree(&shop).await;
    shop.close().await.unwrap();
}

#[tokio::test]
async fn money_with_an_unknown_label_is_kept_and_shown_and_no_terminal_says_success() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(1, folder.path()).await;
    let text = "https://qr.alipay.com/sandbox?sticker=77-NOBODYS";
    let (payment, _) = pay(&shop, "01", text).await;
    assert_eq!(state(&payment), "approved");
    assert_eq!(payment["claim"]["matched"], false);
    assert_eq!(payment["claim"]["label"], "77-NOBODYS");
    let counted = r#"store_notifications_total{acquirer="alipay",outcome="unmatched"}"#;
    assert_eq!(metric(&shop, counted).await, 1);
    let shown = shop.counters[0].terminal.state();
    assert!(shown.slips.is_empty(), "{shown:?}");
    books_agree(&shop).await;
    shop.close().await.unwrap();
}

#[tokio::test]
async fn a_notification_of_the_stores_own_order_only_wakes_the_resolver() {
    let folder = tempfile::tempdir().unwrap();
    // the seed whose QRs are Alipay's
    let shop = open(1, folder.path()).await;
    let opened = shop.till.open("basket", "01", "12.50", "merchant_qr").await;
    let id = opened.unwrap()["id"].as_str().unwrap().to_owned();
    let has_qr = |payment: &Value| payment["qr"]["text"].is_string();
    let shown = shop.till.until(&id, PATIENCE, has_qr).await.unwrap();
    // rightly signed, and not true: nobody has paid
    let door = shop.door.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |body: String| {
        let request = http
            .post(format!("http://{door}/alipay"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let told = alipay::notification(&id, 1250, None);
    assert_eq!(post(told.clone()).await, (200, "success".to_owned()));
    let payment = shop.till.payment(&id).await.unwrap();
    assert_eq!(state(&payment), "submitted", "{payment}");
    // in one bit another, for another application, and far too long
    let forged = told.replace("total_amount=12.50", "total_amount=12.51");
    assert_eq!(post(forged).await.0, 401);
    assert_eq!(post("x".repeat(80_000)).await.0, 413);
    let nowhere = http.post(format!("http://{door}/nobody")).body(told);
    assert_eq!(nowhere.send().await.unwrap().status().as_u16(), 404);
    let qr = shown["qr"]["text"].as_str().unwrap();
    shop.acquirer.customers().pay(qr, "alipay").unwrap();
    let paid = shop.till.until(&id, PATIENCE, has_ended).await.unwrap();
    assert_eq!(state(&paid), "approved", "{paid}");
    shop.close().await.unwrap();
}

/// What zbarimg reads, sorted.
fn codes_of(picture: &Path) -> Vec<String> {
    let ran = Command::new("zbarimg")
        .args(["--raw", "-q"])
        .arg(picture)
        .output();
    let ran = ran.expect("`make test` installs zbar-tools");
    let read = String::from_utf8(ran.stdout).unwrap();
    let mut codes: Vec<String> = read.lines().map(str::to_owned).collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn the_sheet_is_printed_with_what_was_issued_before() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(1, folder.path()).await;
    let print = |name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        let ran = Command::new(env!("CARGO_BIN_EXE_store-controller"))
            .args(["qr", "--counter", "01", "--out"])
            .arg(&file)
            .args(more)
            .arg("--config")
            .arg(folder.path().join("store.toml"))
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        (
            fs::read(file).unwrap(),
            String::from_utf8(ran.stdout).unwrap(),
        )
    };
    let (svg, said) = print("sheet.svg", &[]);
    let svg = String::from_utf8(svg).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    for line in said.lines() {
        let label = line.rsplit(' ').next().unwrap();
        assert!(svg.contains(label), "{label} in {svg}");
    }
    for words in ["柜台 Counter 01", "支付宝", "微信支付", "UnionPay"] {
        assert!(svg.contains(words), "{words} in {svg}");
    }
    // again, and in another form, the same stickers
    let (png, again) = print("sheet.png", &[]);
    assert_eq!(again, said);
    let mut issued = shop.till.stickers("01").await.unwrap();
    issued.sort();
    assert_eq!(codes_of(&folder.path().join("sheet.png")), issued);
    // and on paper, as a printer's own program draws it
    let (pdf, _) = print("sheet.pdf", &[]);
    let paper = Paper::new(&pdf);
    paper.check();
    let text = paper.text();
    for words in ["Counter 01", "支付宝", "WeChat Pay"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let drawn = folder.path().join("sheet");
    let ran = Command::new("pdftoppm")
        .args(["-r", "150", "-png", "-singlefile"])
        .arg(folder.path().join("sheet.pdf"))
        .arg(&drawn)
        .status()
        .expect("`make test` installs poppler-utils");
    assert!(ran.success());
    assert_eq!(codes_of(&drawn.with_extension("png")), issued);
    let reader = PictureReader::new(PictureLimits::default());
    let mut read = reader.read(png.clone().into()).await.unwrap();
    read.sort();
    assert_eq!(read, issued);
    for (picture, seen) in [
        (png, "own"),
        (
            picture::png("wxp://f2f0-somebody-else", &QrStyle::default()).unwrap(),
            "swapped",
        ),
    ] {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let path = format!("http://{}/v1/counters/01/sticker-image", shop.listen);
        let request = http
            .post(path)
            .header("content-type", "image/png")
            .body(picture);
        let said: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(said["seen"], seen, "{said}");
    }
    assert_eq!(
        metric(&shop, r#"store_sticker_alarm{counter="01"}"#).await,
        1
    );
    let page = shop.till.text("/").await.unwrap();
    assert!(page.contains("不是本店发放的"), "{page}");
    let (_, anew) = print("new.svg", &["--anew", "--acquirer", "alipay"]);
    assert!(!said.contains(anew.trim()), "{anew}");
    // what a store no longer looks for is still paid to its counter
    let old = issued
        .iter()
        .find(|text| text.starts_with("https://qr.alipay"));
    let (payment, _) = pay(&shop, "01", old.unwrap()).await;
    assert_eq!(state(&payment), "approved");
    let unknown = Command::new(env!("CARGO_BIN_EXE_store-controller"))
        .args(["qr", "--counter", "99", "--out"])
        .arg(folder.path().join("99.svg"))
        .arg("--config")
        .arg(folder.path().join("store.toml"))
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    shop.close().await.unwrap();
}

#[tokio::test]
async fn the_providers_bills_are_fetched_and_say_the_same_of_stickers_refunds_included() {
    let folder = tempfile::tempdir().unwrap();
    let shop = open(1, folder.path()).await;
    for begins in ["https://qr.alipay.com/", "wxp://"] {
        let text = sticker(&shop, "01", begins).await;
        let (payment, _) = pay(&shop, "01", &text).await;
        assert_eq!(state(&payment), "approved");
        pay(&shop, "01", &text).await;
        let id = payment["id"].as_str().unwrap();
        shop.till
            .refund(&format!("back-{id}"), id, "3.00")
            .await
            .unwrap();
        eventually("the refund", || async {
            let payment = shop.till.payment(id).await.unwrap();
            (payment["refunds"][0]["state"] == "refunded").then_some(())
        })
        .await;
    }
    let today = today();
    let bills = folder.path().join("bills");
    for (acquirer, extension) in [("alipay", "zip"), ("wechat", "csv")] {
        let file = bills.join(acquirer).join(format!("{today}.{extension}"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_store-controller"));
        command
            .args(["bill", "--acquirer", acquirer, "--day", &today, "--out"])
            .arg(&file)
            .arg("--config")
            .arg(folder.path().join("store.toml"));
        // the sandboxes answer from this thread
        let ran = spawn_blocking(move || command.output()).await;
        let ran = ran.unwrap().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
    let read = eventually("both bills to be compared", || async {
        let told = shop.till.get("/v1/office/differences").await.unwrap();
        let bills = told["bills"].as_array().unwrap().clone();
        (bills.len() == 2).then_some(told)
    })
    .await;
    for bill in read["bills"].as_array().unwrap() {
        assert_eq!(
            (&bill["lines"], &bill["matched"]),
            (&3.into(), &3.into()),
            "{read:#}"
        );
    }
    assert_eq!(
        read["differences"].as_array().map(Vec::len),
        Some(0),
        "{read:#}"
    );
    shop.close().await.unwrap();
}
