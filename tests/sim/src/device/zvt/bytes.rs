//! Numbers, texts and times as the protocol writes them, by this side's own hand.

/// HHMMSS and MMDD, so many minutes ahead of UTC.
pub(super) fn time_of_day(utc_offset_minutes: i32) -> (u64, u64) {
    let offset = jiff::tz::Offset::from_seconds(utc_offset_minutes.saturating_mul(60));
    let zone = offset.unwrap_or(jiff::tz::Offset::UTC).to_time_zone();
    let now = jiff::Timestamp::now().to_zoned(zone);
    let part = |number: i8| u64::try_from(number).unwrap_or(0);
    (
        part(now.hour()) * 10_000 + part(now.minute()) * 100 + part(now.second()),
        part(now.month()) * 100 + part(now.day()),
    )
}

pub(super) fn number(bcd: &[u8]) -> u64 {
    let digits = bcd.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits.fold(0, |sum, digit| sum * 10 + u64::from(digit))
}

pub(super) fn digits(number: u64, bytes: usize) -> Vec<u8> {
    let text = format!("{number:0width$}", width = bytes * 2);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| {
            pair.iter()
                .fold(0, |byte, digit| byte << 4 | (digit - b'0'))
        })
        .collect()
}

/// The texts of F1 to F8.
pub(super) fn text_lines(message: &[u8]) -> Vec<String> {
    let mut rest = message.get(5..).unwrap_or_default();
    let mut lines = Vec::new();
    while let [0xF1..=0xF8, tens, ones, after @ ..] = rest {
        let len = usize::from(tens & 0xF) * 10 + usize::from(ones & 0xF);
        let (line, after) = after.split_at(len.min(after.len()));
        lines.push(String::from_utf8_lossy(line).into_owned());
        rest = after;
    }
    lines
}
