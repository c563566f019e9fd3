//! Who may what, asked for over HTTP: every route in every role, sessions, cookies, tokens.

use std::sync::{Arc, Mutex};

use reqwest::{Method, Response, header::HeaderValue, redirect};
use serde_json::json;
use store_actors::{
    domain::people::{
        Role, Scope,
        access::{self, TABLE, Verdict, Who},
        deed::{By, Deed, What},
        session::SessionRules,
    },
    language::Language,
};
use store_controller::{
    adapters::clock::{OsEntropy, SystemClock},
    people::{NewPerson, NewToken, People, PeopleSettings, WriteDeed, proof},
    web::served,
};

use super::shop::{Shop, payment};

const PASSWORD: &str = "correct horse";

struct Scene {
    shop: Shop,
    people: Arc<People>,
    deeds: Arc<Mutex<Vec<Deed>>>,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

/// Who asks, in this test.
#[derive(Clone)]
enum Asker {
    Nobody,
    FromAfar,
    Session(Role, String),
    Token(Vec<Scope>, String),
}

impl Scene {
    /// A shop with one person of each role, who is called as the role is.
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = PeopleSettings {
            dir: dir.path().to_owned(),
            rules: SessionRules {
                idle_ms: 60_000,
                longest_ms: 3_600_000,
            },
        };
        let deeds = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&deeds);
        let write: WriteDeed = Arc::new(move |deed| {
            list.lock().unwrap().push(deed);
            Box::pin(async { Ok(()) })
        });
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let people = Arc::new(People::open(&settings, clock, entropy, write).unwrap());
        for role in [
            Role::Manager,
            Role::Cashier,
            Role::Supervisor,
            Role::Operator,
            Role::Auditor,
        ] {
            let new = NewPerson {
                name: role.as_str().into(),
                role,
                language: Language::English,
                secret: PASSWORD.into(),
            };
            people.add(By::Shell, new, "").await.unwrap();
        }
        let shop = Shop::open_for(Some(Arc::clone(&people)), |_| {}).await;
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            shop,
            people,
            deeds,
            client,
            _dir: dir,
        }
    }

    async fn session(&self, role: Role) -> Asker {
        let signed_in = self.people.sign_in(role.as_str(), PASSWORD, "here").await;
        Asker::Session(role, signed_in.unwrap().0)
    }

    async fn token(&self, scopes: &[Scope], counters: &[&str]) -> Asker {
        let new = NewToken {
            name: format!("{scopes:?} {counters:?}"),
            scopes: scopes.to_vec(),
            counters: counters.iter().map(|id| id.parse().unwrap()).collect(),
        };
        let made = self.people.make_token(By::Shell, new, "").await.unwrap();
        Asker::Token(scopes.to_vec(), made.0)
    }

    fn request(&self, method: &str, path: &str, asker: &Asker) -> reqwest::RequestBuilder {
        let request = self
            .client
            .request(method.parse().unwrap(), self.shop.url(path));
        match asker {
            Asker::Nobody => request,
            Asker::FromAfar => request.header("x-forwarded-for", "192.0.2.1"),
            Asker::Session(_, value) => request
                .header("cookie", format!("session={value}"))
                .header("x-csrf-token", proof::csrf(value)),
            Asker::Token(_, value) => request.bearer_auth(value),
        }
    }

    async fn ask(&self, method: &str, path: &str, asker: &Asker) -> Response {
        self.request(method, path, asker).send().await.unwrap()
    }
}

impl Asker {
    fn who(&self) -> Who<'_> {
        match self {
            Asker::Nobody => Who::Nobody { is_local: true },
            Asker::FromAfar => Who::Nobody { is_local: false },
            Asker::Session(role, _) => Who::Person(*role),
            Asker::Token(scopes, _) => Who::Token(scopes),
        }
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// What the guard has decided, as it can be told from outside.
async fn decided(answer: Response) -> Verdict {
    let status = answer.status().as_u16();
    let is_page = header(&answer, "content-type").starts_with("text/html");
    if status == 401 || (status == 303 && header(&answer, "location").starts_with("/sign-in?back="))
    {
        return Verdict::SignIn;
    }
    if status != 403 {
        return Verdict::Allowed;
    }
    let text = answer.text().await.unwrap();
    if text.contains("problem:approval-needed") {
        return Verdict::NeedsApproval;
    }
    assert!(is_page || text.contains("problem:not-allowed"), "{text}");
    Verdict::Refused
}

#[test]
fn the_router_and_the_table_have_the_same_routes() {
    let mut routes = served();
    let mut table: Vec<_> = TABLE.iter().map(|rule| (rule.method, rule.path)).collect();
    routes.sort_unstable();
    table.sort_unstable();
    assert_eq!(routes, table);
    let document: serde_json::Value =
        serde_json::from_str(&store_controller::web::description()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let route = (method.to_uppercase(), path.clone());
            let is_known =
                |(method, path): &(&str, &str)| route == ((*method).into(), (*path).into());
            assert!(routes.iter().any(is_known), "{route:?}");
        }
    }
}

#[actix_web::test]
async fn every_route_is_for_whom_the_table_says() {
    let scene = Scene::open().await;
    let mut askers = vec![Asker::Nobody, Asker::FromAfar];
    for role in Role::ALL {
        askers.push(scene.session(role).await);
    }
    for scope in Scope::ALL {
        askers.push(scene.token(&[scope], &[]).await);
    }
    let mut routes = served();
    // signing out comes last: nobody is signed in after it
    routes.sort_by_key(|(_, pattern)| *pattern == "/sign-out");
    let mut asked = 0;
    for (method, pattern) in routes {
        let path = pattern
            .replace("{counter}", "01")
            .replace("{day}", "2026-11-22");
        let path = path
            .replace("{number}", "1")
            .replace("{seq}", "1")
            .replace("{name}", "nobody");
        let path = path.replace("{id}", &"0".repeat(32)).replace("{tag}", "xx");
        for asker in &askers {
            let answer = scene.ask(method, &path, asker).await;
            let status = answer.status();
            let expected = access::verdict(method, pattern, asker.who());
            let found = decided(answer).await;
            assert_eq!(
                found,
                expected,
                "{method} {pattern} as {:?}: {status}",
                asker.who()
            );
            asked += 1;
        }
    }
    assert!(asked > 500, "{asked}");
}

#[actix_web::test]
async fn what_is_not_there_tells_nobody_anything() {
    let scene = Scene::open().await;
    let manager = scene.session(Role::Manager).await;
    for asker in [&Asker::Nobody, &manager] {
        for (method, path, status) in [
            ("GET", "/v1/wages", 404),
            ("DELETE", "/v1/payments", 405),
            // the router reads an escaped letter as the letter: so does the guard
            ("GET", "/%70eople/", 404),
        ] {
            let answer = scene.ask(method, path, asker).await;
            assert_eq!(answer.status(), status, "{method} {path}");
        }
    }
    let escaped = scene.ask("GET", "/%70eople", &Asker::Nobody).await;
    assert_eq!(decided(escaped).await, Verdict::SignIn);
}

/// As a page's form is sent.
fn posted(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

fn cookies(answer: &Response) -> Vec<&str> {
    let cookies = answer.headers().get_all("set-cookie").iter();
    cookies
        .map(|cookie: &HeaderValue| cookie.to_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn a_sign_in_gives_a_new_session_that_scripts_and_other_sites_cant_use() {
    let scene = Scene::open().await;
    let Asker::Session(_, before) = scene.session(Role::Cashier).await else {
        unreachable!()
    };
    let form = [
        ("name", "manager"),
        ("secret", PASSWORD),
        ("back", "/people"),
    ];
    let request = posted(scene.client.post(scene.shop.url("/sign-in")), &form);
    let answer = request
        .header("cookie", format!("session={before}"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "location")),
        (303, "/people")
    );
    let cookies = cookies(&answer);
    let session = cookies
        .iter()
        .find(|cookie| cookie.starts_with("session="))
        .unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(
        cookies
            .iter()
            .any(|cookie| cookie.starts_with("language=en"))
    );
    let value = session
        .trim_start_matches("session=")
        .split(';')
        .next()
        .unwrap();
    assert!(
        scene.people.session(&before, true).await.is_none(),
        "the one before has ended"
    );

    // a change needs what only the page knows
    let add = |csrf: Option<&str>| {
        let request = scene.client.post(scene.shop.url("/v1/people"));
        let request = request
            .header("cookie", format!("session={value}"))
            .json(&json!({
                "name": "new", "role": "cashier", "language": "zh-CN", "secret": "493817",
            }));
        match csrf {
            Some(csrf) => request.header("x-csrf-token", csrf),
            None => request,
        }
    };
    for csrf in [None, Some(""), Some("0"), Some(before.as_str())] {
        let answer = scene.shop.send(add(csrf)).await;
        assert_eq!(answer.problem(), (403, "cross-site".into()), "{csrf:?}");
    }
    let csrf = proof::csrf(value);
    let foreign = add(Some(&csrf)).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(scene.shop.send(add(Some(&csrf))).await.status, 201);
    assert_eq!(
        scene.shop.send(add(Some(&csrf))).await.problem(),
        (409, "name-taken".into())
    );

    // signing out is a form
    let sign_out = |csrf: &str| {
        let request = scene.client.post(scene.shop.url("/sign-out"));
        let request = request.header("cookie", format!("session={value}"));
        posted(request, &[("csrf", csrf)])
    };
    assert_eq!(sign_out("x").send().await.unwrap().status(), 403);
    let answer = sign_out(&csrf).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "location")),
        (303, "/sign-in")
    );
    assert!(scene.people.session(value, true).await.is_none());
}

#[actix_web::test]
async fn guessing_ends_in_a_lock_out_with_words_in_the_visitors_language() {
    let scene = Scene::open().await;
    let guess = async |language: &str, back: &str| {
        let form = [("name", "cashier"), ("secret", "000000"), ("back", back)];
        let request = posted(scene.client.post(scene.shop.url("/sign-in")), &form);
        let answer = request
            .header("accept-language", language)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = guess("zh-CN", "https://evil.example/").await;
    assert_eq!(status, 403);
    assert!(page.contains("姓名或 PIN 不正确"), "{page}");
    assert!(
        !page.contains("evil.example") && !page.contains("000000"),
        "{page}"
    );
    for _ in 0..2 {
        guess("en", "/").await;
    }
    let (status, page) = guess("en", "/").await;
    assert_eq!(status, 429);
    assert!(page.contains("Try again in 2 s"), "{page}");
    let secrets = format!("{:?}", scene.deeds.lock().unwrap());
    assert!(!secrets.contains("000000"), "{secrets}");
}

#[actix_web::test]
async fn a_tills_token_is_for_its_counter_until_it_is_revoked() {
    let scene = Scene::open().await;
    scene.shop.know(payment(1, |opening| {
        opening.counter = "02".parse().unwrap()
    }));
    let id = payment(1, |_| {}).id;
    let till = scene.token(&[Scope::Pay, Scope::Refund], &["01"]).await;
    let order = |counter: &str| {
        let body =
            json!({ "counter": counter, "amount": "12.50", "currency": "CNY", "tender": "any" });
        let request = scene.request("POST", "/v1/payments", &till);
        request.header("idempotency-key", counter).json(&body)
    };
    assert_eq!(scene.shop.send(order("01")).await.status, 201);
    assert_eq!(
        scene.shop.send(order("02")).await.problem(),
        (403, "not-allowed".into())
    );
    for path in [
        format!("/v1/payments/{id}/cancel"),
        format!("/v1/payments/{id}/refunds"),
    ] {
        let request = scene
            .request("POST", &path, &till)
            .header("idempotency-key", "k");
        let answer = scene.shop.send(request.json(&json!({}))).await;
        assert_eq!(answer.problem(), (403, "not-allowed".into()), "{path}");
    }
    for (counter, status) in [("01", 404), ("02", 403)] {
        let path = format!("/v1/counters/{counter}/sticker-image");
        let request = scene.request("POST", &path, &till);
        let picture = request.header("content-type", "image/png").body("picture");
        assert_eq!(scene.shop.send(picture).await.status, status);
    }
    let token = scene.people.contents().unwrap().tokens[0].clone();
    assert_eq!(token.counters[0].as_str(), "01");
    scene
        .people
        .revoke_token(By::Shell, &token.id, "")
        .await
        .unwrap();
    let answer = scene.shop.send(order("01")).await;
    assert_eq!(answer.problem(), (401, "sign-in-needed".into()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    // who shows a token is nobody else, whatever cookie is sent beside it
    let Asker::Session(_, cookie) = scene.session(Role::Manager).await else {
        unreachable!()
    };
    let both = order("01").header("cookie", format!("session={cookie}"));
    assert_eq!(scene.shop.send(both).await.status, 401);
}

#[actix_web::test]
async fn pages_show_each_only_what_is_theirs() {
    let scene = Scene::open().await;
    let page = async |role: Role, path: &str| {
        let asker = scene.session(role).await;
        scene.ask("GET", path, &asker).await.text().await.unwrap()
    };
    let cashier = page(Role::Cashier, "/").await;
    assert!(
        cashier.contains("Cashier") && !cashier.contains("href=\"/people\""),
        "{cashier}"
    );
    let manager = page(Role::Manager, "/people").await;
    for name in [
        "href=\"/people\"",
        "csrf-token",
        "auditor",
        "name=\"locked\"",
    ] {
        assert!(manager.contains(name), "{name}: {manager}");
    }
    let refused = page(Role::Cashier, "/people").await;
    assert!(refused.contains("This page is not for you"), "{refused}");
    let Asker::Session(_, value) = scene.session(Role::Manager).await else {
        unreachable!()
    };
    let answer = scene.client.request(Method::GET, scene.shop.url("/tokens"));
    let answer = answer
        .header("cookie", format!("session={value}"))
        .send()
        .await
        .unwrap();
    let policy = header(&answer, "content-security-policy").to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[actix_web::test]
async fn who_is_signed_out_reads_no_further() {
    let scene = Scene::open().await;
    let asker = scene.session(Role::Cashier).await;
    let mut feed = scene.ask("GET", "/v1/events", &asker).await;
    assert_eq!(feed.status(), 200);
    let Asker::Session(_, value) = &asker else {
        unreachable!()
    };
    scene.people.sign_out(value, "").await;
    // within one heartbeat of the feed
    while feed.chunk().await.unwrap().is_some() {}
}

#[actix_web::test]
async fn a_cashier_opens_a_shift_by_a_form_in_her_own_name_and_sees_no_books() {
    let scene = Scene::open().await;
    let cashier = scene.session(Role::Cashier).await;
    let Asker::Session(_, value) = &cashier else {
        panic!("a session")
    };
    let page = scene.ask("GET", "/office/shifts/01", &cashier).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("action=\"/office/shifts\""), "{page}");
    assert!(page.contains(&proof::csrf(value)), "the form proves itself");
    assert!(
        !page.contains("href=\"/office\""),
        "no way to the books: {page}"
    );
    let open = |csrf: &str| {
        let request = scene.client.post(scene.shop.url("/office/shifts"));
        let request = request.header("cookie", format!("session={value}"));
        posted(
            request,
            &[("csrf", csrf), ("counter", "01"), ("float", "100.00")],
        )
    };
    assert_eq!(open("x").send().await.unwrap().status(), 403);
    let opened = open(&proof::csrf(value)).send().await.unwrap();
    assert_eq!(
        (opened.status().as_u16(), header(&opened, "location")),
        (303, "/office/shifts/01")
    );
    let page = scene.ask("GET", "/office/shifts/01", &cashier).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("<dd>cashier</dd>"), "her name: {page}");
    let deeds = scene.deeds.lock().unwrap();
    let opened = deeds.iter().any(|deed| deed.what == What::ShiftOpened);
    assert!(opened, "{deeds:?}");
}
