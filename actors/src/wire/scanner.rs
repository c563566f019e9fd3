//! What a barcode scanner sends in one frame, and the few commands it takes.
//!
//! A frame is the data, in front of it perhaps an AIM symbology identifier (`]cm`, ISO/IEC 15424).
//! Whether the data is a customer's code, and whose, is `domain/code`'s matter; framing is
//! [`super::frame`]'s. A bad read is a value with a reason, so that it can be shown. Neither
//! [`Scan`] nor [`BadRead`] ever prints the data (SEC-1).

mod trigger;

pub use trigger::{Family, HostCommand};

use zeroize::Zeroizing;

/// The longest data a symbol can hold: a QR code of version 40, digits excepted. Bytes.
pub const MAX_DATA_LEN: usize = 4296;

/// The group separator of GS1 data; kept, since it divides fields.
pub const GS: char = '\u{1d}';

/// What scanners send when they saw a symbol and could not read it, if so configured.
const NO_READ: [&str; 5] = ["NR", "NOREAD", "NO READ", "<NOREAD>", "ERROR"];

/// A symbol that was read. The data is wiped when this is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Scan {
    /// From the AIM prefix; `None` when the scanner sends none.
    pub symbology: Option<Symbology>,
    data: Zeroizing<String>,
}

impl Scan {
    /// The data without AIM prefix. A customer's code: never log, store or show it.
    pub fn data(&self) -> &str {
        &self.data
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scan({:?}, {} bytes)", self.symbology, self.data.len())
    }
}

/// The kind of symbol, by the code character and modifier of its AIM identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symbology {
    Ean13,
    Ean8,
    Code128,
    Gs1128,
    Qr,
    Gs1Qr,
    DataMatrix,
    Gs1DataMatrix,
    Pdf417,
    /// Any other: the code character and the modifier.
    Other(char, char),
}

impl Symbology {
    fn from_aim(code: char, modifier: char) -> Self {
        match (code, modifier) {
            ('E', '0') => Self::Ean13,
            ('E', '4') => Self::Ean8,
            ('C', '0') => Self::Code128,
            ('C', '1') => Self::Gs1128,
            ('Q', '3' | '4') => Self::Gs1Qr,
            ('Q', '0'..='6') => Self::Qr,
            ('d', '2' | '3') => Self::Gs1DataMatrix,
            ('d', '0'..='6') => Self::DataMatrix,
            ('L', _) => Self::Pdf417,
            _ => Self::Other(code, modifier),
        }
    }

    /// The identifier that a scanner sends for it, such as `]E0`.
    pub fn aim(self) -> String {
        let (code, modifier) = match self {
            Self::Ean13 => ('E', '0'),
            Self::Ean8 => ('E', '4'),
            Self::Code128 => ('C', '0'),
            Self::Gs1128 => ('C', '1'),
            Self::Qr => ('Q', '1'),
            Self::Gs1Qr => ('Q', '3'),
            Self::DataMatrix => ('d', '1'),
            Self::Gs1DataMatrix => ('d', '2'),
            Self::Pdf417 => ('L', '0'),
            Self::Other(code, modifier) => (code, modifier),
        };
        format!("]{code}{modifier}")
    }
}

/// Why a frame is not a scan; shown at the counter, without the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRead {
    #[error("the scanner sent no data")]
    Empty,
    #[error("the scanner could not read the symbol")]
    NoRead,
    #[error("{bytes_len} bytes are more than a symbol can hold; two scans may have run together")]
    TooLong { bytes_len: usize },
    #[error("byte {at} is not text")]
    NotText { at: usize },
    #[error("byte {at} is control character {byte:#04x}; the scan was cut or two ran together")]
    ControlCharacter { byte: u8, at: usize },
    #[error("the symbology identifier is incomplete")]
    BrokenPrefix,
}

/// Reads one frame.
///
/// Data that begins with `]`, a letter and a letter or digit is taken to carry an AIM identifier:
/// no scheme's code begins so. Any control character but GS makes it a bad read.
pub fn parse(frame: &[u8]) -> Result<Scan, BadRead> {
    if frame.len() > MAX_DATA_LEN + 3 {
        return Err(BadRead::TooLong {
            bytes_len: frame.len(),
        });
    }
    let text = std::str::from_utf8(frame).map_err(|error| BadRead::NotText {
        at: error.valid_up_to(),
    })?;
    if let Some((at, found)) = text
        .char_indices()
        .find(|(_, found)| found.is_control() && *found != GS)
    {
        let byte = u8::try_from(u32::from(found)).unwrap_or(u8::MAX);
        return Err(BadRead::ControlCharacter { byte, at });
    }
    let (symbology, data) = match text.strip_prefix(']') {
        None => (None, text),
        Some(rest) => {
            let (symbology, data) = split_aim(rest).ok_or(BadRead::BrokenPrefix)?;
            (Some(symbology), data)
        }
    };
    if data.is_empty() {
        return Err(BadRead::Empty);
    }
    if NO_READ.contains(&data) {
        return Err(BadRead::NoRead);
    }
    Ok(Scan {
        symbology,
        data: Zeroizing::new(data.to_owned()),
    })
}

/// Writes what a scanner sends: the simulated ones speak through this.
pub fn encode(symbology: Option<Symbology>, data: &str) -> Vec<u8> {
    let prefix = symbology.map(Symbology::aim).unwrap_or_default();
    [prefix.as_bytes(), data.as_bytes()].concat()
}

fn split_aim(rest: &str) -> Option<(Symbology, &str)> {
    let mut chars = rest.chars();
    let code = chars.next().filter(char::is_ascii_alphabetic)?;
    let modifier = chars.next().filter(char::is_ascii_alphanumeric)?;
    Some((Symbology::from_aim(code, modifier), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_read_as_the_table_says() {
        use Symbology::*;
        let table: [(&[u8], Option<Symbology>, &str); 12] = [
            (b"287630000000000000", None, "287630000000000000"),
            (b"]E06901234567892", Some(Ean13), "6901234567892"),
            (b"]E496385074", Some(Ean8), "96385074"),
            (
                b"]C0287630000000000000",
                Some(Code128),
                "287630000000000000",
            ),
            (
                b"]C10109501101530003\x1d10AB",
                Some(Gs1128),
                "0109501101530003\u{1d}10AB",
            ),
            (b"]Q0https://example.cn/q", Some(Qr), "https://example.cn/q"),
            (b"]Q1x", Some(Qr), "x"),
            (b"]Q3x", Some(Gs1Qr), "x"),
            (b"]d1x", Some(DataMatrix), "x"),
            (b"]d2x", Some(Gs1DataMatrix), "x"),
            (b"]L2x", Some(Pdf417), "x"),
            ("]A0交易".as_bytes(), Some(Other('A', '0')), "交易"),
        ];
        for (frame, symbology, data) in table {
            let scan = parse(frame).unwrap();
            assert_eq!((scan.symbology, scan.data()), (symbology, data));
        }
    }

    #[test]
    fn bad_reads_say_why() {
        let long = vec![b'1'; MAX_DATA_LEN + 4];
        let table: [(&[u8], BadRead); 10] = [
            (b"", BadRead::Empty),
            (b"]Q1", BadRead::Empty),
            (b"NR", BadRead::NoRead),
            (b"]Q1NOREAD", BadRead::NoRead),
            (
                b"28763\r28763",
                BadRead::ControlCharacter { byte: 0x0d, at: 5 },
            ),
            (
                b"\x0228763",
                BadRead::ControlCharacter { byte: 0x02, at: 0 },
            ),
            (b"287\xff", BadRead::NotText { at: 3 }),
            (b"]", BadRead::BrokenPrefix),
            (b"]Q", BadRead::BrokenPrefix),
            (
                &long,
                BadRead::TooLong {
                    bytes_len: MAX_DATA_LEN + 4,
                },
            ),
        ];
        for (frame, reason) in table {
            assert_eq!(parse(frame), Err(reason));
        }
    }

    #[test]
    fn neither_a_scan_nor_a_bad_read_prints_the_code() {
        let scan = parse(b"]Q1287630000000000000").unwrap();
        assert_eq!(format!("{scan:?}"), "Scan(Some(Qr), 18 bytes)");
        let bad = parse(b"28763000000\r").unwrap_err();
        assert!(!format!("{bad} {bad:?}").contains("28763"));
    }

    proptest! {
        #[test]
        fn what_a_scanner_sends_is_read_back(data in "[ -Z^-~][ -~\u{1d}]{7,60}", pick in 0..11_usize) {
            use Symbology::*;
            let kinds =
                [Ean13, Ean8, Code128, Gs1128, Qr, Gs1Qr, DataMatrix, Gs1DataMatrix, Pdf417, Other('A', '0')];
            let symbology = kinds.get(pick).copied();
            let scan = parse(&encode(symbology, &data)).unwrap();
            prop_assert_eq!((scan.symbology, scan.data()), (symbology, data.as_str()));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(scan) = parse(&bytes) {
                prop_assert!(!scan.data().is_empty());
                prop_assert!(scan.data().chars().all(|c| c == GS || !c.is_control()));
            }
        }
    }
}
