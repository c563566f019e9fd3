//! Printed QRs at counters, and money that providers say has come through them.
//!
//! A customer scans the counter's sticker, types the amount and pays; the provider then tells the
//! store. Such a transaction is no order of the store's: it has the provider's numbers, and nobody
//! here asked for it. What the provider told is kept with the payment as its `Claim`; that the
//! money is there is known only once the provider has been asked (`payment/claim`). Which counter
//! it belongs to is told by what is written on the sticker, and comes back with the notification.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ids::{AcquirerId, CounterId, StickerId},
    money::Money,
    payment::Fingerprint,
    tender::Scheme,
    timestamp::Timestamp,
};

/// Crockford's base 32: no letter is taken for a digit, or for another letter.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Signs of one number or label of a provider.
pub const NUMBER_CHARACTERS_MAX: usize = 64;

/// A sticker as it was issued. An older one of the same counter and acquirer stays good: it may
/// still hang somewhere, and what is paid there is the counter's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sticker {
    /// As the QR carries it (EMVCo MPM 62/05), and as notifications bring it back.
    pub id: StickerId,
    pub counter: CounterId,
    pub acquirer: AcquirerId,
    /// What the QR says.
    pub text: String,
    pub issued_at: Timestamp,
}

impl StickerId {
    /// The counter's name and eight letters by chance, so that two stores of one merchant do not
    /// meet: `01-7K3QF9ZD`.
    pub fn new(counter: &CounterId, random: [u8; 5]) -> Option<Self> {
        let bits = random
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let letter = |nth: u32| {
            let at = usize::try_from((bits >> (35 - 5 * nth)) & 31).unwrap_or(0);
            char::from(LETTERS.get(at).copied().unwrap_or(b'0'))
        };
        let letters: String = (0..8).map(letter).collect();
        format!("{counter}-{letters}").parse().ok()
    }
}

/// The latest sticker of this counter for each acquirer.
pub fn latest_of<'a>(stickers: &'a [Sticker], counter: &CounterId) -> Vec<&'a Sticker> {
    let mut latest: Vec<&Sticker> = Vec::new();
    for sticker in stickers.iter().filter(|one| one.counter == *counter) {
        let same = latest
            .iter_mut()
            .find(|known| known.acquirer == sticker.acquirer);
        match same {
            Some(known) if known.issued_at < sticker.issued_at => *known = sticker,
            Some(_) => {}
            None => latest.push(sticker),
        }
    }
    latest.sort_by(|one, other| one.acquirer.cmp(&other.acquirer));
    latest
}

/// What a camera saw at a counter, against what the store issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The counter's own.
    Own,
    /// One of the store's that does not belong there: of another counter, or replaced since.
    Misplaced,
    /// A code through which somebody else is paid.
    Swapped,
    /// No code at all.
    Nothing,
}

/// How codes begin through which money is asked for.
const ASKS_FOR_MONEY: [&str; 5] = [
    "000201",
    "https://qr.alipay.com",
    "https://qr.95516.com",
    "wxp://",
    "weixin://",
];

impl Seen {
    /// Of all codes in one picture. What is no code to pay with is a poster in the background,
    /// unless there is nothing else.
    pub fn of(texts: &[String], issued: &[Sticker], counter: &CounterId) -> Self {
        let own = latest_of(issued, counter);
        let is_own = |text: &String| own.iter().any(|one| one.text == *text);
        let is_ours = |text: &String| issued.iter().any(|one| one.text == *text);
        let asks = |text: &String| {
            let lower = text.to_ascii_lowercase();
            ASKS_FOR_MONEY
                .iter()
                .any(|begins| lower.starts_with(begins))
        };
        let mut foreign = texts.iter().filter(|text| !is_ours(text));
        let mut ours = texts.iter().filter(|text| is_ours(text));
        let has_own = texts.iter().any(is_own);
        if foreign.clone().any(asks) || (ours.clone().next().is_none() && foreign.next().is_some())
        {
            return Self::Swapped;
        }
        if ours.any(|text| !is_own(text)) {
            return Self::Misplaced;
        }
        match has_own {
            true => Self::Own,
            false => Self::Nothing,
        }
    }

    /// Somebody has to look.
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::Swapped | Self::Misplaced)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Misplaced => "misplaced",
            Self::Swapped => "swapped",
            Self::Nothing => "nothing",
        }
    }
}

/// A provider's own word about one transaction, rightly signed. It may be old, and it may come
/// again: it says that there is something to ask about, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The merchant's order number: the payment's id, if the store made the order.
    pub order: String,
    /// The provider's own number of the transaction.
    pub transaction: String,
    /// The time that belongs to the order's number, where the provider wants to hear it again.
    pub sent_at: Option<String>,
    pub money: Money,
    /// It says that the money has come.
    pub is_paid: bool,
    pub scheme: Scheme,
    /// What it says of the place: labels, operators, terminals; the likeliest first.
    pub labels: Vec<String>,
}

/// Why a notification can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a number in it has no character, more than {NUMBER_CHARACTERS_MAX}, or a strange one")]
pub struct NumberRefused;

impl Notification {
    /// Bounds what goes into the journal.
    ///
    /// # Errors
    /// The numbers are none, or too long.
    pub fn checked(mut self) -> Result<Self, NumberRefused> {
        let fits = |text: &str| {
            (1..=NUMBER_CHARACTERS_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let numbers = [&self.order, &self.transaction];
        let are_fit = numbers.into_iter().all(|text| fits(text));
        if !are_fit || !self.sent_at.as_deref().is_none_or(fits) {
            return Err(NumberRefused);
        }
        self.labels.retain(|label| fits(label));
        self.labels.truncate(8);
        Ok(self)
    }

    /// By which the same transaction is known when it is told of again. No till's key has a space.
    pub fn fingerprint(&self, acquirer: &AcquirerId) -> Fingerprint {
        Fingerprint {
            key: format!("told {acquirer} {}", self.transaction),
            body: self.money.to_string(),
        }
    }
}

/// What a provider said was paid, kept with the payment that it became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The provider's own number of the transaction: by it the provider is asked.
    pub transaction: String,
    /// The order number under which the provider's books have it.
    pub order: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sent_at: Option<String>,
    /// What the provider said of the place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// Whether that told the counter. If not, the store's first counter keeps it.
    pub matched: bool,
}

impl Claim {
    pub fn of(told: &Notification, place: &Place) -> Self {
        Self {
            transaction: told.transaction.clone(),
            order: told.order.clone(),
            sent_at: told.sent_at.clone(),
            label: place.label.clone().or_else(|| told.labels.first().cloned()),
            matched: place.counter.is_some(),
        }
    }
}

/// Where a transaction belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `None`: nobody can tell.
    pub counter: Option<CounterId>,
    /// By what it was told.
    pub label: Option<String>,
}

impl Place {
    /// The counter of the first label that is a sticker's; without one, the counter that a label
    /// names itself, as an operator's or a terminal's number may.
    pub fn of(labels: &[String], issued: &[Sticker], counters: &[CounterId]) -> Self {
        let at = |label: &String, counter: &CounterId| Self {
            counter: Some(counter.clone()),
            label: Some(label.clone()),
        };
        let by_sticker = labels.iter().find_map(|label| {
            let named = issued.iter().find(|one| one.id.as_str() == label)?;
            let is_there = counters.contains(&named.counter);
            is_there.then(|| at(label, &named.counter))
        });
        let by_name = || {
            labels.iter().find_map(|label| {
                let named = counters.iter().find(|one| one.as_str() == label)?;
                Some(at(label, named))
            })
        };
        by_sticker.or_else(by_name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn sticker(id: &str, counter: &str, at_ms: i64) -> Sticker {
        Sticker {
            id: id.parse().unwrap(),
            counter: counter.parse().unwrap(),
            acquirer: "alipay".parse().unwrap(),
            text: format!("https://qr.example/{id}"),
            issued_at: Timestamp::from_unix_ms(at_ms),
        }
    }

    #[test]
    fn a_stickers_id_names_its_counter_and_fits_emvcos_25_characters() {
        let counter: CounterId = "0123456789abcdef".parse().unwrap();
        let id = StickerId::new(&counter, [0xff; 5]).unwrap();
        assert_eq!(id.as_str(), "0123456789abcdef-ZZZZZZZZ");
        let id = StickerId::new(&"01".parse().unwrap(), [0, 0, 0, 0, 33]).unwrap();
        assert_eq!(id.as_str(), "01-00000011");
    }

    #[test]
    fn a_label_tells_the_counter_by_its_sticker_first_then_by_name() {
        let issued = [
            sticker("01-AAAAAAAA", "01", 1),
            sticker("09-BBBBBBBB", "09", 1),
        ];
        let counters = ["01".parse().unwrap(), "02".parse().unwrap()];
        let place = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|one| (*one).to_owned()).collect();
            Place::of(&labels, &issued, &counters)
                .counter
                .map(|counter| counter.to_string())
        };
        for (labels, counter) in [
            (&["01-AAAAAAAA"][..], Some("01")),
            (&["nonsense", "02"], Some("02")),
            (&["02", "01-AAAAAAAA"], Some("01")),
            // its counter is not configured any more
            (&["09-BBBBBBBB"], None),
            (&["01-CCCCCCCC"], None),
            (&[], None),
        ] {
            assert_eq!(place(labels).as_deref(), counter, "{labels:?}");
        }
    }

    #[test]
    fn the_latest_sticker_of_each_acquirer_counts() {
        let all = [
            sticker("01-OLD", "01", 1),
            sticker("01-NEW", "01", 3),
            sticker("02-X", "02", 9),
            sticker("01-MID", "01", 2),
        ];
        let latest = latest_of(&all, &"01".parse().unwrap());
        let ids: Vec<&str> = latest.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["01-NEW"]);
    }

    #[test]
    fn a_swapped_sticker_is_told_from_a_poster_and_from_one_of_another_counter() {
        let issued = [
            sticker("01-OLD", "01", 1),
            sticker("01-NEW", "01", 3),
            sticker("02-X", "02", 9),
        ];
        let seen = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|one| (*one).to_owned()).collect();
            Seen::of(&texts, &issued, &"01".parse().unwrap())
        };
        for (texts, verdict) in [
            (&["https://qr.example/01-NEW"][..], Seen::Own),
            (
                &["https://example.com/poster", "https://qr.example/01-NEW"],
                Seen::Own,
            ),
            (&["https://qr.example/01-OLD"], Seen::Misplaced),
            (&["https://qr.example/02-X"], Seen::Misplaced),
            (&["wxp://f2f0thief"], Seen::Swapped),
            (
                &["WXP://F2F0THIEF", "https://qr.example/01-NEW"],
                Seen::Swapped,
            ),
            (&["https://example.com/poster"], Seen::Swapped),
            (&[], Seen::Nothing),
        ] {
            assert_eq!(seen(texts), verdict, "{texts:?}");
        }
    }

    #[test]
    fn what_a_provider_says_is_bounded_before_it_is_kept() {
        let told = |order: &str, label: &str| Notification {
            order: order.to_owned(),
            transaction: "2026112622001".to_owned(),
            sent_at: None,
            money: Money::parse("8.80", Currency::Cny).unwrap(),
            is_paid: true,
            scheme: Scheme::Alipay,
            labels: vec![label.to_owned(), "01".to_owned()],
        };
        assert_eq!(told("S1", "01-AAAAAAAA").checked().unwrap().labels.len(), 2);
        assert_eq!(told("S1", "a b").checked().unwrap().labels, ["01"]);
        for order in ["", "a\nb", &"9".repeat(65)] {
            assert_eq!(told(order, "x").checked(), Err(NumberRefused), "{order:?}");
        }
    }
}
