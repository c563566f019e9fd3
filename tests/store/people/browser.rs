//! People in a real browser: the first manager, a cashier who is kept out, a lock-out, and a
//! supervisor's word at the counter.

use fantoccini::{Locator, key::Key};
use store_sim::lab::{args::Args, people::Login, shop::Shop};

use super::*;
use crate::support::chromium::Chromium;

const ALIPAY: &str = "289431869362714645";

async fn go(browser: &Chromium, url: &str) {
    browser.page.goto(url).await.unwrap();
}

async fn sign_in(browser: &Chromium, name: &str, secret: &str) {
    // the name is there still after a wrong secret
    browser
        .script("document.querySelector('[name=name]').value = ''")
        .await;
    browser.type_into("[name=name]", name).await;
    browser.type_into("[name=secret]", secret).await;
    browser.click("form[action='/sign-in'] button").await;
}

/// Nothing but the answers that these tests ask for: 401, 403 and 429.
async fn complains_of_nothing_else(browser: &Chromium) {
    let complaints = browser.complaints().await;
    let others = complaints.iter().filter(|line| {
        let is_refusal = ["401", "403", "422", "429"]
            .iter()
            .any(|status| line.contains(status));
        !is_refusal
    });
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn the_first_manager_adds_a_cashier_who_reaches_nothing_of_a_managers() {
    let mut store = Store::open_with("[api.tls]\nenabled = true\n").await;
    let browser = Chromium::open(1200, 900, "en").await;
    let code = eventually("the link", || async { store.setup_code() }).await;
    go(&browser, &store.url(&format!("/setup?code={code}"))).await;
    browser.type_into("[name=name]", "Wang").await;
    browser.type_into("[name=secret]", PASSWORD).await;
    browser.type_into("[name=again]", "another horse").await;
    browser.click("form[action='/setup'] button").await;
    browser.shows("[role=alert]", "not the same").await;
    browser.type_into("[name=secret]", PASSWORD).await;
    browser.type_into("[name=again]", PASSWORD).await;
    browser.click("form[action='/setup'] button").await;
    browser.shows(".person", "Wang").await;

    // a cashier with a PIN, who reads Chinese
    browser.shows("h1", "People").await;
    let add = "form[data-post='/v1/people']";
    browser.type_into(&format!("{add} [name=name]"), "Li").await;
    browser
        .click(&format!("{add} [name=language] option[value=zh-CN]"))
        .await;
    browser
        .type_into(&format!("{add} [name=secret]"), "123456")
        .await;
    browser.click(&format!("{add} button")).await;
    browser.shows("#refusal", "Too easy to guess").await;
    let clear = format!("document.querySelector(\"{add} [name=secret]\").value = ''");
    browser.script(&clear).await;
    browser
        .type_into(&format!("{add} [name=secret]"), "493817")
        .await;
    browser.click(&format!("{add} button")).await;
    browser.shows("[data-person=Li]", "Cashier").await;
    browser.click(".person button").await;
    browser.shows("h1", "Sign in").await;

    // who is led to where he wanted, in his language
    go(&browser, &store.url("/payments")).await;
    sign_in(&browser, "Li", "493817").await;
    browser.shows(".person", "收银员").await;
    browser.shows("h1", "交易").await;
    let links = browser.text(".bar nav").await.unwrap();
    assert!(
        !links.contains("人员") && !links.contains("操作记录"),
        "{links}"
    );
    // her own PIN, with the old one; wherever else she is signed in, she is not any more
    let elsewhere = store.sign_in("Li", "493817").await;
    browser.click(".person a").await;
    let change = async |old: &str, new: &str| {
        for (name, text) in [("old", old), ("secret", new), ("again", new)] {
            browser.type_into(&format!("[name={name}]"), text).await;
        }
        browser.click("form[action='/me'] button").await;
    };
    change("000000", "271828").await;
    browser.shows("[role=alert]", "PIN 不正确").await;
    change("493817", "111111").await;
    browser.shows("[role=alert]", "太容易被猜到").await;
    change("493817", "271828").await;
    browser.shows("[role=status]", "已更改").await;
    browser.shows(".person", "Li").await;
    assert_eq!(store.status(&elsewhere, "/payments").await, 303);
    go(&browser, &store.url("/people")).await;
    browser.shows("h1", "您无权查看此页面").await;
    let asked = "return (async () => (await fetch('/v1/people')).status)()";
    assert_eq!(browser.script(asked).await, 403);
    browser.click(".person button").await;
    browser.shows("h1", "登录").await;

    // guessing ends in words, and the right PIN does not help then
    let locked = eventually("the lock-out", || async {
        sign_in(&browser, "Li", "000000").await;
        let said = browser.text("[role=alert]").await.unwrap_or_default();
        said.contains("已锁定").then_some(())
    });
    locked.await;
    sign_in(&browser, "Li", "271828").await;
    browser.shows("[role=alert]", "已锁定").await;
    // a restart gives no new tries
    store.kill();
    store.start().await;
    go(&browser, &store.url("/sign-in")).await;
    sign_in(&browser, "Li", "271828").await;
    browser.shows("[role=alert]", "已锁定").await;
    complains_of_nothing_else(&browser).await;
}

#[tokio::test]
async fn a_supervisor_approves_a_cashiers_refund_where_the_cashier_stands() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let args = Args {
        sign_in: true,
        ..Args::calm(1)
    };
    let shop = Shop::open(&args, folder.path()).await.unwrap();
    let people = shop.people.clone().unwrap();
    let browser = Chromium::open(390, 844, "en").await;
    go(&browser, &format!("http://{}/counter/01", shop.listen)).await;
    let Login { name, secret } = &people.cashier;
    sign_in(&browser, name, secret).await;
    browser.type_into("#amount", "12.50").await;
    browser.click("button[value=customer_code]").await;
    browser
        .shows("[data-state=collecting] .words", "payment code")
        .await;
    shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    browser.shows(".good .words", "Approved").await;
    browser.click(".actions a").await;
    browser.shows(".steps", "Cashier").await;

    // by keyboard alone from here on
    browser.click("[data-refund] button").await;
    browser.shows("dialog[open] .sum", "12.50").await;
    let approve = async |login: &Login, secret: &str| {
        let name = browser
            .page
            .find(Locator::Css("dialog [name=name]"))
            .await
            .unwrap();
        name.clear().await.unwrap();
        name.send_keys(login.name).await.unwrap();
        let keys = format!("{secret}{}", char::from(Key::Enter));
        browser.type_into("dialog [name=secret]", &keys).await;
    };
    approve(&people.supervisor, "000000").await;
    browser.shows("dialog [role=alert]", "PIN is wrong").await;
    approve(&people.cashier, &people.cashier.secret).await;
    browser
        .shows("dialog [role=alert]", "may not approve")
        .await;
    approve(&people.supervisor, &people.supervisor.secret).await;
    browser.shows(".steps", "approved by Supervisor").await;
    browser.shows(".steps", "Refunded").await;

    // who did it is in the journal, and in the refund itself
    let list = shop.till.get("/v1/payments?limit=1").await.unwrap();
    let refund = &list["payments"][0]["refunds"][0];
    assert_eq!(
        (&refund["by"], &refund["approved_by"]),
        (&json!("Cashier"), &json!("Supervisor"))
    );
    assert_eq!(list["payments"][0]["opened_by"], "Cashier");
    go(&browser, &format!("http://{}/audit", shop.listen)).await;
    browser.shows("h1", "not for you").await;
    browser.click("main a[href^='/sign-in']").await;
    sign_in(&browser, people.manager.name, &people.manager.secret).await;
    browser.shows("tbody", "Approved a refund").await;
    browser.shows("tbody", "Approval failed").await;
    let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.script(fits).await, true);
    complains_of_nothing_else(&browser).await;
    drop(browser);
    shop.close().await.unwrap();
}

/// Each page in both languages, at a desk and on a phone; `make shots` keeps pictures of them.
#[tokio::test]
async fn every_page_fits_people_too() {
    let store = Store::open().await;
    let manager = store.set_up().await;
    for (name, role) in [("李娜", "cashier"), ("Operator", "operator")] {
        let new =
            json!({ "name": name, "role": role, "language": "zh-CN", "secret": "a tall horse" });
        assert_eq!(store.ask(&manager, "/v1/people", &new).await.status(), 201);
    }
    let token = json!({ "name": "till 01", "scopes": ["pay", "refund"], "counters": ["01"] });
    store.ask(&manager, "/v1/tokens", &token).await;
    store
        .post("/sign-in", &[("name", "李娜"), ("secret", "000000")])
        .await;
    let browser = Chromium::open(1366, 900, "en").await;
    go(&browser, &store.url("/sign-in")).await;
    sign_in(&browser, "王芳", PASSWORD).await;
    browser.shows(".person", "王芳").await;
    // who takes no money is offered no way to
    let forms = async || {
        go(&browser, &store.url("/counter/01")).await;
        let found = browser.page.find_all(Locator::Css("[data-take]")).await;
        found.unwrap().len()
    };
    assert_eq!(forms().await, 1);
    go(&browser, &store.url("/sign-in")).await;
    sign_in(&browser, "Operator", "a tall horse").await;
    browser.shows(".person", "Operator").await;
    assert_eq!(forms().await, 0);
    go(&browser, &store.url("/sign-in")).await;
    sign_in(&browser, "王芳", PASSWORD).await;
    browser.shows(".person", "王芳").await;
    let pages = ["people", "tokens", "audit", "me", "sign-in"];
    for (language, width, height) in [("en", 1366, 900), ("zh-CN", 390, 844)] {
        go(
            &browser,
            &store.url(&format!("/language/{language}?back=/")),
        )
        .await;
        browser.page.set_window_size(width, height).await.unwrap();
        for name in pages {
            go(&browser, &store.url(&format!("/{name}"))).await;
            let lang = browser.script("return document.documentElement.lang").await;
            assert_eq!(lang, language, "{name}");
            let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(fits).await, true, "{name} at {width}");
            let unnamed = "return [...document.querySelectorAll('input,select,button')].filter(e => \
                e.type !== 'hidden' && !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length";
            assert_eq!(
                browser.script(unnamed).await,
                0,
                "{name}: a control without a name"
            );
            if let Some(folder) = std::env::var_os("SHOTS") {
                let png = browser.page.screenshot().await.unwrap();
                let file = Path::new(&folder).join(format!("{name}-{language}.png"));
                fs::write(file, png).unwrap();
            }
        }
    }
    complains_of_nothing_else(&browser).await;
}
