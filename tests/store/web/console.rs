//! The console's pages in front of a store that answers from a script.

use reqwest::StatusCode;
use store_actors::{
    counter::CounterStatus, domain::payment::State, ports::WallClock as _, store::requests::Refused,
};
use store_controller::adapters::clock::SystemClock;

use super::shop::{Shop, payment};

#[actix_web::test]
async fn a_page_comes_in_the_visitors_language_and_under_a_strict_policy() {
    let shop = Shop::open().await;
    for (wanted, said) in [("zh-TW,zh;q=0.9", "门店"), ("en-GB,en;q=0.9", "Store")] {
        let request = shop.request("GET", "/").header("accept-language", wanted);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let page = answer.text().await.unwrap();
        assert!(page.contains(said), "{page}");
        assert!(
            !page.contains("<script>") && !page.contains("style="),
            "nothing is inline"
        );
    }
    // what was chosen goes before what the browser prefers
    let chosen = shop
        .request("GET", "/unknown")
        .header("cookie", "language=en");
    let page = chosen
        .header("accept-language", "zh-CN")
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("Nothing is unknown"));
}

#[actix_web::test]
async fn what_is_not_there_is_said_so() {
    let shop = Shop::open().await;
    for path in [
        "/counter/99",
        "/assets/../config.rs",
        "/assets/none.js",
        "/language/xx",
    ] {
        let answer = shop.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let answer = shop.request("POST", "/unknown").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in [
        "/payments?day=2026-13-01",
        "/payments?state=gone",
        "/payments/not-an-id",
    ] {
        let answer = shop.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[actix_web::test]
async fn an_asset_that_has_not_changed_is_not_sent_again() {
    let shop = Shop::open().await;
    let first = shop.request("GET", "/assets/live.js").send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    assert!(first.text().await.unwrap().contains("EventSource"));
    let again = shop
        .request("GET", "/assets/live.js")
        .header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.bytes().await.unwrap().is_empty());
}

#[actix_web::test]
async fn another_sites_page_changes_nothing_here() {
    let shop = Shop::open().await;
    let waiting = || shop.told.lock().unwrap().refuse.len();
    shop.told
        .lock()
        .unwrap()
        .refuse
        .push_back(Refused::NoSuchPayment);
    let cancel = "/v1/payments/018f2a3b4c5d7e8f9a0b1c2d3e4f5a6b/cancel";
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let answer = shop
            .request("POST", cancel)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}");
        assert!(answer.text().await.unwrap().contains("cross-site"));
    }
    assert_eq!(waiting(), 1, "the store was not asked");
    let answer = shop.request("POST", cancel).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND, "a till is heard");
    assert_eq!(waiting(), 0);
}

/// The ids on a page of payments, and where the older ones are.
fn listed(page: &str) -> (Vec<String>, Option<String>) {
    let ids = page.split("<td><a href=\"/payments/").skip(1);
    let ids = ids.map(|rest| rest.split('"').next().unwrap().to_owned());
    let pages = page.split("<nav class=\"pages\"").nth(1).unwrap();
    let older = pages
        .split("href=\"")
        .skip(1)
        .find(|link| link.contains(">Older<"));
    let older = older.map(|link| link.split('"').next().unwrap().replace("&#38;", "&"));
    (ids.collect(), older)
}

#[actix_web::test]
async fn a_filter_goes_through_all_days_page_by_page_and_misses_nothing() {
    let shop = Shop::open().await;
    // years apart and seconds apart, every third of them at this counter
    let mut wanted = Vec::new();
    let mut ms = 0;
    let pauses = [900, 60_000, 4_000_000, 90_000_000, 20_000_000_000];
    for (nth, pause) in (0..400).zip(pauses.into_iter().cycle()) {
        ms += pause;
        let payment = super::shop::payment(ms, |opening| {
            let counter = if nth % 3 == 0 { "07" } else { "01" };
            opening.counter = counter.parse().unwrap();
        });
        if nth % 3 == 0 {
            wanted.push(payment.id.to_string());
        }
        shop.know(payment);
    }
    wanted.reverse();
    let mut next = Some("/payments?day=&counter=07".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let request = shop.request("GET", &path).header("accept-language", "en");
        let page = request.send().await.unwrap().text().await.unwrap();
        let (ids, older) = listed(&page);
        assert!(ids.len() <= 50, "{path}");
        found.extend(ids);
        next = older;
    }
    assert_eq!(found, wanted);
}

#[actix_web::test]
async fn a_reference_is_found_whatever_day_it_was() {
    let shop = Shop::open().await;
    let long_ago = super::shop::payment(1, |opening| opening.reference = Some("R-7".into()));
    shop.know(long_ago.clone());
    let path = "/payments?day=2020-01-01&text=R-7";
    let page = shop.request("GET", path).send().await.unwrap();
    let (ids, _) = listed(&page.text().await.unwrap());
    assert_eq!(ids, [long_ago.id.to_string()]);
}

#[actix_web::test]
async fn only_confirmed_money_is_said_aloud() {
    let shop = Shop::open().await;
    shop.told.lock().unwrap().counters = vec![CounterStatus::away("01".parse().unwrap())];
    for (state, is_said) in [
        (State::Approved, true),
        (State::Confirmed, true),
        (State::ApprovedOffline, false),
        (State::Authorised, false),
        (State::Unknown, false),
        (State::Declined, false),
    ] {
        let mut latest = payment(1, |_| {});
        latest.state = state;
        latest.opened_at = SystemClock.now();
        latest.changed_at = latest.opened_at;
        shop.know(latest);
        let page = shop.request("GET", "/counter/01").send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains("12.50"), "{state:?}: {page}");
        assert_eq!(page.contains("data-speech="), is_said, "{state:?}");
    }
}

/// WCAG 2.2, 1.4.3: 4.5 to 1, of each tone's words on what they stand on.
#[test]
fn words_stand_out_from_what_they_stand_on() {
    let style = include_str!("../../../src/web/console/assets/console.css");
    let colour = |name: &str| {
        let (_, value) = style.split_once(&format!("--{name}: #")).unwrap();
        let end = value.find(|c: char| !c.is_ascii_hexdigit()).unwrap();
        let short = &value[..end];
        let value: String = match short.len() {
            3 => short.chars().flat_map(|c| [c, c]).collect(),
            _ => short.to_owned(),
        };
        let light = |at: usize| {
            let part = f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
            match part <= 0.040_45 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * light(0) + 0.7152 * light(2) + 0.0722 * light(4)
    };
    for (words, ground) in [
        ("ink", "paper"),
        ("ink", "sheet"),
        ("quiet", "paper"),
        ("quiet", "sheet"),
        ("busy", "paper"),
        ("good", "good-soft"),
        ("busy", "busy-soft"),
        ("warning", "warning-soft"),
        ("bad", "bad-soft"),
    ] {
        let (words_light, ground_light) = (colour(words), colour(ground));
        let contrast = (ground_light + 0.05) / (words_light + 0.05);
        assert!(contrast >= 4.5, "{words} on {ground}: {contrast}");
    }
}
