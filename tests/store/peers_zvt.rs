//! ZVT judged by others: the crate `zvt`, whose packets were recorded from real terminals, and
//! tshark's dissector.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use store_actors::wire::zvt::{Apdu, Request, Said};
use zvt::{ZvtSerializer as _, packets};

fn encoded(request: Request<'_>) -> Vec<u8> {
    request.encode().unwrap()
}

#[test]
fn what_the_store_says_is_what_the_peer_reads() {
    let bytes = encoded(Request::EndOfDay { password: 123_456 });
    let peers = packets::EndOfDay { password: 123_456 };
    assert_eq!(peers.zvt_serialize(), bytes);
    let enquiry = encoded(Request::Enquire);
    let (read, rest) = packets::StatusEnquiry::zvt_deserialize(&enquiry).unwrap();
    assert_eq!((read.password, rest.len()), (None, 0));
    let register = encoded(Request::Register {
        password: 12_345,
        config_byte: 0xBE,
        currency: 978,
    });
    // its container is one that the peer does not know: all before it is compared
    let peers = packets::Registration {
        password: 12_345,
        config_byte: 0xBE,
        currency: Some(978),
        tlv: None,
    };
    assert_eq!(register[3..9], peers.zvt_serialize()[3..9]);
}

#[test]
fn what_the_peer_says_is_what_the_store_reads() {
    for (amount, receipt, trace) in [
        (1, 1, 1),
        (1_250, 231, 975),
        (999_999_999_999, 9_999, 999_999),
    ] {
        let status = packets::StatusInformation {
            result_code: Some(0),
            amount: Some(amount),
            currency: Some(156),
            receipt_no: Some(receipt),
            trace_number: Some(trace),
            time: Some(225_558),
            date: Some(405),
            terminal_id: Some(52_523_535),
            card_name: Some("girocard".into()),
            additional_text: Some("x".repeat(300)),
            ..packets::StatusInformation::default()
        };
        let Said::Status(read) = Said::read(&status.zvt_serialize()).unwrap() else {
            panic!("no status");
        };
        let booking = read.booking().unwrap();
        assert_eq!(read.minor, Some(u64::try_from(amount).unwrap()));
        assert_eq!(usize::from(booking.receipt), receipt);
        assert_eq!(usize::try_from(booking.trace).unwrap(), trace);
        assert_eq!((read.time, read.date), (Some(225_558), Some(405)));
        assert_eq!(read.card_name.as_deref(), Some("girocard"));
    }
    let aborted = packets::Abort { error: 0x6C }.zvt_serialize();
    assert_eq!(Said::read(&aborted).unwrap(), Said::Aborted { code: 0x6C });
    let line = packets::PrintLine {
        attribute: 0x40,
        text: "Summe 12,50".into(),
    };
    let lines = vec!["Summe 12,50".to_owned()];
    assert_eq!(
        Said::read(&line.zvt_serialize()).unwrap(),
        Said::Slip { lines }
    );
}

/// Where the registry's client has unpacked the peer: its recordings stay there.
fn recordings() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
        ])
        // what other platforms need was never fetched
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let peer = packages
        .iter()
        .find(|package| package["name"] == "zvt")
        .unwrap();
    let manifest = PathBuf::from(peer["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("data")
}

#[test]
fn what_real_terminals_sent_is_read() {
    let (mut packets_read, mut statuses, mut lines_of) = (0, Vec::new(), 0);
    for entry in fs::read_dir(recordings()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let apdu = Apdu::decode(&bytes).unwrap();
        assert_eq!(
            apdu.encode().unwrap(),
            bytes,
            "each is given back as it was"
        );
        packets_read += 1;
        match Said::read(&bytes).unwrap() {
            Said::Status(status) => statuses.push((status.booking(), status.minor, *status)),
            Said::Slip { lines } => lines_of += lines.len(),
            _ => {}
        }
    }
    assert!(packets_read >= 20, "only {packets_read} recordings");
    assert!(lines_of > 40, "only {lines_of} lines of slips");
    let mut booked: Vec<_> = statuses
        .iter()
        .filter_map(|(booking, minor, _)| {
            Some((
                booking.as_ref()?.receipt,
                booking.as_ref()?.trace,
                (*minor)?,
            ))
        })
        .collect();
    booked.sort_unstable();
    assert_eq!(
        booked,
        [(231, 975, 2_500), (232, 977, 0), (249, 1_012, 2_500)]
    );
    for (_, _, status) in &statuses {
        let shown = status.masked_pan.clone().unwrap_or_default();
        assert!(
            shown.chars().filter(char::is_ascii_digit).count() <= 10,
            "{shown}"
        );
    }
}

/// Wireshark's dissector knows 06 00, 06 01 and 06 D1 by name, and marks what it can't read.
#[test]
fn tshark_reads_what_the_store_says() {
    let folder = tempfile::tempdir().unwrap();
    let said = [
        encoded(Request::Register {
            password: 0,
            config_byte: 0xBE,
            currency: 978,
        }),
        encoded(Request::Authorise {
            minor: 1_250,
            currency: 978,
        }),
        encoded(Request::EndOfDay { password: 0 }),
    ];
    let mut text = String::new();
    for message in &said {
        let _ = write!(text, "0000");
        for byte in message {
            let _ = write!(text, " {byte:02x}");
        }
        text.push('\n');
    }
    let (dump, capture) = (folder.path().join("dump"), folder.path().join("capture"));
    fs::write(&dump, text).unwrap();
    let made = Command::new("text2pcap")
        .args(["-q", "-T", "40000,20007"])
        .args([&dump, &capture])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let read = Command::new("tshark")
        .args(["-V", "-O", "zvt", "-d", "tcp.port==20007,zvt", "-r"])
        .arg(&capture)
        .output()
        .unwrap();
    let read = String::from_utf8_lossy(&read.stdout).into_owned();
    for name in ["Registration", "Authorisation", "End Of Day"] {
        assert!(read.contains(name), "no {name} in {read}");
    }
    assert!(!read.contains("Malformed"), "{read}");
}
