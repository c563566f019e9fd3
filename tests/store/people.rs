//! People at the real program: from the link of the first start to the journal's record of who did
//! what.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{eventually, free_port, send_signal};

mod browser;
mod tls;

const PASSWORD: &str = "correct horse";

/// A controller without devices, where everybody signs in.
struct Store {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    scheme: &'static str,
    client: Client,
}

/// Somebody who is signed in: the cookie, and what the pages carry.
struct Session {
    cookie: String,
    csrf: String,
}

impl Store {
    async fn open() -> Self {
        Self::open_with("").await
    }

    /// With these lines at the end of its configuration.
    async fn open_with(lines: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let text = format!(
            "[api]\nlisten = '127.0.0.1:{port}'\n[journal]\ndir = 'journal'\nmin_free_mib = 16\n{lines}"
        );
        fs::write(dir.path().join("store.toml"), text).unwrap();
        fs::write(dir.path().join("sandbox.key"), "a key for tests only\n").unwrap();
        let client = Client::builder().redirect(redirect::Policy::none());
        let is_secure = lines.contains("[api.tls]");
        // the test of TLS looks at the certificate
        let client = client.tls_danger_accept_invalid_certs(is_secure);
        let mut store = Self {
            child: None,
            dir,
            port,
            scheme: if is_secure { "https" } else { "http" },
            client: client.build().unwrap(),
        };
        store.start().await;
        store
    }

    async fn start(&mut self) {
        let mut options = File::options();
        let log = options
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_store-controller"));
        program
            .arg("run")
            .arg("--config")
            .arg(self.dir.path().join("store.toml"));
        let outputs = (log.try_clone().unwrap(), log);
        program
            .stdout(outputs.0)
            .stderr(outputs.1)
            .stdin(Stdio::null());
        self.child = Some(program.spawn().unwrap());
        let answers = eventually("the API", || async {
            self.client.get(self.url("/healthz")).send().await.ok()
        });
        assert_eq!(answers.await.status(), 200);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            send_signal(&child, Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// What the program says to a command of the shell.
    fn command(&self, arguments: &[&str]) -> String {
        let mut program = Command::new(env!("CARGO_BIN_EXE_store-controller"));
        let said = program
            .args(arguments)
            .arg("--config")
            .arg(self.dir.path().join("store.toml"));
        let said = said.output().unwrap();
        let failed = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {failed}");
        String::from_utf8(said.stdout).unwrap()
    }

    /// Makes the manager 王芳.
    async fn set_up(&self) -> Session {
        let code = eventually("the link", || async { self.setup_code() }).await;
        let fields = [
            ("code", code.as_str()),
            ("name", "王芳"),
            ("secret", PASSWORD),
            ("again", PASSWORD),
            ("language", "zh-CN"),
        ];
        let answer = self.post("/setup", &fields).await;
        self.session(answer).await
    }

    /// The code of the last link that was printed.
    fn setup_code(&self) -> Option<String> {
        let log = self.log();
        let line = log
            .lines()
            .rfind(|line| line.starts_with("To make the first manager"))?;
        Some(line.split_once("code=")?.1.to_owned())
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self.client.post(self.url(path)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap()
    }

    async fn session(&self, answer: Response) -> Session {
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let cookies = answer.headers().get_all("set-cookie").iter();
        let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap().to_owned());
        let is_session = |cookie: &String| {
            let name = cookie.trim_start_matches("__Host-");
            name.starts_with("session=")
        };
        let cookie = cookies.find(is_session).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = self.client.get(self.url("/")).header("cookie", &cookie);
        let page = page.send().await.unwrap().text().await.unwrap();
        let csrf = page.split_once("csrf-token\" content=\"").unwrap().1;
        let csrf = csrf.split('"').next().unwrap().to_owned();
        Session { cookie, csrf }
    }

    async fn sign_in(&self, name: &str, secret: &str) -> Session {
        let answer = self
            .post("/sign-in", &[("name", name), ("secret", secret)])
            .await;
        self.session(answer).await
    }

    async fn ask(&self, session: &Session, path: &str, body: &Value) -> Response {
        let request = self.client.post(self.url(path)).json(body);
        let request = request.header("cookie", &session.cookie);
        request
            .header("x-csrf-token", &session.csrf)
            .send()
            .await
            .unwrap()
    }

    async fn status(&self, session: &Session, path: &str) -> u16 {
        let request = self
            .client
            .get(self.url(path))
            .header("cookie", &session.cookie);
        request.send().await.unwrap().status().as_u16()
    }

    async fn deeds(&self, session: &Session) -> Vec<(String, String)> {
        let request = self
            .client
            .get(self.url("/v1/audit"))
            .header("cookie", &session.cookie);
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let deeds = list["deeds"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        deeds
            .map(|deed| (text(&deed["name"]), text(&deed["what"])))
            .collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

fn private_files(dir: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let found = files.map(|entry| {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
        entry.file_name().into_string().unwrap()
    });
    found.collect()
}

#[tokio::test]
async fn from_the_first_link_to_who_did_what() {
    let mut store = Store::open().await;
    // nobody is let in, and a link that was not used is replaced by the next start
    assert_eq!(
        store
            .client
            .get(store.url("/v1/payments"))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let old = eventually("the link", || async { store.setup_code() }).await;
    store.kill();
    store.start().await;
    let newer = || async { store.setup_code().filter(|code| *code != old) };
    let code = eventually("another link", newer).await;
    let fields = |code| {
        let code: &str = code;
        [
            ("code", code),
            ("name", "王芳"),
            ("secret", PASSWORD),
            ("again", PASSWORD),
            ("language", "zh-CN"),
        ]
    };
    assert_eq!(store.post("/setup", &fields(&old)).await.status(), 422);
    let answer = store.post("/setup", &fields(&code)).await;
    let manager = store.session(answer).await;
    assert_eq!(
        store.post("/setup", &fields(&code)).await.status(),
        422,
        "it is used"
    );

    // the manager adds a cashier, who reaches nothing of a manager's
    let cashier = json!({ "name": "Li", "role": "cashier", "language": "en", "secret": "493817" });
    assert_eq!(
        store.ask(&manager, "/v1/people", &cashier).await.status(),
        201
    );
    let cashier = store.sign_in("Li", "493817").await;
    for path in ["/", "/payments", "/v1/counters"] {
        assert_eq!(store.status(&cashier, path).await, 200, "{path}");
    }
    for path in [
        "/people",
        "/tokens",
        "/audit",
        "/v1/people",
        "/v1/office/statement?from=2026-01-01&to=2026-01-02",
    ] {
        assert_eq!(store.status(&cashier, path).await, 403, "{path}");
    }
    let token = json!({ "name": "till", "scopes": ["pay"], "counters": ["01"] });
    assert_eq!(
        store.ask(&cashier, "/v1/tokens", &token).await.status(),
        403
    );
    let made = store.ask(&manager, "/v1/tokens", &token).await;
    let made: Value = made.json().await.unwrap();
    let till = made["token"].as_str().unwrap().to_owned();

    // killed and started again, everybody is who they were
    store.kill();
    store.start().await;
    assert_eq!(store.status(&cashier, "/").await, 200);
    let counters = store
        .client
        .get(store.url("/v1/counters"))
        .bearer_auth(&till);
    assert_eq!(counters.send().await.unwrap().status(), 200);
    let lock = json!({ "locked": true });
    assert_eq!(
        store.ask(&manager, "/v1/people/Li", &lock).await.status(),
        200
    );
    assert_eq!(
        store.status(&cashier, "/").await,
        303,
        "a lock ends the session"
    );
    let mut deeds = store.deeds(&manager).await;
    deeds.reverse();
    let expected = [
        ("", "set_up"),
        ("王芳", "person_added"),
        ("Li", "signed_in"),
        ("王芳", "token_made"),
        ("王芳", "person_changed"),
    ];
    assert_eq!(
        deeds,
        expected.map(|(who, what)| (who.to_owned(), what.to_owned()))
    );

    // what is on disk is private, and nobody can sign in with it
    let dir = store.dir.path().join("journal/people");
    let files = private_files(&dir);
    assert!(files.contains(&"people.json".into()) && files.contains(&"sessions.json".into()));
    for file in files {
        let text = fs::read_to_string(dir.join(&file)).unwrap();
        for secret in [
            PASSWORD,
            "493817",
            &till,
            &code,
            &manager.cookie["session=".len()..],
        ] {
            assert!(!text.contains(secret), "{file}");
        }
    }
}
