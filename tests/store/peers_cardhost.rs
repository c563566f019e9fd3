//! The card host's protocol before programs that nobody here wrote: two that decode our messages,
//! and an issuer that answers, drops, closes and delays as its rules say.
//!
//! `make peers` installs them; a peer that is missing fails its test. Each runs as a process of its
//! own.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use store_actors::{
    domain::{
        ids::PaymentId,
        link::LinkRules,
        money::{Currency, Money},
        payment::{AcquirerClock, NoAnswer, Verdict},
        tender::{Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::{Acquirer as _, AcquirerProfile, Charge, Instrument, WallClock as _},
    wire::{
        emv::{CardKind, CardRead, CryptogramKind, EmvData, Expiry, Pan},
        iso8583::{
            Cipher, CipherKey, Decoded, Envelope, Field, Header, KeyScheme, MacMethod, Message,
            Mti, Station, Tpdu,
        },
    },
};
use store_controller::adapters::{
    acquirers::cardhost::{CardHost, CardHostConfig, OfflineAs, SettlementRules},
    clock::SystemClock,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::support::eventually;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn golden() -> PathBuf {
    repository().join("actors/src/wire/iso8583/golden")
}

fn peer(program: &str) -> Command {
    Command::new(repository().join("tests/peers/.venv/bin").join(program))
}

/// Runs a peer to its end and gives what it said; it must be content.
fn content(command: &mut Command) -> String {
    let ran = command.output();
    let ran = ran.unwrap_or_else(|cause| panic!("{command:?}: {cause}; `make test` installs it"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {said}{complaint}");
    said
}

#[test]
fn another_codec_reads_every_golden_message_and_writes_it_byte_for_byte() {
    let check = repository().join("tests/peers/iso8583/check.py");
    let said = content(peer("python").arg(check).arg(golden()));
    let messages = fs::read_dir(golden()).unwrap().count();
    let wanted = format!("{messages} of {messages} messages agree");
    assert!(said.contains(&wanted), "{said}");
    assert!(
        said.contains(r#""35": "4761739001010010D25122011234567""#),
        "{said}"
    );
}

/// tshark knows ISO 8583 as the standard has it. Fields 22 and 60 to 63, which UnionPay aligns and
/// fills in its own way, are beyond it; what stands before them it reads.
#[test]
fn tshark_reads_our_frames() {
    let folder = tempfile::tempdir().unwrap();
    let (text, capture) = (
        folder.path().join("frame.txt"),
        folder.path().join("frame.pcap"),
    );
    for (name, fields) in [
        (
            "reversal",
            &[
                "Type 0400 - Reversal",
                "Bit 2: 4761739001010010",
                "Bit 3: 000000",
                "Bit 4: 000000001250",
                "Bit 11: 000121",
                "Bit 14: 2512",
                "Bit 23: 001",
                "Bit 25: 00",
                "Bit 39: 98",
                "Bit 41: G58D0115",
                "Bit 42: 88758D048165555",
                "Bit 49: 156",
            ][..],
        ),
        (
            "sign-in",
            &[
                "Type 0800 - Network Management",
                "Bit 11: 000121",
                "Bit 41: G58D0115",
            ][..],
        ),
    ] {
        let digits = fs::read_to_string(golden().join(format!("{name}.hex"))).unwrap();
        let digits = digits.trim();
        let mut dump = fs::File::create(&text).unwrap();
        let length = digits.len() / 2;
        write!(dump, "000000 {:02x} {:02x}", length / 256, length % 256).unwrap();
        for at in (0..digits.len()).step_by(2) {
            write!(dump, " {}", &digits[at..at + 2]).unwrap();
        }
        writeln!(dump).unwrap();
        let mut text2pcap = Command::new("text2pcap");
        content(
            text2pcap
                .args(["-q", "-T", "40000,8583"])
                .arg(&text)
                .arg(&capture),
        );
        let mut tshark = Command::new("tshark");
        tshark
            .arg("-r")
            .arg(&capture)
            .args(["-d", "tcp.port==8583,iso8583", "-V"]);
        for preference in [
            "iso8583.len_endian:Big endian",
            "iso8583.charset:Digits represented in nibbles",
            "iso8583.binencode:Bin data not encoded",
        ] {
            tshark.args(["-o", preference]);
        }
        let said = content(&mut tshark);
        for field in fields {
            assert!(said.contains(field), "{name}: {field} is not in {said}");
        }
    }
}

// ---- an issuer of another hand

/// `iso8583sim serve`; ended when dropped.
struct Issuer {
    process: Child,
    port: u16,
}

impl Issuer {
    async fn serve(folder: &Path) -> Self {
        // by amount: too much is declined, and three sums bring each kind of bad day
        let rules = serde_json::json!({ "rules": [
            { "match": { "mti": ["0400"] }, "respond": "00" },
            { "match": { "amount_gt": 100_000 }, "respond": "51" },
            { "match": { "fields": { "4": "000000001001" } }, "action": "drop" },
            { "match": { "fields": { "4": "000000001002" } }, "action": "close" },
            { "match": { "fields": { "4": "000000001003" } }, "respond": "00", "delay_ms": 60_000 },
            { "match": { "fields": { "4": "000000001004" } }, "respond": "91" },
            { "respond": "00" },
        ]});
        let file = folder.join("rules.json");
        fs::write(&file, rules.to_string()).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut serve = peer("iso8583sim");
        serve.args(["serve", "--format", "bcd", "--tpdu", "6000060000", "--port"]);
        serve.arg(port.to_string()).arg("--rules").arg(&file);
        serve.stdout(Stdio::null()).stderr(Stdio::null());
        let process = serve.spawn().expect("`make peers` installs iso8583sim");
        let issuer = Self { process, port };
        eventually("the issuer to listen", || async {
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        issuer
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const MASTER: [u8; 16] = *b"0123456789abcdef";
const MAC: [u8; 16] = *b"fedcba9876543210";

fn key(bytes: &[u8; 16]) -> CipherKey {
    CipherKey::new(Cipher::TripleDes, bytes).unwrap()
}

/// The acquirer between terminal and issuer: it signs terminals in, and hands the fields that the
/// standard knows on to the issuer. What the issuer says, or doesn't, is the terminal's answer.
async fn acquirer(issuer: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, issuer));
        }
    });
    port
}

async fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u16().await.ok()?;
    let mut frame = vec![0; length.into()];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

async fn pass_on(mut terminal: TcpStream, issuer: u16) -> Option<()> {
    let frame = read_frame(&mut terminal).await?;
    let (envelope, message) = Envelope::unwrap_frame(&frame).unwrap();
    let asked = Decoded::decode(message).unwrap();
    let envelope = Envelope {
        tpdu: envelope.tpdu.swapped(),
        ..envelope
    };
    if asked.mti() == Mti::NETWORK {
        let mut keys = Vec::new();
        for bytes in [MASTER, MAC] {
            let mut wrapped = bytes;
            key(&MASTER).encrypt(&mut wrapped).unwrap();
            keys.extend(wrapped);
            keys.extend(key(&bytes).check_value().unwrap());
        }
        let answer = copied(
            &asked,
            &[Field::Stan, Field::Terminal, Field::Merchant],
            true,
        )
        .text(Field::ResponseCode, "00")
        .unwrap()
        .bytes(Field::Private62, &keys)
        .unwrap();
        let answer = envelope.wrap(&answer.encode()).unwrap();
        return terminal.write_all(&answer).await.ok();
    }
    let (data, mac) = asked.sealed_part().unwrap();
    assert!(MacMethod::Ecb.verifies(&key(&MAC), data, mac).unwrap());
    let standard = [
        Field::Pan,
        Field::ProcessingCode,
        Field::Amount,
        Field::Stan,
        Field::Expiry,
        Field::Terminal,
        Field::Merchant,
    ];
    let request = [
        Tpdu {
            to: [0, 6],
            from: [0, 0],
        }
        .to_bytes()
        .to_vec(),
        copied(&asked, &standard, false).encode().to_vec(),
    ]
    .concat();
    let mut upstream = TcpStream::connect(("127.0.0.1", issuer)).await.ok()?;
    let length = u16::try_from(request.len()).unwrap();
    upstream
        .write_all(&[&length.to_be_bytes(), &request[..]].concat())
        .await
        .ok()?;
    let answer = read_frame(&mut upstream).await?;
    // the standard's field 39 is two digits, here in BCD; UnionPay's is text. Behind it stand
    // terminal and merchant alone
    let (front, rest) = answer[5..].split_at(answer.len() - 5 - 24);
    let code = format!("{:02X}", rest[0]);
    let answer = [front, code.as_bytes(), &rest[1..]].concat();
    let said = Decoded::decode(&answer).unwrap();
    let reference = format!("{:012}", said.number(Field::Stan).unwrap());
    let answer = Message::try_from(&said)
        .unwrap()
        .text(Field::Reference, &reference)
        .unwrap();
    let sealed = answer
        .seal(|bytes| MacMethod::Ecb.mac(&key(&MAC), bytes))
        .unwrap();
    terminal
        .write_all(&envelope.wrap(&sealed).unwrap())
        .await
        .ok()
}

/// Some fields of a message, as a message of the same type, or as its answer.
fn copied(from: &Decoded<'_>, fields: &[Field], is_answer: bool) -> Message {
    let mti = if is_answer {
        from.mti().answer()
    } else {
        from.mti()
    };
    fields.iter().fold(Message::new(mti), |message, field| {
        match from.digits(*field) {
            Some(digits) => message.digits(*field, &digits.to_text()).unwrap(),
            None => message.text(*field, &from.text(*field).unwrap()).unwrap(),
        }
    })
}

fn driver(folder: &Path, port: u16) -> CardHost {
    let config = CardHostConfig {
        host: "127.0.0.1".into(),
        port,
        envelope: Envelope {
            tpdu: Tpdu {
                to: [0, 6],
                from: [0, 0],
            },
            header: Header([0x60, 0x31, 0, 0, 0, 0]),
        },
        station: Station {
            terminal: "T0000001".into(),
            merchant: "898110000000001".into(),
            operator: "01".into(),
            reader: 6,
            echo: 301,
        },
        master: key(&MASTER),
        keys: KeyScheme::Double,
        mac: MacMethod::Ecb,
        first_batch: 1,
        unsealed_refusals: false,
        order_in_62: false,
        book: folder.join("terminal.book"),
        book_key: folder.join("terminal.key"),
        keep_days: 90,
        settlement: SettlementRules::default(),
        offline_as: OfflineAs::default(),
        profile: AcquirerProfile {
            id: "host".parse().unwrap(),
            name: "Card host".into(),
            tenders: vec![Tender::Card],
            schemes: vec![Scheme::Visa],
            currencies: vec![Currency::Cny],
            pre_authorises: true,
            clock: AcquirerClock {
                answer_timeout_ms: 3_000,
                ..AcquirerClock::USUAL
            },
            probe_interval: Duration::from_secs(5),
            link: LinkRules::USUAL,
            limits: Vec::new(),
        },
    };
    CardHost::new(config, Arc::new(SystemClock)).unwrap()
}

fn charge(n: u8, minor: u64) -> Charge {
    let now = SystemClock.now().unix_ms();
    let card = CardRead {
        scheme: CardKind::Visa.scheme(),
        kind: CardKind::Visa,
        aid: CardKind::Visa.aid(),
        label: None,
        pan: Pan::parse("4761739001010010").unwrap(),
        psn: None,
        expiry: Expiry {
            year: 2030,
            month: 12,
        },
        cryptogram: CryptogramKind::Online,
        emv_data: EmvData::from_bytes(&[0x9F, 0x36, 0x02, 0x00, 0x07]),
        signature: false,
        track2: None,
    };
    Charge {
        order: PaymentId::new(Timestamp::from_unix_ms(now + 1_000), [n; 10]),
        counter: "01".parse().unwrap(),
        money: Money::from_minor_units(minor, Currency::Cny).unwrap(),
        instrument: Instrument::Card {
            card: Box::new(card),
            pin_block: None,
        },
        reference: None,
    }
}

/// 0100, 0200 under condition 06, and what undoes each, before an issuer of another hand.
#[tokio::test]
async fn an_issuer_holds_money_and_lets_it_be_taken_or_let_go_of() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::serve(folder.path()).await;
    let driver = driver(folder.path(), acquirer(issuer.port).await);
    let hold = |n, minor| {
        let charge = charge(n, minor);
        let Instrument::Card { card, pin_block } = charge.instrument else {
            unreachable!("a card")
        };
        let instrument = Instrument::Hold { card, pin_block };
        Charge {
            instrument,
            ..charge
        }
    };
    let take = |n, minor, of| Charge {
        instrument: Instrument::Held { of },
        ..charge(n, minor)
    };
    let approved = |verdict: &Verdict, minor| {
        let wanted = Money::from_minor_units(minor, Currency::Cny).unwrap();
        matches!(verdict, Verdict::Approved { money, .. } if *money == wanted)
    };
    let first = hold(1, 9_000);
    let held = first.order;
    let verdict = driver.charge(first).await.unwrap().verdict;
    assert!(approved(&verdict, 9_000), "{verdict:?}");
    // the issuer drops the completion: reversed, and taken by another one
    let dropped = take(2, 1_001, held);
    let order = dropped.order;
    assert_eq!(driver.charge(dropped).await, Err(NoAnswer::TimedOut));
    let undone = driver.reverse(order).await.unwrap().verdict;
    assert_eq!(undone, Verdict::Reversed);
    let taken = take(3, 8_000, held);
    let order = taken.order;
    let verdict = driver.charge(taken).await.unwrap().verdict;
    assert!(approved(&verdict, 8_000), "{verdict:?}");
    let voided = driver.reverse(order).await.unwrap().verdict;
    assert_eq!(voided, Verdict::Reversed);
    let released = driver.reverse(held).await.unwrap().verdict;
    assert_eq!(released, Verdict::Reversed);

    let declined = driver.charge(hold(4, 200_000)).await.unwrap().verdict;
    assert!(matches!(declined, Verdict::Declined { .. }), "{declined:?}");
    let silent = hold(5, 1_001);
    let order = silent.order;
    assert_eq!(driver.charge(silent).await, Err(NoAnswer::TimedOut));
    let undone = driver.reverse(order).await.unwrap().verdict;
    assert_eq!(undone, Verdict::Reversed);
}

#[tokio::test]
async fn an_issuer_that_answers_drops_closes_and_delays_is_never_misunderstood() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::serve(folder.path()).await;
    let driver = driver(folder.path(), acquirer(issuer.port).await);

    let paid = driver.charge(charge(1, 1_250)).await.unwrap().verdict;
    assert!(matches!(paid, Verdict::Approved { .. }), "{paid:?}");
    let declined = driver.charge(charge(2, 200_000)).await.unwrap().verdict;
    assert!(
        matches!(&declined, Verdict::Declined { code, .. } if code == "51"),
        "{declined:?}"
    );

    for (n, minor) in [(3, 1_001), (4, 1_002), (5, 1_003), (6, 1_004)] {
        let charge = charge(n, minor);
        let order = charge.order;
        let unknown = driver.charge(charge).await.unwrap_err();
        let is_expected = match minor {
            1_001 | 1_003 => unknown == NoAnswer::TimedOut,
            1_002 => matches!(unknown, NoAnswer::Broken(_)),
            _ => matches!(&unknown, NoAnswer::Refused(why) if why.contains("91")),
        };
        assert!(is_expected, "{minor}: {unknown:?}");
        // the issuer reverses it, and only then is it known
        let known = driver.query(order).await;
        assert!(matches!(known, Err(NoAnswer::Refused(_))), "{known:?}");
        assert_eq!(
            driver.reverse(order).await.unwrap().verdict,
            Verdict::Reversed
        );
        assert_eq!(
            driver.query(order).await.unwrap().verdict,
            Verdict::Reversed
        );
    }
}
