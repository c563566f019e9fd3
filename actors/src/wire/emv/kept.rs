//! A card as it is kept until it can be charged: BER-TLV with the card's own tags, for a vault that
//! seals it.
//!
//! The only encoding of a card that holds its number. It is made where a card is accepted offline
//! and read where it is forwarded, never shown, logged or journaled (SEC-1).

use zeroize::Zeroizing;

use super::{
    aid::{Aid, CardKind},
    card::{CardRead, CryptogramKind, EmvData, Expiry},
    pan::{Pan, Track2},
    tag::{self, Tag},
    tlv::{Tlv, encode, find_bytes, parse},
};

/// The data objects for the acquirer, as one value: a tag of the private class.
const FIELD_55: Tag = Tag::new(0xDF_01);

/// What was kept is not a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was kept is not a card")]
pub struct NotACard;

impl CardRead {
    /// The bytes to be sealed.
    pub fn to_kept(&self) -> Zeroizing<Vec<u8>> {
        let Expiry { year, month } = self.expiry;
        let cryptogram = match self.cryptogram {
            CryptogramKind::Online => 0x80,
            CryptogramKind::OfflineApproved => 0x40,
        };
        let mut objects = vec![
            Tlv::primitive(tag::DF_NAME, self.aid.as_bytes()),
            Tlv::primitive(tag::PAN, compressed(self.pan.expose()).to_vec()),
            Tlv::primitive(
                tag::EXPIRY,
                compressed(&format!("{:02}{month:02}", year % 100)).to_vec(),
            ),
            Tlv::primitive(tag::CID, [cryptogram]),
            Tlv::primitive(FIELD_55, self.emv_data.as_bytes()),
        ];
        let label = self.label.as_ref();
        objects.extend(label.map(|text| Tlv::primitive(tag::APPLICATION_LABEL, text.as_bytes())));
        let psn = self.psn;
        objects.extend(
            psn.map(|psn| Tlv::primitive(tag::PSN, compressed(&format!("{psn:02}")).to_vec())),
        );
        let track2 = self.track2.as_ref();
        objects.extend(
            track2.map(|track| Tlv::primitive(tag::TRACK2, compressed(track.expose()).to_vec())),
        );
        Zeroizing::new(encode(&objects))
    }

    /// Reads them again.
    ///
    /// # Errors
    /// [`NotACard`], without saying where: nothing of it may be told.
    pub fn from_kept(bytes: &[u8]) -> Result<Self, NotACard> {
        let objects = parse(bytes).map_err(|_| NotACard)?;
        let value = |tag| find_bytes(&objects, tag);
        let aid = value(tag::DF_NAME).and_then(Aid::new).ok_or(NotACard)?;
        let kind = CardKind::ALL
            .into_iter()
            .find(|kind| kind.aid().matches(&aid))
            .ok_or(NotACard)?;
        let pan = value(tag::PAN).map(Pan::from_compressed);
        let track2 = value(tag::TRACK2).map(Track2::from_compressed).transpose();
        let text = |tag| value(tag).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        Ok(Self {
            scheme: kind.scheme(),
            kind,
            aid,
            label: text(tag::APPLICATION_LABEL),
            pan: pan.ok_or(NotACard)?.map_err(|_| NotACard)?,
            psn: value(tag::PSN)
                .and_then(decimal)
                .and_then(|text| text.parse().ok()),
            expiry: value(tag::EXPIRY)
                .and_then(decimal)
                .and_then(|text| Expiry::from_yymm(&text))
                .ok_or(NotACard)?,
            cryptogram: match value(tag::CID) {
                Some([0x80]) => CryptogramKind::Online,
                Some([0x40]) => CryptogramKind::OfflineApproved,
                _ => return Err(NotACard),
            },
            emv_data: EmvData::from_bytes(value(FIELD_55).ok_or(NotACard)?),
            // its holder has gone
            signature: false,
            track2: track2.map_err(|_| NotACard)?,
        })
    }
}

/// Two digits a byte, filled up with F: compressed numeric, `cn`.
fn compressed(text: &str) -> Zeroizing<Vec<u8>> {
    let nibble = |c: char| {
        c.to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(0xF)
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().div_ceil(2)));
    let mut nibbles = text.chars().map(nibble);
    while let Some(high) = nibbles.next() {
        bytes.push(high << 4 | nibbles.next().unwrap_or(0xF));
    }
    bytes
}

fn decimal(bytes: &[u8]) -> Option<String> {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    nibbles
        .map(|nibble| char::from_digit(u32::from(nibble), 10))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card() -> CardRead {
        CardRead {
            scheme: CardKind::Visa.scheme(),
            kind: CardKind::Visa,
            aid: CardKind::Visa.aid(),
            label: Some("VISA".into()),
            pan: Pan::parse("4761739001010010").unwrap(),
            psn: Some(1),
            expiry: Expiry {
                year: 2030,
                month: 12,
            },
            cryptogram: CryptogramKind::Online,
            emv_data: EmvData::from_bytes(&[0x9F, 0x36, 0x02, 0x00, 0x07]),
            signature: false,
            track2: Some(
                Track2::from_compressed(&compressed("4761739001010010D30122011234")).unwrap(),
            ),
        }
    }

    #[test]
    fn a_card_is_kept_whole() {
        for card in [
            card(),
            CardRead {
                label: None,
                psn: None,
                track2: None,
                cryptogram: CryptogramKind::OfflineApproved,
                ..card()
            },
        ] {
            assert_eq!(CardRead::from_kept(&card.to_kept()), Ok(card));
        }
    }

    #[test]
    fn what_is_cut_short_is_no_card() {
        let kept = card().to_kept();
        // without its last object it would still be one: the track is optional
        for length in 0..kept.len() - 20 {
            let read = CardRead::from_kept(&kept[..length]);
            assert!(read.is_err() || read != Ok(card()), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = CardRead::from_kept(&bytes);
        }
    }
}
