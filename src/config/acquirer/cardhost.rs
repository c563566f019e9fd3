//! The table of a card host: the terminal's numbers, where its keys and its book lie, and what
//! acquirers of this protocol differ in.

use std::path::{Path, PathBuf};

use store_actors::wire::iso8583::{
    Cipher, Codes, Envelope, Header, KeyScheme, MacMethod, Station, Tpdu,
};

use crate::{
    adapters::acquirers::cardhost::{OfflineAs, SettlementRules},
    config::sections::{file, words},
    strict_toml::Section,
};

/// A terminal at a card host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardHostAccount {
    pub station: Station,
    pub envelope: Envelope,
    /// The terminal's master key: hexadecimal digits.
    pub key_file: PathBuf,
    pub cipher: Cipher,
    pub keys: KeyScheme,
    pub mac: MacMethod,
    pub first_batch: u32,
    pub unsealed_refusals: bool,
    pub order_in_62: bool,
    /// Whether the contract has pre-authorisations.
    pub pre_authorisation: bool,
    pub book: PathBuf,
    pub book_key_file: PathBuf,
    pub keep_days: u32,
    pub settlement: SettlementRules,
    pub offline_as: OfflineAs,
}

const CIPHERS: &[(&str, Cipher)] = &[
    ("des", Cipher::Des),
    ("3des", Cipher::TripleDes),
    ("sm4", Cipher::Sm4),
];
const KEYS: &[(&str, KeyScheme)] = &[("single", KeyScheme::Single), ("double", KeyScheme::Double)];
const MACS: &[(&str, MacMethod)] = &[
    ("ecb", MacMethod::Ecb),
    ("x9.19", MacMethod::X919),
    ("cbc", MacMethod::Cbc),
];

const OFFLINE_AS: &[(&str, OfflineAs)] = &[
    ("purchase", OfflineAs::Purchase),
    ("advice", OfflineAs::Advice),
];

pub(super) fn account(section: &mut Section<'_>, dir: &Path) -> Option<CardHostAccount> {
    let station = station(section);
    let tpdu = bytes(section, "tpdu", "6000060000").map(|[_, a, b, c, d]| Tpdu {
        to: [a, b],
        from: [c, d],
    });
    let header = bytes(section, "header", "613100000000").map(Header);
    let key_file = file(section, "key_file", dir);
    let cipher = choice(section, "cipher", CIPHERS, Cipher::TripleDes);
    let keys = choice(section, "keys", KEYS, KeyScheme::Double);
    let mac = choice(section, "mac", MACS, MacMethod::Ecb);
    let settlement = settlement(section);
    let offline_as = choice(section, "offline_as", OFFLINE_AS, OfflineAs::Purchase);
    let first_batch = number(section, "first_batch", 999_999, 1);
    let keep_days = number(section, "keep_days", 3_650, 90);
    let book = file(section, "book", dir);
    let book_key_file = file(section, "book_key_file", dir);
    if mac == Some(MacMethod::X919) && cipher != Some(Cipher::TripleDes) {
        section.fault("mac", "x9.19 needs the cipher 3des");
    }
    Some(CardHostAccount {
        station,
        envelope: Envelope {
            tpdu: tpdu?,
            header: header?,
        },
        key_file,
        cipher: cipher?,
        keys: keys?,
        mac: mac?,
        first_batch,
        unsealed_refusals: flag(section, "unsealed_refusals"),
        order_in_62: flag(section, "order_in_62"),
        pre_authorisation: flag(section, "pre_authorisation"),
        book,
        book_key_file,
        keep_days,
        settlement,
        offline_as: offline_as?,
    })
}

fn settlement(section: &mut Section<'_>) -> SettlementRules {
    let usual = SettlementRules::default();
    let code = |section: &mut Section<'_>, key, usual| number(section, key, 999, usual);
    let flag = |section: &mut Section<'_>, key, usual| {
        section.optional(key, Section::bool).unwrap_or(usual)
    };
    SettlementRules {
        codes: Codes {
            totals: code(section, "settlement_totals", usual.codes.totals),
            details: code(section, "settlement_details", usual.codes.details),
            end_balanced: code(section, "settlement_end_balanced", usual.codes.end_balanced),
            end_unbalanced: code(
                section,
                "settlement_end_unbalanced",
                usual.codes.end_unbalanced,
            ),
        },
        is_sealed: flag(section, "settlement_mac", usual.is_sealed),
        counts_voids: flag(section, "settlement_counts_voids", usual.counts_voids),
        always_upload: flag(section, "settlement_always_uploads", usual.always_upload),
        transactions_max: number(section, "batch_transactions", 900, usual.transactions_max),
    }
}

fn station(section: &mut Section<'_>) -> Station {
    let mut of_length = |key: &str, length: usize| {
        let text = words(section, key);
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            section.fault(key, format!("must have {length} characters"));
        }
        text
    };
    let terminal = of_length("terminal", 8);
    let merchant = of_length("merchant", 15);
    let operator = section
        .optional("operator", words)
        .unwrap_or_else(|| "01".into());
    let reader = number(section, "reader", 9, 6);
    Station {
        terminal,
        merchant,
        operator,
        reader: u8::try_from(reader).unwrap_or(6),
        echo: number(section, "echo", 999, 301),
    }
}

fn number(section: &mut Section<'_>, key: &str, most: u64, usual: u32) -> u32 {
    let given = section.optional(key, |section, key| section.u64_in(key, 0..=most));
    given.and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
}

fn flag(section: &mut Section<'_>, key: &str) -> bool {
    section.optional(key, Section::bool).unwrap_or(false)
}

fn choice<T: Copy>(section: &mut Section<'_>, key: &str, all: &[(&str, T)], usual: T) -> Option<T> {
    let given = section.optional(key, |section, key| section.one_of(key, all));
    given.unwrap_or(Some(usual))
}

/// So many bytes as hexadecimal digits.
fn bytes<const N: usize>(section: &mut Section<'_>, key: &str, usual: &str) -> Option<[u8; N]> {
    let read = |text: &str| -> Option<[u8; N]> {
        let digits: Vec<u8> = text
            .chars()
            .map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok()))
            .collect::<Option<_>>()?;
        let pairs = digits.chunks_exact(2);
        let whole = pairs.remainder().is_empty();
        let bytes: Vec<u8> = pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        bytes.try_into().ok().filter(|_| whole)
    };
    let given = section.optional(key, |section, key| {
        section.parsed(key, "hexadecimal digits of the right number", read)
    });
    given.unwrap_or_else(|| read(usual))
}
