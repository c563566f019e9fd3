//! What a shop's journal tells when the controller has ended: `export` and `verify` on the records
//! that a real run left.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use store_sim::lab::{args::Args, shop::Shop, till::state};

const PATIENCE: Duration = Duration::from_secs(20);
const PAYMENTS: usize = 3;

/// A shop that took three payments and was closed; its configuration is `store.toml`.
async fn closed_shop(folder: &Path) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shop = Shop::open(&Args::calm(1), folder).await.unwrap();
    let running = run(folder, &["verify"]);
    assert_eq!(running.status.code(), Some(1));
    assert!(text(&running.stderr).contains("is running"), "{running:?}");
    for n in 0..PAYMENTS {
        let key = format!("basket,\"{n}\"");
        let opened = shop.till.open(&key, "01", "12.50", "customer_code").await;
        let id = opened.unwrap()["id"].as_str().unwrap().to_owned();
        let collecting = |payment: &Value| state(payment) == "collecting";
        shop.till.until(&id, PATIENCE, collecting).await.unwrap();
        let scanner = &shop.counters[0].scanner;
        scanner.scan("289431869362714645").await.unwrap();
        let approved = |payment: &Value| state(payment) == "approved";
        let paid = shop.till.until(&id, PATIENCE, approved).await.unwrap();
        assert_eq!(state(&paid), "approved", "{paid}");
    }
    shop.close().await.unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_store-controller"))
        .args(arguments)
        .arg("--config")
        .arg(folder.join("store.toml"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn succeeded(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout).to_owned()
}

#[tokio::test]
async fn every_record_is_exported_as_json_lines_and_as_csv_and_proves_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    closed_shop(folder.path()).await;
    let lines = succeeded(run(folder.path(), &["export"]));
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut before = Value::from("0".repeat(64));
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], n + 1);
        assert_eq!(record["prev"], before, "{record}");
        before = record["hash"].clone();
    }
    let approved = |record: &&Value| record["body"]["payment"]["state"] == "approved";
    assert_eq!(records.iter().filter(approved).count(), PAYMENTS, "{lines}");

    let file = folder.path().join("records.csv");
    let as_csv = ["export", "--format", "csv", "--out", file.to_str().unwrap()];
    assert_eq!(succeeded(run(folder.path(), &as_csv)), "");
    let table = fs::read_to_string(&file).unwrap();
    let mut rows = table.lines();
    let header: Vec<&str> = rows.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), records.len());
    let paid: Vec<&&str> = rows
        .iter()
        .filter(|row| row.contains(",approved,"))
        .collect();
    assert_eq!(paid.len(), PAYMENTS, "{table}");
    for row in paid {
        // what stands before the reference holds no comma
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells[column("minor_units")], "1250", "{row}");
        assert_eq!(cells[column("currency")], "CNY", "{row}");
        // RFC 4180: what holds a comma or a quote is quoted
        assert!(row.contains(",\"basket,\"\""), "{row}");
        let hash = row.rsplit(',').next().unwrap();
        assert!(records.iter().any(|record| record["hash"] == hash), "{row}");
    }
    // a file that is there is not written over
    assert_eq!(run(folder.path(), &as_csv).status.code(), Some(1));
    let some = ["export", "--from", "2", "--limit", "3"];
    let some = succeeded(run(folder.path(), &some));
    assert_eq!(some.lines().count(), 3);
    assert!(some.starts_with("{\"seq\":2,"), "{some}");
}

#[tokio::test]
async fn verify_names_what_is_damaged_and_repair_makes_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    closed_shop(folder.path()).await;
    let whole = succeeded(run(folder.path(), &["verify"]));
    assert!(whole.contains(&format!(", {PAYMENTS} payments")), "{whole}");
    let guard = folder.path().join("journal/guard");
    let segment = fs::read_dir(&guard)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    // in the first record of the first group, behind the segment's head and the group's
    bytes[64 + 8 + 60] ^= 0x10;
    fs::write(&segment, bytes).unwrap();

    let found = run(folder.path(), &["verify"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let said = text(&found.stdout);
    assert!(said.contains("fault: guard segment 1 is broken"), "{said}");
    let repaired = succeeded(run(folder.path(), &["verify", "--repair"]));
    assert!(
        repaired.contains("repaired: the guard log begins anew"),
        "{repaired}"
    );
    succeeded(run(folder.path(), &["verify"]));
    assert!(folder.path().join("journal/aside/guard").is_dir());
}
