//! The page of a device: how it does, and what it was tried with.

use store_actors::{
    counter::trial::{NotTried, Trial},
    domain::timestamp::Timestamp,
    signal::{DeviceKind, DeviceStatus, Health, Signal},
    store::requests::Refused,
};

use super::shop::Shop;

fn scanner() -> DeviceStatus {
    DeviceStatus {
        id: "01-scanner".parse().unwrap(),
        counter: "01".parse().unwrap(),
        kind: DeviceKind::Scanner,
        health: Health::Ready,
        since: Timestamp::from_unix_ms(0),
        last_word_at: None,
        restarts: 3,
        line: "/dev/scanner".into(),
    }
}

async fn attempt(shop: &Shop, language: &str) -> (u16, String) {
    let request = shop.request("POST", "/devices/01-scanner");
    let request = request
        .header("accept-language", language)
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body("what=read&csrf=").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[actix_web::test]
async fn a_device_is_tried_from_its_page_and_a_refusal_is_said_in_words() {
    let shop = Shop::open().await;
    shop.signals.emit(Signal::DeviceChanged(scanner()));
    let page = shop.request("GET", "/devices/01-scanner").send().await;
    let page = page.unwrap().text().await.unwrap();
    assert!(
        page.contains("/dev/scanner") && page.contains("value=\"read\""),
        "{page}"
    );
    assert!(
        !page.contains("value=\"print\""),
        "a scanner prints nothing: {page}"
    );
    let (status, page) = attempt(&shop, "en").await;
    assert_eq!(status, 200);
    assert!(page.contains("The terminal was told to"), "{page}");
    let tried = &shop.told.lock().unwrap().tried;
    assert_eq!(
        (tried[0].device.as_str(), tried[0].trial),
        ("01-scanner", Trial::Read)
    );
}

#[actix_web::test]
async fn a_payment_goes_first_also_on_the_page() {
    let shop = Shop::open().await;
    shop.signals.emit(Signal::DeviceChanged(scanner()));
    let held = NotTried::Held(super::shop::payment(1, |_| {}).id);
    shop.refuse(Refused::NotTried(held));
    let (status, page) = attempt(&shop, "zh-CN").await;
    assert_eq!(status, 409);
    assert!(page.contains("设备正用于交易"), "{page}");
    let missing = shop.request("GET", "/devices/09-scanner").send().await;
    assert_eq!(missing.unwrap().status(), 404);
}
