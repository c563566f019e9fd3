//! TLS with the certificate that the first start makes, and the command line beside it.

use reqwest::Certificate;

use super::*;

#[tokio::test]
async fn the_first_start_makes_a_certificate_that_stays_and_is_told() {
    let mut store =
        Store::open_with("[api.tls]\nenabled = true\nnames = ['store.example']\n").await;
    let manager = store.set_up().await;
    assert!(
        manager.cookie.starts_with("__Host-session="),
        "{}",
        manager.cookie
    );
    let told = |log: &str| {
        let line = log
            .lines()
            .rfind(|line| line.starts_with("The certificate's SHA-256 is "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let fingerprint = told(&store.log());
    assert_eq!(fingerprint.split(':').count(), 32);
    let page = store
        .client
        .get(store.url("/people"))
        .header("cookie", &manager.cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&fingerprint), "{page}");

    // whoever trusts this very certificate reaches the store by its names, and by no plain HTTP
    let pem = fs::read(store.dir.path().join("journal/people/api.pem")).unwrap();
    let trusting = Client::builder()
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
        .resolve("store.example", ([127, 0, 0, 1], store.port).into())
        .resolve("other.example", ([127, 0, 0, 1], store.port).into())
        .build()
        .unwrap();
    let ask = async |host: &str| {
        let url = format!("https://{host}:{}/healthz", store.port);
        trusting
            .get(url)
            .send()
            .await
            .map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask("store.example").await.unwrap(), 200);
    assert_eq!(ask("127.0.0.1").await.unwrap(), 200);
    assert!(ask("other.example").await.is_err());
    let plain = format!("http://127.0.0.1:{}/healthz", store.port);
    assert!(store.client.get(plain).send().await.is_err());
    assert_eq!(store.command(&["payments", "--json"]), "");

    store.kill();
    store.start().await;
    assert_eq!(told(&store.log()), fingerprint);
    assert_eq!(
        store.status(&manager, "/people").await,
        200,
        "the session holds"
    );
}

#[tokio::test]
async fn tokens_are_made_and_revoked_from_the_shell_while_the_store_runs() {
    let store = Store::open().await;
    let manager = store.set_up().await;
    let made = store.command(&[
        "token",
        "add",
        "--name",
        "till 01",
        "--scope",
        "pay",
        "--counter",
        "01",
    ]);
    let ask = async || {
        let request = store
            .client
            .get(store.url("/v1/counters"))
            .bearer_auth(made.trim());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 200);
    let listed = store.command(&["token", "list"]);
    let (id, rest) = listed.trim().split_once('\t').unwrap();
    assert_eq!(rest, "till 01\tpay\t01");
    assert!(!listed.contains(made.trim()));
    store.command(&["token", "revoke", id]);
    assert_eq!(ask().await, 401);
    assert_eq!(store.command(&["token", "list"]), "");
    let seen = eventually("what was done at the shell is in the journal", || async {
        let deeds = store.deeds(&manager).await;
        let of_tokens = deeds
            .into_iter()
            .filter(|(_, what)| what.starts_with("token"));
        let of_tokens: Vec<_> = of_tokens.map(|(_, what)| what).collect();
        (of_tokens.len() == 2).then_some(of_tokens)
    });
    assert_eq!(seen.await, ["token_revoked", "token_made"]);

    // a store whose manager has forgotten everything
    let link = store.command(&["setup-link"]);
    let (_, code) = link.trim().split_once("code=").unwrap();
    let fields = [
        ("code", code),
        ("name", "Zhao"),
        ("secret", "battery staple"),
        ("again", "battery staple"),
        ("language", "en"),
    ];
    let answer = store.post("/setup", &fields).await;
    let second = store.session(answer).await;
    assert_eq!(store.status(&second, "/people").await, 200);
}
