//! The office's pages: what they show, as pages, spreadsheets and paper, and what their forms do.

use store_actors::domain::{
    day::Day,
    ids::PaymentId,
    office::{
        difference::{Class, Difference, Found},
        entry::Entry,
    },
    payment::Payment,
    record::Body,
    timestamp::Timestamp,
};

use super::{
    office::{TODAY, approved},
    shop::Shop,
};
use crate::pdf::Paper;

/// Path and query of the one day on which something moved.
fn of_today(page: &str, rest: &str) -> String {
    format!("{page}?from={TODAY}&to={TODAY}{rest}")
}

async fn page(shop: &Shop, path: &str, language: &str) -> String {
    let request = shop.request("GET", path);
    let answer = request.header("accept-language", language).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Sends a form; the page that comes back, after where it leads.
async fn form(shop: &Shop, path: &str, fields: &str) -> (u16, String) {
    let request = shop.request("POST", path).header("accept-language", "en");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(fields.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn bytes(shop: &Shop, path: &str) -> Vec<u8> {
    let request = shop.request("GET", path).header("accept-language", "zh-CN");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The cells of a page's rows, each row by itself.
fn rows(page: &str) -> Vec<Vec<String>> {
    let row = |row: &str| {
        let row = row.split("</tr>").next().unwrap();
        let cells = row.split("<td").skip(1).map(|cell| {
            let cell = cell.split_once('>').unwrap().1;
            let cell = cell.split("</td>").next().unwrap();
            let text = cell.split('<').map(|part| part.rsplit('>').next().unwrap());
            text.collect::<String>().trim().to_owned()
        });
        cells.collect::<Vec<_>>()
    };
    page.split("<tbody>")
        .skip(1)
        .flat_map(|body| body.split("</tbody>").next().unwrap().split("<tr").skip(1))
        .map(row)
        .collect()
}

#[actix_web::test]
async fn a_statement_is_the_same_on_a_page_in_a_spreadsheet_and_on_paper() {
    let shop = Shop::open().await;
    let mut elsewhere = approved(3, "5.00");
    elsewhere.acquirer = Some("b".parse().unwrap());
    shop.journal(&[approved(1, "12.50"), approved(2, "7.50"), elsewhere])
        .await;
    let path = of_today("/office", "&by=acquirer&then=scheme");
    let shown = page(&shop, &path, "zh-CN").await;
    let wanted = [
        [
            "a",
            "支付宝",
            "CNY",
            "2",
            "20.00",
            "0",
            "0.00",
            "0.13",
            "19.87",
            "0",
        ],
        [
            "b",
            "支付宝",
            "CNY",
            "1",
            "5.00",
            "0",
            "0.00",
            "0.00",
            "5.00",
            "1",
        ],
        [
            "合计", "", "CNY", "3", "25.00", "0", "0.00", "0.13", "24.87", "1",
        ],
    ];
    assert_eq!(rows(&shown), wanted);
    assert!(shown.contains("1 笔没有适用的费率"), "{shown}");
    assert!(
        shown.contains("format=pdf") && shown.contains("format=csv"),
        "{shown}"
    );

    let csv = String::from_utf8(bytes(&shop, &format!("{path}&format=csv")).await).unwrap();
    let mut lines = csv.strip_prefix('\u{feff}').unwrap().lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("收单机构,支付品牌,币种,交易笔数,"),
        "{csv}"
    );
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(lines, wanted);

    let paper = Paper::new(&bytes(&shop, &format!("{path}&format=pdf")).await);
    paper.check();
    let text = paper.text();
    for row in &wanted[..2] {
        let found = text
            .lines()
            .any(|line| line.split_whitespace().eq(row.iter().copied()));
        assert!(found, "{row:?} in\n{text}");
    }
    assert!(text.contains("对账单") && text.contains("1/1"), "{text}");
}

#[actix_web::test]
async fn other_rates_are_compared_and_the_table_of_rates_is_shown() {
    let shop = Shop::open().await;
    let mut at_b = approved(2, "100.00");
    at_b.acquirer = Some("a".parse().unwrap());
    shop.journal(&[approved(1, "12.50"), at_b]).await;
    let shown = page(&shop, &of_today("/office/comparison", ""), "en").await;
    let wanted = [
        [
            "As it was",
            "CNY",
            "2",
            "112.50",
            "0",
            "0.00",
            "0.68",
            "111.82",
            "0",
            "–",
        ],
        [
            "a", "CNY", "2", "112.50", "0", "0.00", "0.68", "111.82", "0", "0.00",
        ],
    ];
    assert_eq!(rows(&shown), wanted);
    let fees = page(&shop, "/office/fees", "en").await;
    let fee = &rows(&fees)[0];
    assert_eq!(fee[..7], ["A", "a", "All", "All", "All", "–", "0.6 %"]);
    assert!(
        fees.contains("half up, each payment") && fees.contains("given back"),
        "{fees}"
    );
    assert_eq!(
        shop.get("/v1/office/fees").await.json()["fees"][0]["rate_percent"],
        "0.6"
    );
}

#[actix_web::test]
async fn a_shift_is_opened_moved_and_closed_by_forms() {
    let shop = Shop::open().await;
    let new = "counter=01&cashier=%E6%9D%8E&float=200.00";
    let (status, shown) = form(&shop, "/office/shifts", new).await;
    assert_eq!(status, 200);
    assert!(
        shown.contains("X report 01/1") && shown.contains("李"),
        "{shown}"
    );
    let (status, shown) = form(&shop, "/office/shifts", new).await;
    assert_eq!(status, 409);
    assert!(
        shown.contains("The counter&#39;s shift 1 is open"),
        "{shown}"
    );
    let (status, shown) = form(&shop, "/office/shifts", "counter=01&float=much").await;
    assert_eq!(status, 422);
    assert!(shown.contains("role=\"alert\""), "{shown}");

    // sent twice, cash moves once
    let cash = "kind=sale&amount=20.00&note=&key=k1";
    for _ in 0..2 {
        let (status, shown) = form(&shop, "/office/shifts/01/cash", cash).await;
        assert_eq!(status, 200);
        assert!(rows(&shown).contains(&vec!["Cash sale".into(), "1".into(), "20.00".into()]));
    }
    let x = page(&shop, "/office/shifts/01", "en").await;
    assert!(
        rows(&x).contains(&vec!["Expected".into(), "".into(), "220.00".into()]),
        "{x}"
    );
    let (status, z) = form(&shop, "/office/shifts/01/close", "counted=219.50").await;
    assert_eq!(status, 200);
    assert!(z.contains("Z report 01/1"), "{z}");
    assert!(
        rows(&z).contains(&vec!["Over or short".into(), "".into(), "-0.50".into()]),
        "{z}"
    );
    assert!(
        !z.contains("counted-in-drawer") && !z.contains("<form"),
        "{z}"
    );
    let paper = Paper::new(&bytes(&shop, "/office/shifts/01/1?format=pdf").await);
    paper.check();
    assert!(paper.text().contains("Z 报表 01/1"), "{}", paper.text());
    let listed = page(&shop, "/office/shifts?counter=01", "en").await;
    assert_eq!(
        rows(&listed)[0][5..],
        ["200.00", "220.00", "219.50", "-0.50"]
    );
}

#[actix_web::test]
async fn a_day_that_cant_be_closed_says_every_reason() {
    let shop = Shop::open().await;
    let (status, shown) = form(&shop, "/office/days", "day=2020-02-29&by=W").await;
    assert_eq!(status, 200);
    assert_eq!(rows(&shown)[0][..2], ["1", "2020-02-29"]);
    assert!(
        shown.contains("value=\"2020-03-01\""),
        "the next one is offered: {shown}"
    );
    // this day is not over, others come first, a shift is open and a difference not settled
    let far = "2099-01-01";
    form(&shop, "/office/shifts", "counter=01&float=0").await;
    shop.write(vec![difference()]).await;
    let (status, shown) = form(&shop, "/office/days", &format!("day={far}&by=W")).await;
    assert_eq!(status, 409);
    for reason in [
        "The day is not over",
        "2020-03-01 comes first",
        "Shift 01/1 is open",
        "is not settled",
    ] {
        assert!(shown.contains(reason), "{reason} in {shown}");
    }
    assert!(shown.contains(&format!("value=\"{far}\"")), "{shown}");
}

fn difference() -> Body {
    let found = Found {
        day: Day::parse(TODAY).unwrap(),
        class: Class::MissingThere,
        order: PaymentId::from_bytes([3; 16]).to_string(),
        part: None,
        ours: Some("12.50".parse().unwrap()),
        theirs: None,
        line: Some(7),
        explained: false,
    };
    let at = Timestamp::from_unix_ms(1_800_000_000_000);
    let one = Difference::new(found, &"a".parse().unwrap(), "ab", "manager", at);
    Body::Office {
        office: Box::new(Entry::Difference(one)),
    }
}

#[actix_web::test]
async fn a_difference_is_decided_with_a_record_of_who_and_why() {
    let shop = Shop::open().await;
    shop.write(vec![difference()]).await;
    let listed = page(&shop, "/office/differences", "en").await;
    let row = &rows(&listed)[0];
    assert_eq!(row[3], "Not on the bill");
    assert_eq!(row[5..], ["12.50", "–", "manager", "Open"]);
    let path = format!("/office/differences/{}", row[0]);
    let story = page(&shop, &path, "zh-CN").await;
    assert!(
        story.contains("ab:7") && story.contains("账单上没有"),
        "{story}"
    );

    let (status, shown) = form(&shop, &path, "state=settled&by=W&owner=manager&note=").await;
    assert_eq!(status, 409);
    assert!(shown.contains("Say in a note what explains it"), "{shown}");
    assert!(
        shown.contains("value=\"W\""),
        "what was typed stays: {shown}"
    );
    let (status, shown) = form(&shop, &path, "state=settled&by=W&owner=&note=paid+twice").await;
    assert_eq!(status, 200);
    let steps = rows(&shown);
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[1][1..], ["W", "Settled", "manager", "paid twice"]);
    let none = page(&shop, "/office/differences", "en").await;
    assert!(none.contains("No differences"), "{none}");
    let settled = page(&shop, "/office/differences?state=settled", "en").await;
    assert_eq!(rows(&settled)[0][8], "Settled");
    let missing = shop.request("GET", "/office/differences/none").send().await;
    assert_eq!(missing.unwrap().status(), 404);
}

#[actix_web::test]
async fn payments_are_exported_as_the_filters_have_them_and_harmlessly() {
    let shop = Shop::open().await;
    let count = 1_203;
    for (nth, number) in (1..=count).zip(1..) {
        let mut payment: Payment = approved(number, "12.50");
        payment.number = number;
        payment.reference = Some(format!("=HYPERLINK({nth})"));
        if nth % 3 == 0 {
            payment.state = store_actors::domain::payment::State::Declined;
        }
        shop.know(payment);
    }
    let csv = |rest: &str| {
        let path = format!("/payments?format=csv&day={rest}");
        let shop = &shop;
        async move { String::from_utf8(bytes(shop, &path).await).unwrap() }
    };
    let all = csv("").await;
    assert_eq!(all.lines().count(), count + 1);
    let last = all.lines().last().unwrap();
    assert!(last.contains(",\u{27}=HYPERLINK(1),"), "{last}");
    let first = all.lines().nth(1).unwrap();
    assert!(first.contains(",12.50,0.00,"), "{first}");
    let declined = csv("&state=declined").await;
    assert_eq!(declined.lines().count(), count / 3 + 1);
    assert_eq!(
        csv("2027-01-14").await.lines().count(),
        1,
        "nothing of that day"
    );
    let of_day = csv(TODAY).await;
    assert_eq!(of_day.lines().count(), count + 1);
}

#[actix_web::test]
async fn what_a_payment_cost_stands_in_its_story() {
    let shop = Shop::open().await;
    let paid = approved(1, "12.50");
    shop.know(paid.clone());
    let story = page(&shop, &format!("/payments/{}", paid.id), "en").await;
    assert!(story.contains("0.08") && story.contains("12.42"), "{story}");
}
