//! The vault on a real directory.

use std::os::unix::fs::PermissionsExt;

use store_actors::wire::emv::{CardKind, CryptogramKind, EmvData, Expiry, Pan};

use super::*;

const PAN: &str = "4761739001010010";

fn card() -> CardRead {
    let kind = CardKind::Visa;
    CardRead {
        scheme: kind.scheme(),
        kind,
        aid: kind.aid(),
        label: None,
        pan: Pan::parse(PAN).unwrap(),
        psn: None,
        expiry: Expiry {
            year: 2030,
            month: 12,
        },
        cryptogram: CryptogramKind::Online,
        emv_data: EmvData::from_bytes(&[0x9F, 0x36, 0x02, 0x00, 0x07]),
        signature: false,
        track2: None,
    }
}

fn id(n: u8) -> PaymentId {
    PaymentId::from_bytes([n; 16])
}

fn open(dir: &Path) -> Vault {
    Vault::open(&dir.join("cards"), &dir.join("vault.key")).unwrap()
}

#[tokio::test]
async fn a_card_is_kept_sealed_over_a_restart_and_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.keep(id(1), &card()).await.unwrap();
    drop(vault);
    let vault = open(dir.path());
    assert_eq!(vault.kept().await.unwrap(), [id(1)]);
    assert_eq!(vault.read(id(1)).await.unwrap(), Some(card()));
    let file = dir.path().join("cards").join(format!("{}.card", id(1)));
    let sealed = fs::read(&file).unwrap();
    let compressed = [0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x00, 0x10];
    assert!(!sealed.windows(8).any(|bytes| bytes == compressed));
    for private in [file, dir.path().join("vault.key")] {
        let mode = fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", private.display());
    }
    vault.destroy(id(1)).await.unwrap();
    vault.destroy(id(1)).await.unwrap();
    assert_eq!(vault.read(id(1)).await.unwrap(), None);
    assert_eq!(vault.kept().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_altered_moved_or_sealed_elsewhere_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.keep(id(1), &card()).await.unwrap();
    let cards = dir.path().join("cards");
    let file = |n| cards.join(format!("{}.card", id(n)));
    let whole = fs::read(file(1)).unwrap();
    // in another payment's place
    fs::write(file(2), &whole).unwrap();
    let refused = |read: Result<Option<CardRead>, VaultFailed>| {
        assert!(matches!(read, Err(VaultFailed::Unreadable)), "{read:?}");
    };
    refused(vault.read(id(2)).await);
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(file(1), &altered).unwrap();
        refused(vault.read(id(1)).await);
        fs::write(file(1), &whole[..at]).unwrap();
        refused(vault.read(id(1)).await);
    }
    fs::write(file(1), &whole).unwrap();
    fs::write(dir.path().join("vault.key"), [7; 32]).unwrap();
    refused(open(dir.path()).read(id(1)).await);
}

#[test]
fn a_token_tells_cards_apart_and_needs_the_key() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault = open(dir.path());
    let other = CardRead {
        pan: Pan::parse("5413330089604111").unwrap(),
        ..card()
    };
    assert_eq!(vault.token(&card()), open(dir.path()).token(&card()));
    assert_ne!(vault.token(&card()), vault.token(&other));
    assert_ne!(vault.token(&card()), open(elsewhere.path()).token(&card()));
}

#[test]
fn a_file_that_is_no_key_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vault.key"), b"short").unwrap();
    let refused = Vault::open(&dir.path().join("cards"), &dir.path().join("vault.key"));
    assert!(matches!(refused, Err(VaultRefused::NotAKey(_))));
}
