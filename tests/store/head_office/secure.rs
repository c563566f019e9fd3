//! A broker that wants TLS, the client's certificate, and a user with a password.

use std::{path::Path, process::Command};

use crate::support::{eventually, mosquitto::Mosquitto, office::Office};

/// A certificate authority, a certificate of the broker's and one of the head office's; PEM files.
fn make_certificates(dir: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .output()
            .expect("openssl is not installed: `make test` installs it");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!(
        "req -x509 {new_key} -keyout ca.key -out ca.pem -subj /CN=ca"
    ));
    for (name, alternative) in [("broker", "IP:127.0.0.1"), ("office", "DNS:office")] {
        openssl(&format!(
            "req -x509 {new_key} -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem \
             -subj /CN={name} -addext subjectAltName={alternative} \
             -addext basicConstraints=critical,CA:FALSE"
        ));
    }
    openssl(&format!(
        "req -x509 {new_key} -keyout other.key -out other.pem -subj /CN=other"
    ));
}

async fn broker(dir: &Path) -> Mosquitto {
    let users = dir.join("users");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c", users.to_str().unwrap(), "office", "right"])
        .status()
        .unwrap();
    assert!(made.success());
    let file = |name: &str| dir.join(name).display().to_string();
    let lines = format!(
        "allow_anonymous false\npassword_file {}\ncafile {}\ncertfile {}\nkeyfile {}\n\
         require_certificate true\n",
        file("users"),
        file("ca.pem"),
        file("broker.pem"),
        file("broker.key"),
    );
    Mosquitto::start_with(&lines).await
}

fn section(dir: &Path, ca: &str, password: &str) -> String {
    std::fs::write(dir.join("password"), format!("{password}\n")).unwrap();
    let file = |name: &str| dir.join(name).display().to_string();
    format!(
        "retry_ms = 100\ntls = true\nca_file = '{}'\ncert_file = '{}'\nkey_file = '{}'\n\
         user = 'office'\npassword_file = '{}'\n",
        file(ca),
        file("office.pem"),
        file("office.key"),
        file("password"),
    )
}

#[tokio::test]
async fn certificates_and_password_open_the_broker_and_wrong_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let broker = broker(dir.path()).await;
    let url = format!("mqtts://127.0.0.1:{}", broker.port);
    let database = format!("sqlite:{}/x.db", dir.path().display());

    let office =
        Office::start_with(&section(dir.path(), "other.pem", "right"), &url, &database).await;
    eventually("the foreign certificate to be refused", || async {
        office.log().contains("UnknownIssuer").then_some(())
    })
    .await;
    drop(office);

    let office = Office::start_with(&section(dir.path(), "ca.pem", "wrong"), &url, &database).await;
    eventually("the password to be refused", || async {
        office.log().contains("NotAuthorized").then_some(())
    })
    .await;
    assert_eq!(office.get("/healthz").await.0, 503);
    assert!(
        !office.log().contains("wrong"),
        "the password is in the log"
    );
    // a password that is put right is read at the next attempt
    std::fs::write(dir.path().join("password"), "right\n").unwrap();
    office.connected().await;
}
