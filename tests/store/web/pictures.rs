//! Pictures out and in: what is drawn is read again by the same door.

use serde_json::json;
use store_actors::{
    domain::{code::CodeRefused, payment::State},
    store::requests::Refused,
};
use store_controller::adapters::picture::{PictureLimits, PictureReader, QrStyle, png};

use super::shop::{Answer, Shop, payment};

const CODE: &str = "289431869362714645";

async fn scan(shop: &Shop, media_type: &str, picture: Vec<u8>) -> Answer {
    let request = shop
        .request("POST", "/v1/counters/01/scan-image")
        .header("content-type", media_type);
    shop.send(request.body(picture)).await
}

#[actix_web::test]
async fn the_qr_of_a_payment_is_drawn_while_it_may_be_paid() {
    let shop = Shop::open().await;
    let mut waiting = payment(1, |_| {});
    waiting.state = State::Submitted;
    let path = |kind: &str| format!("/v1/payments/{}/qr.{kind}", waiting.id);
    shop.know(waiting.clone());
    assert_eq!(
        shop.get(&path("png")).await.problem(),
        (404, "no-qr".into())
    );
    waiting.qr = Some("https://pay.example/q/1".into());
    shop.know(waiting.clone());
    let shown = shop
        .get(&format!("/v1/payments/{}", waiting.id))
        .await
        .json();
    assert_eq!(
        shown["qr"],
        json!({ "text": "https://pay.example/q/1", "svg": path("svg"), "png": path("png") })
    );
    let drawn = shop.get(&path("png")).await;
    assert_eq!(
        (drawn.status, drawn.header("content-type")),
        (200, "image/png")
    );
    let texts = PictureReader::new(PictureLimits::default())
        .read(drawn.body.into())
        .await
        .unwrap();
    assert_eq!(texts, ["https://pay.example/q/1"]);
    let drawn = shop.get(&path("svg")).await;
    assert_eq!(
        (drawn.status, drawn.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(drawn.body.windows(4).any(|part| part == b"<svg"));
    waiting.state = State::Approved;
    shop.know(waiting.clone());
    assert_eq!(
        shop.get(&path("svg")).await.problem(),
        (404, "no-qr".into())
    );
}

#[actix_web::test]
async fn a_code_in_a_picture_is_the_same_as_a_scan() {
    let shop = Shop::open().await;
    let waiting = payment(1, |_| {});
    shop.know(waiting.clone());
    let taken = scan(&shop, "image/png", png(CODE, &QrStyle::default()).unwrap()).await;
    assert_eq!(
        (taken.status, taken.json()),
        (200, json!({ "payment": waiting.id.to_string() }))
    );
    assert_eq!(shop.told.lock().unwrap().scanned, [CODE]);
}

#[actix_web::test]
async fn pictures_without_use_are_refused_each_for_its_reason() {
    let shop = Shop::open_with(|api| api.picture_max_bytes = 64 * 1024).await;
    let code = || png(CODE, &QrStyle::default()).unwrap();
    let blank = image::GrayImage::from_pixel(64, 64, image::Luma([255]));
    let mut empty = std::io::Cursor::new(Vec::new());
    blank.write_to(&mut empty, image::ImageFormat::Png).unwrap();
    let truncated = code()[..200].to_vec();
    for (media_type, picture, status, kind) in [
        ("text/plain", code(), 415, "unsupported-media-type"),
        (
            "image/png",
            b"GIF89a".to_vec(),
            415,
            "unsupported-media-type",
        ),
        ("image/jpeg", empty.into_inner(), 422, "picture-unreadable"),
        ("image/png", truncated, 422, "picture-unreadable"),
        ("image/png", vec![0; 64 * 1024 + 1], 413, "body-too-large"),
    ] {
        let answer = scan(&shop, media_type, picture).await;
        assert_eq!(answer.problem(), (status, kind.to_owned()), "{media_type}");
    }
    for (refused, status, kind) in [
        (Refused::NotCollecting, 409, "not-collecting"),
        (
            Refused::Code(CodeRefused::ProductBarcode),
            422,
            "code-refused",
        ),
        (
            Refused::NoSuchCounter("01".parse().unwrap()),
            404,
            "no-such-counter",
        ),
    ] {
        shop.refuse(refused);
        assert_eq!(
            scan(&shop, "image/png", code()).await.problem(),
            (status, kind.to_owned())
        );
    }
    assert!(shop.told.lock().unwrap().scanned.is_empty());
}
