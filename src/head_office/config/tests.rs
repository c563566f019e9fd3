//! The head office configuration: complete as shipped, strict with everything else.

use super::*;

fn parse(text: &str) -> Result<Config, Faults> {
    Config::parse("office.toml", text, Path::new("/etc/office"))
}

#[test]
fn the_file_that_ships_is_the_default() {
    let shipped = parse(BUILT_IN).unwrap();
    assert_eq!(shipped, parse("").unwrap());
    assert_eq!(shipped.listen.to_string(), "127.0.0.1:8700");
    assert_eq!(
        shipped.database.url,
        "sqlite:/var/lib/head-office/head-office.db"
    );
}

#[test]
fn every_optional_key_can_be_taken_out_of_its_comment() {
    let text: String = BUILT_IN
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if key.contains("_file = ") || key.starts_with("user = ") => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = parse(&text.replace("tls = false", "tls = true")).unwrap();
    let tls = config.broker.tls.unwrap();
    assert_eq!(tls.ca_file, Some("/etc/office/broker-ca.pem".into()));
    assert_eq!(
        tls.identity,
        Some((
            "/etc/office/head-office.pem".into(),
            "/etc/office/head-office.key".into()
        ))
    );
    assert_eq!(config.broker.login.unwrap().user, "head-office");
    assert_eq!(
        config.database.password_file,
        Some("/etc/office/database-password".into())
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = "[head_office]\nchain = 'a/b'\n[api]\nlisten = '0.0.0.0:8700'\n[broker]\nhots = 'x'\n\
                user = 'x'\nca_file = 'x'\n[database]\nurl = 'mysql://x'\n[log]\nlevel = 'a=b=c'\n";
    let faults = parse(text).unwrap_err();
    let keys: Vec<_> = faults
        .list
        .iter()
        .map(|fault| (fault.line, fault.key.as_str()))
        .collect();
    assert_eq!(
        keys,
        [
            (2, "head_office.chain"),
            (4, "api.listen"),
            (6, "broker.hots"),
            (7, "broker.user"),
            (8, "broker.ca_file"),
            (10, "database.url"),
            (12, "log.level"),
        ],
        "{faults}"
    );
    assert!(
        faults.to_string().contains("did you mean \"host\"?"),
        "{faults}"
    );
}

#[test]
fn a_database_is_named_by_its_url() {
    let dir = Path::new("/d");
    for (text, url) in [
        ("sqlite:x.db", Some("sqlite:/d/x.db")),
        ("sqlite:///x.db", Some("sqlite:/x.db")),
        ("postgres://u@h/d", Some("postgres://u@h/d")),
        ("sqlite:", None),
        ("sqlite:x.db?mode=ro", None),
        ("x.db", None),
    ] {
        assert_eq!(database_url(text, dir).as_deref(), url, "{text}");
    }
}
