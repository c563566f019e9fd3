//! TLS: who the broker is, and who we are. The certificates are made by openssl.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use store_controller::adapters::mqtt::broker::{Broker, Login, Tls};
use tempfile::TempDir;

use super::{
    head_office::HeadOffice,
    shop::{Shop, broker_at},
};
use crate::support::{chain::Chain, eventually, mosquitto::Mosquitto};

/// A folder with `ca.pem`, `server.pem` and `client.pem` and their keys.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch";
        let ca = format!("req -x509 {key} -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem");
        openssl(at, &ca);
        std::fs::write(
            at.join("server.ext"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
        )
        .unwrap();
        std::fs::write(at.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
        for name in ["server", "client"] {
            openssl(
                at,
                &format!("req {key} -subj /CN={name} -keyout {name}.key -out {name}.csr"),
            );
            openssl(
                at,
                &format!(
                    "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
                     -days 2 -extfile {name}.ext -out {name}.pem"
                ),
            );
        }
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// mosquitto's lines for a TLS listener.
    fn server_config(&self) -> String {
        let at = self.0.path().display();
        format!("cafile {at}/ca.pem\ncertfile {at}/server.pem\nkeyfile {at}/server.key\n")
    }

    fn tls(&self, identity: bool) -> Tls {
        let identity = identity.then(|| (self.file("client.pem"), self.file("client.key")));
        Tls {
            ca_file: Some(self.file("ca.pem")),
            identity,
        }
    }
}

fn openssl(dir: &Path, arguments: &str) {
    run(Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(dir));
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn drains(broker: Broker) {
    let chain = Chain::of("0042", 500);
    let office = HeadOffice::open(broker.clone()).await;
    let shop = Shop::open(broker, &chain);
    shop.drained(500).await;
    office.assert_holds(&chain.records);
}

/// The broker turned it away at least twice, and it never came up.
async fn is_turned_away(mosquitto: &Mosquitto, broker: Broker, sign: &str) {
    let chain = Chain::of("0042", 10);
    let shop = Shop::open(broker, &chain);
    eventually("the broker to turn it away", || async {
        (mosquitto.log().matches(sign).count() >= 2).then_some(())
    })
    .await;
    let status = shop.status().await;
    assert_eq!((status.state, status.receipted), ("offline", 0));
}

#[actix::test]
async fn a_store_logs_in_over_tls_with_user_and_password_from_a_file() {
    let certificates = Certificates::make();
    let users = certificates.file("users");
    run(Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&users)
        .args(["store", "s3cret"]));
    let config = certificates.server_config();
    let config = format!(
        "{config}allow_anonymous false\npassword_file {}\n",
        users.display()
    );
    let mosquitto = Mosquitto::start_with(&config).await;
    let password_file = certificates.file("password");
    std::fs::write(&password_file, "s3cret\n").unwrap();
    let login = Login {
        user: "store".into(),
        password_file: password_file.clone(),
    };
    let tls = Some(certificates.tls(false));
    let broker = Broker {
        tls,
        login: Some(login),
        ..broker_at(mosquitto.port)
    };
    drains(broker.clone()).await;

    std::fs::write(&password_file, "guessed\n").unwrap();
    is_turned_away(&mosquitto, broker, "not authorised").await;
}

#[actix::test]
async fn a_store_shows_its_client_certificate() {
    let certificates = Certificates::make();
    let config = certificates.server_config();
    let config = format!("{config}require_certificate true\nuse_identity_as_username true\n");
    let mosquitto = Mosquitto::start_with(&config).await;
    let tls = |identity| Some(certificates.tls(identity));
    drains(Broker {
        tls: tls(true),
        ..broker_at(mosquitto.port)
    })
    .await;
    assert!(mosquitto.log().contains("u'client'"), "{}", mosquitto.log());

    let without = Broker {
        tls: tls(false),
        ..broker_at(mosquitto.port)
    };
    is_turned_away(&mosquitto, without, "peer did not return a certificate").await;
}

#[actix::test]
async fn a_broker_of_another_authority_gets_nothing() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let mosquitto = Mosquitto::start_with(&certificates.server_config()).await;
    let broker = Broker {
        tls: Some(others.tls(false)),
        ..broker_at(mosquitto.port)
    };
    is_turned_away(&mosquitto, broker, "alert").await;
}
