//! Days: held open while anything is missing, complete when the store's certificate proves it.

use std::process::Command;

use store_actors::{
    domain::{
        certificate::{Certificate, SignedCertificate, Tally},
        day::Day,
        record::Body,
    },
    ports::Signer,
};
use store_controller::adapters::signing::StoreKey;
use tempfile::TempDir;

use crate::{
    mqtt::shop::{Shop, broker_at},
    support::{
        chain::{Chain, time_of},
        eventually,
        mosquitto::Mosquitto,
        office::{Office, PROGRAM},
        postgres::Postgres,
        tap::Tap,
    },
};

const STORE: &str = "0017";
const OFFSET_MINUTES: i32 = 480;

struct Till {
    chain: Chain,
    dir: TempDir,
}

impl Till {
    /// Twenty payments in forty records.
    fn open() -> Self {
        Self {
            chain: Chain::of(STORE, 40),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn day(&self) -> Day {
        Day::of(time_of(1), OFFSET_MINUTES)
    }

    fn key(&self, name: &str) -> StoreKey {
        StoreKey::open(&self.dir.path().join(name)).unwrap()
    }

    /// Record 41: the certificate, as `change` leaves it, signed with the key of this name.
    fn close(&mut self, name: &str, change: impl FnOnce(&mut Certificate)) -> String {
        self.close_spoilt(name, change, |_| {})
    }

    /// The same, and `spoil`ed after it was signed.
    fn close_spoilt(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Certificate),
        spoil: impl FnOnce(&mut SignedCertificate),
    ) -> String {
        let mut tally = Tally::new(self.day(), OFFSET_MINUTES, 1);
        self.chain
            .records
            .iter()
            .for_each(|record| tally.feed(record));
        let mut certificate = tally.certificate(&self.chain.store.store).unwrap();
        change(&mut certificate);
        let text = serde_json::to_string(&certificate).unwrap();
        let key = self.key(name);
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let mut signed = SignedCertificate {
            day: certificate.day,
            signature: hex(&key.sign(text.as_bytes())),
            key: hex(&key.public_key()),
            text,
        };
        spoil(&mut signed);
        let public = signed.key.clone();
        let certificate = Box::new(signed);
        self.chain.append(&Body::DayClosed { certificate });
        public
    }
}

fn command(arguments: &[&str], database: &str) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let done = command
        .args(arguments)
        .args(["--database", database])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout) + &text(done.stderr))
}

async fn verdict(office: &Office, day: Day) -> serde_json::Value {
    let (_, page) = office.get(&format!("/v1/completeness?day={day}")).await;
    page["stores"][0].clone()
}

async fn becomes(office: &Office, day: Day, wanted: &str) -> serde_json::Value {
    eventually(&format!("the day to be {wanted}"), || async {
        Some(verdict(office, day).await).filter(|store| store["verdict"] == wanted)
    })
    .await
}

async fn held_open_until_everything_is_there(database: &str) {
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, database).await;
    let mut till = Till::open();
    let day = till.day();
    till.close("own", |_| {});
    let chain = &till.chain;

    tap.send(&chain.store, &chain.part(1, 30));
    tap.receipt_through(&chain.store, 30).await;
    let store = verdict(&office, day).await;
    assert_eq!(
        (&store["verdict"], &store["has_certificate"]),
        (&"open".into(), &false.into())
    );
    let (code, said) = command(&["completeness", "--day", &day.to_string()], database);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("store 0017: open, no certificate of the day yet"),
        "{said}"
    );

    tap.send(&chain.store, &chain.part(41, 41));
    let store = eventually("the certificate to arrive", || async {
        Some(verdict(&office, day).await).filter(|store| store["has_certificate"] == true)
    })
    .await;
    assert_eq!(store["verdict"], "open");
    assert_eq!(store["missing_records"], 10);
    let (code, said) = command(&["completeness", "--day", &day.to_string()], database);
    assert_eq!(code, Some(1));
    // payments 16 to 20 of 1.16 to 1.20; the last one known was opened at 06:13 there
    let line = "store 0017, counter 01: 5 payments, 5.90 CNY, oldest 06:13";
    assert!(said.contains(line), "{said}");
    assert!(
        said.contains(&format!("{day}: 0 of 1 stores complete")),
        "{said}"
    );

    tap.send(&chain.store, &chain.part(31, 40));
    let store = becomes(&office, day, "complete").await;
    assert_eq!(
        (&store["payments"], &store["missing"]),
        (&20.into(), &serde_json::json!([]))
    );
    let arguments = ["completeness", "--day", &day.to_string(), "--store", STORE];
    let (code, said) = command(&arguments, database);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("store 0017: complete, 20 payments"), "{said}");
}

fn sqlite() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("office.db").display());
    (dir, url)
}

#[tokio::test]
async fn a_day_is_held_open_until_everything_is_there_on_sqlite() {
    let (_dir, database) = sqlite();
    held_open_until_everything_is_there(&database).await;
}

#[tokio::test]
async fn a_day_is_held_open_until_everything_is_there_on_postgres() {
    let postgres = Postgres::start().await;
    held_open_until_everything_is_there(&postgres.database("days").await).await;
}

/// What the head office says of a day that was closed so, once it has refused it.
async fn refused(close: impl FnOnce(&mut Till) -> String) -> serde_json::Value {
    let (_dir, database) = sqlite();
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &database).await;
    let mut till = Till::open();
    close(&mut till);
    tap.send(&till.chain.store, &till.chain.part(1, 41));
    becomes(&office, till.day(), "refused").await
}

#[tokio::test]
async fn what_contradicts_the_records_is_refused_and_says_how() {
    for (change, why) in [
        (
            (|one| one.counters[0].lines[0].minor_units += 1) as fn(&mut Certificate),
            "counter 01: what is held here adds up to something else",
        ),
        (
            |one| one.last_hash.0[0] ^= 1,
            "its last record is another one here",
        ),
        (|one| one.counters.clear(), "counter 01: what is held here"),
    ] {
        let store = refused(|till| till.close("own", change)).await;
        assert!(store["why"].as_str().unwrap().contains(why), "{store}");
    }
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_refused() {
    let spoils: [fn(&mut SignedCertificate); 3] = [
        |signed| signed.text.push(' '),
        |signed| signed.signature.truncate(64),
        |signed| signed.signature = "00".repeat(64),
    ];
    for spoil in spoils {
        let store = refused(|till| till.close_spoilt("own", |_| {}, spoil)).await;
        assert_eq!(store["why"], "its signature is wrong", "{store}");
    }
}

#[tokio::test]
async fn another_key_is_not_believed_until_somebody_trusts_it() {
    let (_dir, database) = sqlite();
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let office = Office::start(&broker, &database).await;
    let mut till = Till::open();
    let day = till.day();
    till.close("own", |_| {});
    tap.send(&till.chain.store, &till.chain.part(1, 41));
    becomes(&office, day, "complete").await;
    // the same day once more, of a machine that was replaced
    let other = till.close("other", |_| {});
    tap.send(&till.chain.store, &till.chain.part(42, 42));
    let store = becomes(&office, day, "refused").await;
    let why = store["why"].as_str().unwrap();
    assert!(why.contains("signed by another key"), "{why}");
    let (code, said) = command(&["trust", "--store", STORE, "--key", "beef"], &database);
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = command(&["trust", "--store", STORE, "--key", &other], &database);
    assert_eq!(code, Some(0), "{said}");
    becomes(&office, day, "complete").await;
}

#[actix::test]
async fn a_head_office_that_lost_its_database_asks_for_everything_and_gets_it() {
    let (dir, database) = sqlite();
    let broker = Mosquitto::start().await;
    let chain = Chain::of(STORE, 500);
    let office = Office::start(&broker, &database).await;
    let shop = Shop::open(broker_at(broker.port), &chain);
    shop.drained(500).await;
    office.kill();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let office = Office::start(&broker, &database).await;
    // the store writes nothing any more, and believes that everything is receipted
    eventually("everything to be there again", || async {
        (office.store(STORE).await["watermark"] == 500).then_some(())
    })
    .await;
}
