//! A bad hour in the providers' own protocols, and what of its secrets is left anywhere (SEC-1).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What the programs wrote: logs, journal, databases; not what they were given, and not the
/// acquirer's own book.
fn written(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = entry.file_name().into_string().unwrap();
        let is_theirs = name.ends_with(".key") || name.ends_with(".pem") || name.ends_with(".toml");
        if is_theirs || name == "devices" || name.starts_with("acquirer-ledger") {
            continue;
        }
        match kind.is_dir() {
            true => written(&path, found),
            false if kind.is_file() => found.push(path),
            false => {}
        }
    }
}

/// Runs of 16 to 24 digits that are no part of a hexadecimal number: customers' codes and cards
/// look so, and nothing else that is written.
fn codes(bytes: &[u8]) -> Vec<String> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || b".-_".contains(b);
    let words = bytes.split(|b| !is_word(b));
    let suspects =
        words.filter(|word| (16..=24).contains(&word.len()) && word.iter().all(u8::is_ascii_digit));
    suspects
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// As `lab_with`, without card readers.
fn lab(arguments: &[&str], folder: &Path) -> Value {
    lab_with(&[&["--no-readers"], arguments].concat(), folder)
}

/// Runs the lab in the providers' protocols; it must end well. Gives its report.
fn lab_with(arguments: &[&str], folder: &Path) -> Value {
    let lab = Path::new(env!("CARGO_BIN_EXE_store-controller")).with_file_name("lab");
    let report = folder.join("report.json");
    let run = Command::new(lab)
        .args(["--acquirers", "real"])
        .args(["--listen", "127.0.0.1:0"])
        .args(["--head-office-listen", "127.0.0.1:0"])
        .args(arguments)
        .arg("--dir")
        .arg(folder)
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}\n{complained}");
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    for zero in ["/acquirer/mismatched", "/payments/unknown"] {
        assert_eq!(report.pointer(zero), Some(&Value::from(0)), "{report:#}");
    }
    report
}

/// With readers on a private pcscd: cards go to the card host. It dies at each step of the
/// settlement of a batch; its other steps are in `procedures`.
#[test]
fn dying_at_each_step_of_a_settlement_ends_with_equal_books_and_batches() {
    let folder = tempfile::tempdir().unwrap();
    let points = [
        "settlement-begun",
        "settlement-compared",
        "settlement-uploading",
        "settlement-ending",
        "settlement-ended",
    ];
    let mut arguments = vec!["--counters", "4", "--payments", "120", "--seed", "3"];
    for point in points {
        arguments.extend(["--kill-at", point]);
    }
    let report = lab_with(&arguments, folder.path());
    for point in points {
        let died = &report["crashes"]["points"][point];
        assert_eq!(
            died.as_array().map(Vec::len),
            Some(1),
            "{point}: {report:#}"
        );
    }
    let settled = |what: &str| report["settlements"][what].as_u64().unwrap();
    assert_eq!(settled("mismatched"), 0, "{report:#}");
    assert!(settled("batches") >= 3, "{report:#}");
    assert!(settled("transactions") >= 10, "{report:#}");
}

#[test]
fn a_bad_hour_in_the_providers_protocols_ends_with_equal_books_and_leaves_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--counters", "4", "--payments", "150", "--seed", "5"];
    lab(&arguments, folder.path());

    let mut files = Vec::new();
    written(folder.path(), &mut files);
    let mut paid = [("alipay", 0), ("unionpay-qr", 0), ("wechat", 0)];
    for file in &files {
        let bytes = fs::read(file).unwrap();
        assert_eq!(codes(&bytes), Vec::<String>::new(), "{}", file.display());
        let key = b"PRIVATE KEY";
        let has_key = bytes.windows(key.len()).any(|window| window == key);
        assert!(!has_key, "{}", file.display());
        for (name, records) in &mut paid {
            let route = format!(r#""acquirer":"{name}""#).into_bytes();
            *records += bytes.windows(route.len()).filter(|w| *w == route).count();
        }
    }
    assert!(files.len() > 8, "{files:?}");
    assert!(paid.iter().all(|(_, records)| *records > 20), "{paid:?}");
    assert_eq!(
        codes(b"\"auth_code\":\"289431869362714645\""),
        ["289431869362714645"]
    );
}
