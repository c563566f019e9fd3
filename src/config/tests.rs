//! Every key is read, and every fault is told at once with its line.

use super::*;
use crate::adapters::{mqtt::broker::Login, serial::StopBits};

fn parse(text: &str) -> Result<Config, Faults> {
    Config::parse("store.toml", text, Path::new("/etc/store"))
}

fn faults(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The built-in file with every commented example in force.
fn with_examples() -> String {
    let is_example = |line: &str| {
        let key = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "))
            .map(|(key, _)| key);
        key.is_some_and(|key| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
    };
    let line = |line: &str| {
        if is_example(line) {
            line.replacen("# ", "", 1)
        } else {
            line.to_owned()
        }
    };
    BUILT_IN.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_file_is_the_built_in_file() {
    assert_eq!(
        Config::load(None).unwrap(),
        Config::parse("", BUILT_IN, Path::new("")).unwrap()
    );
}

#[test]
fn every_key_of_the_built_in_file_is_read() {
    // as a user's file, a key that nobody reads would be an unknown key
    parse(BUILT_IN).unwrap();
}

#[test]
fn every_commented_example_is_read_and_takes_effect() {
    let text = with_examples()
        .replace("enabled = false", "enabled = true")
        .replace("tls = false", "tls = true")
        .replace("http://127.0.0.1:8610", "https://pay.example");
    let config = parse(&text).unwrap();
    let broker = config.uplink.unwrap().broker;
    let tls = broker.tls.unwrap();
    assert_eq!(tls.ca_file, Some("/etc/store/broker-ca.pem".into()));
    assert_eq!(
        tls.identity,
        Some(("/etc/store/store.pem".into(), "/etc/store/store.key".into()))
    );
    let password_file = "/etc/store/mqtt-password".into();
    assert_eq!(
        broker.login,
        Some(Login {
            user: "store-0001".into(),
            password_file
        })
    );
    let door = config.notifications.listen.unwrap();
    assert_eq!(door.to_string(), "0.0.0.0:8620");
    let api = config.api.tls.unwrap();
    let files = api.files.unwrap();
    assert_eq!(
        (files.certificate, files.key, api.names),
        (
            "/etc/store/store.pem".into(),
            "/etc/store/store-key.pem".into(),
            vec!["store-0001.example".to_owned()]
        )
    );
    assert_eq!(config.people.dir, Path::new("/etc/store/people"));
    let counter = &config.counters[0];
    assert_eq!(
        counter.nfc.as_ref().unwrap().reader,
        "ACS ACR122U PICC Interface"
    );
    assert_eq!(
        (counter.collect_timeout, counter.terminal_entry),
        (Duration::from_secs(90), false)
    );
    assert_eq!(counter.pin_above, None);
}

#[test]
fn the_built_in_values_are_the_programs_own() {
    let config = Config::load(None).unwrap();
    let sandbox = &config.acquirers[0];
    assert_eq!(sandbox.clock, AcquirerClock::USUAL);
    assert!(config.api.listen.ip().is_loopback());
    assert_eq!(config.uplink, None);
    let own = "[acquirers.own]\ndriver = 'sandbox'\nbase_url = 'https://pay.example'\nmerchant = '1'\n\
               key_file = '/k'\ntenders = ['card']\nschemes = ['visa']\n";
    let config = parse(own).unwrap();
    assert_eq!(
        config.acquirers.len(),
        1,
        "the built-in acquirer is not added to the file's own"
    );
    let own = &config.acquirers[0];
    assert_eq!(
        (own.clock, own.probe_interval, own.speed),
        (sandbox.clock, sandbox.probe_interval, sandbox.speed)
    );
    assert_eq!(
        (own.name.as_str(), own.driver.key_file()),
        ("own", Path::new("/k"))
    );
}

#[test]
fn a_counter_says_what_differs_from_the_others() {
    let text = r#"
[store]
currency = "JPY"
[counter_defaults]
pin_above = "5000"
[[counter]]
id = "a"
terminal = { line = "tcp://10.0.0.7:20007", connect_timeout_ms = 500 }
[[counter]]
id = "b"
pin_above = "0"
terminal = { line = "tcp://[fe80::1]:20007" }
scanner = { line = "/dev/ttyS1", baud = 19200, parity = "even", suffix = "crlf", model = "honeywell" }
nfc = { reader = "R 00 00" }
"#;
    let config = parse(text).unwrap();
    let [a, b] = &config.counters[..] else {
        panic!("{:?}", config.counters)
    };
    let connect_timeout = Duration::from_millis(500);
    assert_eq!(
        a.terminal,
        Some(Terminal {
            line: Line::Tcp {
                host: "10.0.0.7".into(),
                port: 20007,
                connect_timeout
            },
            protocol: Protocol::Nexo,
        })
    );
    assert_eq!((&a.scanner, &a.nfc), (&None, &None));
    assert_eq!(a.pin_above.unwrap().to_string(), "5000 JPY");
    assert_eq!(b.pin_above.unwrap().to_string(), "0 JPY");
    assert_eq!(
        b.terminal.as_ref().unwrap().line.describe(),
        "tcp://[fe80::1]:20007"
    );
    let scanner = b.scanner.as_ref().unwrap();
    assert_eq!(
        (scanner.model, scanner.suffix),
        (Family::Honeywell, Suffix::CrLf)
    );
    assert_eq!(scanner.repeat_filter, Duration::from_millis(1_500));
    let settings = SerialSettings {
        baud: 19_200,
        parity: crate::adapters::serial::Parity::Even,
        ..Default::default()
    };
    assert_eq!(
        scanner.line,
        Line::Serial {
            path: "/dev/ttyS1".into(),
            settings
        }
    );
}

#[test]
fn all_faults_come_at_once_with_their_lines() {
    let text = r#"[store]
currency = "EURO"
[api]
listen = "0.0.0.0:8600"
port = 1
[uplink]
cert_file = "a"
user = "u"
[acquirers.x]
driver = "visa"
base_url = "ftp://x"
merchant = "m"
key_file = "k"
tenders = ["card", "card", "cash"]
schemes = []
clock = { answer_timeout_ms = 5000, give_up_ms = 4000 }
[[counter]]
id = "1"
terminal = { line = "/dev/a" }
scanner = { line = "/dev/a", baud = 1 }
[[counter]]
id = "1"
terminal = { line = "ttyS0" }
scanner = { line = "tcp://host" }
pin_above = "-1"
"#;
    let said = faults(text);
    let found: Vec<_> = said
        .lines()
        .map(|line| line.splitn(4, ':').skip(1).take(2).collect::<String>())
        .collect();
    let expected = [
        "2 store.currency",
        "4 api.listen",
        "5 api.port",
        "7 uplink.cert_file",
        "7 uplink.cert_file",
        "8 uplink.user",
        "10 acquirers.x.driver",
        "11 acquirers.x.base_url",
        "14 acquirers.x.tenders",
        "14 acquirers.x.tenders",
        "15 acquirers.x.schemes",
        "16 acquirers.x.clock.give_up_ms",
        "20 counter[0].scanner.baud",
        "20 counter[0].scanner.line",
        "22 counter[1].id",
        "23 counter[1].terminal.line",
        "24 counter[1].scanner.line",
        "25 counter[1].pin_above",
    ];
    assert_eq!(found, expected, "{said}");
    assert!(
        said.contains("/dev/a is already used by the terminal of counter 1"),
        "{said}"
    );
    assert!(said.contains("allow_public = true"), "{said}");
}

#[test]
fn a_public_address_needs_to_be_allowed() {
    for (listen, is_public) in [
        ("127.0.0.1:80", false),
        ("127.8.8.8:80", false),
        ("[::1]:80", false),
        ("0.0.0.0:80", true),
        ("[::]:80", true),
        ("192.168.1.5:80", true),
    ] {
        let text = format!("[api]\nlisten = \"{listen}\"\n");
        assert_eq!(parse(&text).is_err(), is_public, "{listen}");
        let allowed = format!("{text}allow_public = true\n");
        // where other machines can reach it, TLS is spoken and everybody signs in
        let config = parse(&allowed).unwrap();
        assert_eq!(config.api.tls.is_some(), is_public, "{listen}");
        assert!(config.people.sign_in);
        let off = parse(&format!("{allowed}[people]\nsign_in = \"off\"\n"));
        assert_eq!(off.is_err(), is_public, "{listen}");
    }
    let half = "[api.tls]\nenabled = true\nkey_file = \"k\"\n";
    assert!(faults(half).contains("both or none"));
}

#[test]
fn readers_and_counts_are_checked() {
    let twice = "[[counter]]\nid = 'a'\nnfc = {reader = 'R'}\n[[counter]]\nid = 'b'\nnfc = {reader = 'R'}\n";
    assert_eq!(
        faults(twice),
        "store.toml:6: counter[1].nfc.reader: reader \"R\" is already used by counter a"
    );
    assert_eq!(
        faults("counter = []"),
        "store.toml:1: counter: there are 0; allowed: 1 to 1000"
    );
    assert_eq!(
        faults("[acquirers]"),
        "store.toml:1: acquirers: has no acquirer: nothing could be paid"
    );
    assert!(faults("[log]\nlevel = 'loud=very'").starts_with("store.toml:2: log.level"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refused = Config::load(Some(Path::new("/nowhere/store.toml"))).unwrap_err();
    assert_eq!(refused.to_string(), "/nowhere/store.toml can't be read");
}

#[test]
fn the_examples_of_acquirers_are_in_order() {
    let text = include_str!("../../config/acquirers.toml");
    let config = parse(text).unwrap();
    let Driver::Alipay(account) = &config.acquirers[0].driver else {
        panic!("{config:?}");
    };
    let Driver::CardHost(terminal) = &config.acquirers[1].driver else {
        panic!("{config:?}");
    };
    assert_eq!(terminal.station.terminal, "00000001");
    let Driver::UnionPay(merchant) = &config.acquirers[2].driver else {
        panic!("{config:?}");
    };
    assert_eq!(merchant.signer, "中国银联股份有限公司");
    assert!(merchant.voids);
    let stickers = |config: &Config| {
        let all = config.acquirers.iter();
        all.map(|one| one.sticker.clone()).collect::<Vec<_>>()
    };
    let [alipay, none, union_pay, ..] = &stickers(&config)[..] else {
        panic!("{config:?}");
    };
    assert!(matches!(alipay, Some(StickerForm::Text(text)) if text.ends_with("{label}")));
    assert_eq!(*none, None);
    let Some(StickerForm::Emv(form)) = union_pay else {
        panic!("{union_pay:?}");
    };
    assert_eq!((form.account_id, form.country.as_str()), (15, "CN"));
    for (from, to, why) in [
        ("account_id = 15", "account_id = 26", "account_guid"),
        ("\"5411\"", "\"541\"", "four digits"),
        (
            "city = \"SHANGHAI\"",
            "city = \"SHANGHAI, NANJING ROAD\"",
            "no code can be made",
        ),
        ("form = \"emvco\"", "form = \"emv\"", "form"),
    ] {
        let said = faults(&text.replace(from, to));
        assert!(said.contains(why), "{said}");
    }
    let tls = text.replace("tcp://10.0.0.1:5000", "https://10.0.0.1");
    let refused = parse(&tls).unwrap_err().to_string();
    assert!(refused.contains("tcp:// is for card hosts"), "{refused}");
    let key = Path::new("/etc/store/alipay-public.pem").to_owned();
    assert_eq!(account.trust, AlipayTrust::PublicKey(key));
    let by_certificates: String = text
        .lines()
        .filter(|line| !line.starts_with("alipay_public_key_file"))
        .map(|line| match line.contains("_certificate_file") {
            true => line.trim_start_matches("# ").to_owned() + "\n",
            false => line.to_owned() + "\n",
        })
        .collect();
    let config = parse(&by_certificates).unwrap();
    let Driver::Alipay(account) = &config.acquirers[0].driver else {
        panic!("{config:?}");
    };
    assert!(matches!(account.trust, AlipayTrust::Certificates { .. }));
}

#[test]
fn wechat_is_spoken_by_one_of_its_interfaces_with_the_keys_of_that_one() {
    let table = |keys: &str| {
        format!(
            "[acquirers.w]\ndriver = 'wechat'\nbase_url = 'https://pay.example'\nappid = 'a'\n\
             mchid = '1'\nkey_file = '/k'\ncertificate_file = '/c'\n\
             notify_url = 'https://pay.example/n'\ntenders = ['customer_code']\n\
             schemes = ['wechat_pay']\n{keys}\n"
        )
    };
    let of = |keys: &str| match &parse(&table(keys)).unwrap().acquirers[0].driver {
        Driver::Wechat(account) => account.interface.clone(),
        other => panic!("{other:?}"),
    };
    let v2 = "interface = 'v2'\napi_v2_key_file = '/2'";
    let api_key_file = Path::new("/2").to_owned();
    assert_eq!(of(v2), WechatInterface::V2 { api_key_file });
    let v3 = "interface = 'v3'\napi_v3_key_file = '/3'\n";
    let certificates = of(&format!("{v3}wechat_certificate_files = ['/a', '/b']"));
    let wanted = WechatInterface::V3 {
        api_key_file: Path::new("/3").to_owned(),
        public_key: None,
        certificates: vec![Path::new("/a").to_owned(), Path::new("/b").to_owned()],
    };
    assert_eq!(certificates, wanted);
    let said = faults(&table(v3).replace("https://pay.example/n", "http://x"));
    for fault in [
        "w.wechat_public_key_id: is missing, and so is wechat_certificate_files",
        "w.notify_url: is \"http://x\"; allowed: https://…",
    ] {
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn acquirers_are_asked_by_priority_and_then_by_name() {
    let table = |name: &str, more: &str| {
        format!(
            "[acquirers.{name}]\ndriver = 'sandbox'\nbase_url = 'https://pay.example'\n\
             merchant = '1'\nkey_file = '/k'\ntenders = ['card']\nschemes = ['visa']\n{more}\n"
        )
    };
    let limits = "[acquirers.c.limits]\ncard = '500.00'";
    let text = [
        table("a", ""),
        table("b", "priority = 10"),
        table("c", limits),
    ];
    let config = parse(&text.concat()).unwrap();
    let order: Vec<_> = config.acquirers.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(order, ["b", "a", "c"]);
    let limit = Money::parse("500", Currency::Cny).unwrap();
    assert_eq!(config.acquirers[2].limits, [(Tender::Card, limit)]);
    let wrong = table(
        "a",
        "priority = 0\n[acquirers.a.limits]\ncash = '1'\ncard = 'x'",
    );
    let said = faults(&wrong);
    for fault in [
        "a.priority: is 0; allowed: 1 to 100",
        "a.limits.cash: unknown key",
        "a.limits.card: is \"x\"; allowed: an amount in CNY",
    ] {
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn a_terminal_that_authorises_by_itself_has_settings_of_its_own() {
    let counter = |rest: &str| {
        let text = format!(
            "[[counter]]\nid = \"01\"\nterminal = {{ line = \"/dev/tty\", protocol = \"zvt\"{rest} }}"
        );
        parse(&text)
    };
    let terminal = |rest: &str| counter(rest).unwrap().counters[0].terminal.clone().unwrap();
    let Protocol::Zvt(zvt) = terminal(", password = \"012345\", end_of_day = \"23:45\"").protocol
    else {
        panic!()
    };
    assert_eq!(
        (zvt.password, zvt.end_of_day),
        (12_345, EndOfDay::At(23 * 60 + 45))
    );
    let Protocol::Zvt(zvt) = terminal(", end_of_day = \"with_day\"").protocol else {
        panic!()
    };
    assert_eq!(zvt.end_of_day, EndOfDay::WithDay);
    assert_eq!(zvt.receipts, Receipts::Terminal);
    let Line::Serial { settings, .. } = terminal("").line else {
        panic!()
    };
    assert_eq!((settings.baud, settings.stop_bits), (9_600, StopBits::Two));
    for wrong in [
        ", password = \"12345\"",
        ", end_of_day = \"24:00\"",
        ", receipts = \"nobody\"",
        ", pasword = \"000000\"",
    ] {
        assert!(counter(wrong).is_err(), "{wrong}");
    }
    let with_reader = "[[counter]]\nid = \"01\"\nterminal = { line = \"/dev/tty\", protocol = \"zvt\" }\nnfc = { reader = \"R\" }";
    let refused = parse(with_reader).unwrap_err().to_string();
    assert!(refused.contains("reads the cards itself"), "{refused}");
    let nexo =
        "[[counter]]\nid = \"01\"\nterminal = { line = \"/dev/tty\", password = \"000000\" }";
    assert!(parse(nexo).is_err(), "a password is ZVT's");
}

#[test]
fn a_store_can_have_ways_of_paying_off_and_an_acquirer_a_way_of_its_own() {
    let table = |url: &str| {
        format!(
            "[enabling]\noff_tenders = ['customer_code']\noff_schemes = ['visa']\nask = 'Ms Li'\n\
             [acquirers.a]\ndriver = 'sandbox'\nbase_url = '{url}'\nmerchant = '1'\n\
             key_file = '/k'\ntenders = ['card']\nschemes = ['visa']\nca_file = 'ca.pem'\n\
             proxy = 'http://10.0.0.3:3128'\nproxy_credentials_file = 'proxy'\n"
        )
    };
    let config = parse(&table("https://pay.example")).unwrap();
    assert_eq!(config.enabling.off_tenders, [Tender::CustomerCode]);
    assert_eq!(config.enabling.ask.as_deref(), Some("Ms Li"));
    let way = &config.acquirers[0].way;
    assert_eq!(way.ca_file, Some("/etc/store/ca.pem".into()));
    let proxy = way.proxy.as_ref().unwrap();
    assert_eq!(proxy.url, "http://10.0.0.3:3128");
    assert_eq!(proxy.credentials_file, Some("/etc/store/proxy".into()));
    // never a proxy that would see what is sent
    let said = faults(&table("http://127.0.0.1:1"));
    assert!(
        said.contains("ca_file and proxy are for https:// alone"),
        "{said}"
    );
    let wrong = "[enabling]\noff_tenders = ['any', 'card', 'card']\n";
    let said = faults(wrong);
    for fault in ["names \"any\"; allowed", "names \"card\" twice"] {
        assert!(said.contains(fault), "{said}");
    }
    assert_eq!(parse("").unwrap().enabling, Default::default());
}

#[test]
fn the_cheapest_is_known_by_a_table_of_fees_alone() {
    assert!(!Config::load(None).unwrap().routing.prefers_least_cost);
    let least = "[routing]\nprefer = \"least-cost\"\n";
    let told = faults(least);
    assert!(
        told.contains("routing.prefer") && told.contains("fees_file"),
        "{told}"
    );
    let config = parse(&format!("{least}[office]\nfees_file = \"fees.toml\"\n")).unwrap();
    assert!(config.routing.prefers_least_cost);
}
