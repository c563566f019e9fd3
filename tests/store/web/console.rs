//! The console's pages in front of a store that answers from a script.

use reqwest::StatusCode;
use store_actors::store::requests::Refused;

use super::shop::Shop;

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
