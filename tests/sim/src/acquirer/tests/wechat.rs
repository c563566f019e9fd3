//! Who is not the merchant is not heard by WeChat Pay's dialect, whatever is asked.

use super::shop::{Shop, number};

async fn post(shop: &Shop, path: &str, authorization: &str, body: &str) -> (u16, bool, String) {
    let url = format!("{}{path}", shop.acquirer.url());
    let request = shop.client.post(url).header("authorization", authorization);
    let answer = request.body(body.to_owned()).send().await.unwrap();
    let is_signed = answer.headers().contains_key("wechatpay-signature");
    let status = answer.status().as_u16();
    (status, is_signed, answer.text().await.unwrap())
}

#[tokio::test]
async fn wechat_v3_hears_nobody_without_the_merchants_signature() {
    let shop = Shop::open(vec![]);
    let path = "/v3/pay/transactions/codepay";
    let named = "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000109\",nonce_str=\"0A\",\
                 signature=\"AAAA\",timestamp=\"1764120600\",\
                 serial_no=\"3775B6A45ACD588826D15E583A95F5DD00000001\"";
    for authorization in ["", "Bearer x", named] {
        let (status, is_signed, said) = post(&shop, path, authorization, "{}").await;
        assert_eq!((status, is_signed), (401, false), "{said}");
        assert!(said.contains("SIGN_ERROR"), "{said}");
    }
    assert_eq!(shop.moved(&number(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn wechat_v2_hears_nobody_without_the_merchants_signature() {
    let shop = Shop::open(vec![]);
    let named = "<appid>wxd678efh567hg6787</appid><mch_id>1900000109</mch_id>";
    for (body, why) in [
        ("", "XML"),
        ("<xml><a>1</a></xml>", "appid"),
        (&format!("<xml>{named}</xml>"), "nonce_str"),
        (
            &format!("<xml>{named}<nonce_str>1</nonce_str><sign>AA</sign></xml>"),
            "签名错误",
        ),
        (
            &format!("<xml>{named}<nonce_str>1</nonce_str><sign_type>X</sign_type></xml>"),
            "sign_type",
        ),
    ] {
        for path in ["/pay/micropay", "/secapi/pay/reverse"] {
            let (status, _, said) = post(&shop, path, "", body).await;
            assert_eq!(status, 200);
            assert!(said.contains("FAIL") && said.contains(why), "{said}");
            assert!(!said.contains("<sign>"), "{said}");
        }
    }
}
