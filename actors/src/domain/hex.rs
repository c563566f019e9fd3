//! Bytes as text, for what is written so often that formatting it byte by byte would be felt.

use serde::Serializer;

/// As text of `DIGITS` digits, twice as many as there are bytes. Nothing is allocated.
pub(super) fn serialize<const DIGITS: usize, S: Serializer>(
    bytes: &[u8],
    s: S,
) -> Result<S::Ok, S::Error> {
    let mut text = [0; DIGITS];
    write(bytes, &mut text);
    s.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
}

/// Two lower-case digits for each byte, as far as there is room.
fn write(bytes: &[u8], to: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    for (pair, byte) in to.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}
