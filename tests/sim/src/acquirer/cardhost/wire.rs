//! A terminal's messages, read and written with the host's own eyes: fields as text of digits, or
//! as bytes.

use std::collections::BTreeMap;

/// `n` digits, `s` text, `b` bytes; fixed (0) or digits of the length in front; longest.
const FIELDS: &[(u8, u8, usize, usize)] = &[
    (2, b'n', 2, 19),
    (3, b'n', 0, 6),
    (4, b'n', 0, 12),
    (11, b'n', 0, 6),
    (12, b'n', 0, 6),
    (13, b'n', 0, 4),
    (14, b'n', 0, 4),
    (22, b'n', 0, 3),
    (23, b'n', 0, 3),
    (25, b'n', 0, 2),
    (26, b'n', 0, 2),
    (35, b'n', 2, 37),
    (37, b's', 0, 12),
    (38, b's', 0, 6),
    (39, b's', 0, 2),
    (41, b's', 0, 8),
    (42, b's', 0, 15),
    (48, b'n', 3, 322),
    (49, b's', 0, 3),
    (52, b'b', 0, 8),
    (53, b'n', 0, 16),
    (55, b'b', 3, 255),
    (60, b'n', 3, 19),
    (61, b'n', 3, 29),
    (62, b'b', 3, 512),
    (63, b's', 3, 163),
    (64, b'b', 0, 8),
];

/// One message and what stood around it.
#[derive(Clone)]
pub(super) struct Terminal {
    /// TPDU and header.
    pub head: Vec<u8>,
    pub mti: String,
    /// Digits as text, everything else as it came.
    pub fields: BTreeMap<u8, Vec<u8>>,
    /// What the MAC is over.
    pub sealed: Vec<u8>,
}

impl Terminal {
    pub fn read(frame: &[u8]) -> Option<Self> {
        let (head, message) = frame.split_at_checked(11)?;
        let (mti, rest) = message.split_at_checked(2)?;
        let (bitmap, mut rest) = rest.split_at_checked(8)?;
        let mut fields = BTreeMap::new();
        for number in 2..=64_u8 {
            let byte = bitmap.get(usize::from((number - 1) / 8))?;
            if byte & (0x80 >> ((number - 1) % 8)) == 0 {
                continue;
            }
            let row = FIELDS.iter().find(|row| row.0 == number)?;
            let (_, kind, length_digits, longest) = *row;
            let mut units = longest;
            if length_digits > 0 {
                let (length, after) = rest.split_at_checked(length_digits.div_ceil(2))?;
                units = digits(length).parse().ok().filter(|n| *n <= longest)?;
                rest = after;
            }
            let bytes = if kind == b'n' {
                units.div_ceil(2)
            } else {
                units
            };
            let (value, after) = rest.split_at_checked(bytes)?;
            rest = after;
            let value = match (kind, number) {
                (b'n', 23) => digits(value).get(1..)?.as_bytes().to_vec(),
                (b'n', _) => digits(value).get(..units)?.as_bytes().to_vec(),
                _ => value.to_vec(),
            };
            fields.insert(number, value);
        }
        let sealed = message.get(..message.len().checked_sub(8)?)?.to_vec();
        rest.is_empty().then(|| Self {
            head: head.to_vec(),
            mti: digits(mti),
            fields,
            sealed,
        })
    }

    pub fn text(&self, number: u8) -> &str {
        let value = self.fields.get(&number);
        value
            .and_then(|value| std::str::from_utf8(value).ok())
            .unwrap_or("")
    }

    /// The frame, sealed if there is something to seal with.
    pub fn frame(&self, mac: Option<impl Fn(&[u8]) -> [u8; 8]>) -> Vec<u8> {
        let mut bitmap = [0_u8; 8];
        let numbers = self.fields.keys().copied().filter(|number| *number < 64);
        for number in numbers.clone().chain(mac.is_some().then_some(64)) {
            if let Some(byte) = bitmap.get_mut(usize::from((number - 1) / 8)) {
                *byte |= 0x80 >> ((number - 1) % 8);
            }
        }
        let mut message = packed(&self.mti);
        message.extend(bitmap);
        for number in numbers {
            let Some((_, kind, length_digits, _)) = FIELDS.iter().find(|row| row.0 == number)
            else {
                continue;
            };
            let value = self.fields.get(&number).map_or(&[][..], Vec::as_slice);
            let width = length_digits.div_ceil(2) * 2;
            if *length_digits > 0 {
                message.extend(packed(&format!("{:0width$}", value.len())));
            }
            match kind {
                b'n' => message.extend(packed(&String::from_utf8_lossy(value))),
                _ => message.extend_from_slice(value),
            }
        }
        if let Some(mac) = mac {
            let sealed = mac(&message);
            message.extend(sealed);
        }
        // who asked is answered: the two addresses change places
        let mut head = self.head.clone();
        head.get_mut(1..5).unwrap_or_default().rotate_left(2);
        let length = u16::try_from(head.len() + message.len()).unwrap_or(0);
        [length.to_be_bytes().to_vec(), head, message].concat()
    }
}

fn digits(bytes: &[u8]) -> String {
    crate::acquirer::sign::hex(bytes).to_uppercase()
}

/// Two digits a byte; an odd last one is filled up with 0.
fn packed(digits: &str) -> Vec<u8> {
    let value = |c: char| {
        c.to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(0)
    };
    let values: Vec<u8> = digits.chars().map(value).collect();
    let pair = |pair: &[u8]| {
        let [high, low] = [0, 1].map(|at| pair.get(at).copied().unwrap_or(0));
        high << 4 | low
    };
    values.chunks(2).map(pair).collect()
}
