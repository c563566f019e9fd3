//! Ciphers and MACs by published vectors, and beside openssl.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use super::*;

fn key(cipher: Cipher, text: &str) -> CipherKey {
    CipherKey::new(cipher, &hex(text)).unwrap()
}

/// `openssl enc` on whole blocks, or nothing where this openssl lacks the cipher.
fn openssl(cipher: &str, key: &str, data: &[u8]) -> Vec<u8> {
    let mut run = Command::new("openssl");
    run.args(["enc", "-e", "-nopad", "-nosalt", cipher, "-K", key]);
    if cipher.ends_with("cbc") {
        run.args([
            "-iv",
            &"0".repeat(if cipher.starts_with("-sm4") { 32 } else { 16 }),
        ]);
    }
    // single DES and the like are in a provider of their own
    run.args(["-provider", "default", "-provider", "legacy"]);
    run.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = run.spawn().expect("`make test` installs openssl");
    running.stdin.take().unwrap().write_all(data).unwrap();
    let ran = running.wait_with_output().unwrap();
    assert!(
        ran.status.success(),
        "{cipher}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    ran.stdout
}

/// So many bytes that look like nothing.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

const DES: &str = "55036372B17543EC";
const DOUBLE: &str = "55036372B17543ECB173730768B8D6C4";
const TRIPLE: &str = "55036372B17543ECB173730768B8D6C40123456789ABCDEF";

#[test]
fn the_published_mac_of_the_ecb_method_comes_out() {
    let key = key(Cipher::TripleDes, DOUBLE);
    // what all blocks of the published message fold to: as a message of one block it folds to
    // itself
    let mac = MacMethod::Ecb.mac(&key, &hex("1212B04E1227809C")).unwrap();
    assert_eq!(&mac, b"5FE058DB");
    assert_eq!(mac.to_vec(), hex("3546453035384442"));
}

#[test]
fn the_standards_vector_of_sm4_comes_out() {
    // GB/T 32907-2016, annex A.1: the plain text is the key itself
    let text = "0123456789ABCDEFFEDCBA9876543210";
    let mut block = hex(text);
    let key = key(Cipher::Sm4, text);
    key.encrypt(&mut block).unwrap();
    assert_eq!(block, hex("681EDF34D206965E86B3E94F536E4246"));
    key.decrypt(&mut block).unwrap();
    assert_eq!(block, hex(text));
}

#[test]
fn openssl_encrypts_and_chains_to_the_same_bytes() {
    let sm4 = "0123456789ABCDEFFEDCBA9876543210";
    for (cipher, hex_key, ecb, cbc) in [
        (Cipher::Des, DES, "-des-ecb", "-des-cbc"),
        (Cipher::TripleDes, DOUBLE, "-des-ede-ecb", "-des-ede-cbc"),
        (Cipher::TripleDes, TRIPLE, "-des-ede3-ecb", "-des-ede3-cbc"),
        (Cipher::Sm4, sm4, "-sm4-ecb", "-sm4-cbc"),
    ] {
        let key = key(cipher, hex_key);
        let plain = noise(cipher.block() * 9);
        let mut ours = plain.clone();
        key.encrypt(&mut ours).unwrap();
        assert_eq!(ours, openssl(ecb, hex_key, &plain), "{ecb}");
        key.decrypt(&mut ours).unwrap();
        assert_eq!(ours, plain);

        let chained = openssl(cbc, hex_key, &plain);
        let last = chained.rchunks(cipher.block()).next().unwrap();
        assert_eq!(
            MacMethod::Cbc.mac(&key, &plain).unwrap()[..],
            last[..8],
            "{cbc}"
        );
    }
}

#[test]
fn openssl_comes_to_the_same_mac_of_x9_19() {
    let key = key(Cipher::TripleDes, DOUBLE);
    let (left, right) = DOUBLE.split_at(16);
    for length in [1, 7, 8, 9, 64, 123] {
        let data = noise(length);
        let mut filled = data.clone();
        filled.resize(length.div_ceil(8) * 8, 0);
        // the last block before its encryption, through left, right and left key: that is EDE,
        // which openssl does in one go
        let (before, last) = filled.split_at(filled.len() - 8);
        let chain = match before.is_empty() {
            true => vec![0; 8],
            false => openssl("-des-cbc", left, before).split_off(before.len() - 8),
        };
        let block: Vec<u8> = chain.iter().zip(last).map(|(a, b)| a ^ b).collect();
        let theirs = openssl("-des-ede-ecb", &format!("{left}{right}"), &block);
        assert_eq!(
            MacMethod::X919.mac(&key, &data).unwrap()[..],
            theirs[..],
            "{length} bytes"
        );
    }
}

#[test]
fn x9_19_needs_a_key_with_two_halves() {
    for (cipher, text) in [
        (Cipher::Des, DES),
        (Cipher::TripleDes, TRIPLE),
        (Cipher::Sm4, "0123456789ABCDEFFEDCBA9876543210"),
    ] {
        let refused = MacMethod::X919.mac(&key(cipher, text), b"data");
        assert_eq!(refused, Err(KeyRefused::Method(cipher)));
    }
    assert!(CipherKey::new(Cipher::Des, &[0; 7]).is_err());
    assert!(key(Cipher::Des, DES).encrypt(&mut [0; 9]).is_err());
}

/// What a host sends in field 62.
fn wrapped(master: &CipherKey, keys: &[CipherKey], clear: &[&[u8]]) -> Vec<u8> {
    let mut field = Vec::new();
    for (key, clear) in keys.iter().zip(clear) {
        let mut bytes = clear.to_vec();
        master.encrypt(&mut bytes).unwrap();
        field.extend(bytes);
        field.extend(key.check_value().unwrap());
    }
    field
}

#[test]
fn working_keys_are_opened_under_the_master_key_and_checked() {
    let master = key(Cipher::TripleDes, "0123456789ABCDEFFEDCBA9876543210");
    let clear: [Vec<u8>; 3] = [noise(16), hex(DOUBLE), noise(16)];
    let clear: Vec<&[u8]> = clear.iter().map(Vec::as_slice).collect();
    let keys: Vec<_> = clear
        .iter()
        .map(|bytes| CipherKey::new(Cipher::TripleDes, bytes).unwrap())
        .collect();
    let field = wrapped(&master, &keys, &clear);
    assert_eq!(field.len(), 60);
    let open = |scheme, field: &[u8]| WorkingKeys::open(scheme, &master, field);
    let opened = open(KeyScheme::DoubleWithTrack, &field).unwrap();
    assert_eq!(
        (opened.mac, opened.track.as_ref()),
        (keys[1].clone(), keys.get(2))
    );
    let opened = open(KeyScheme::Double, &field[..40]).unwrap();
    assert_eq!((&opened.mac, opened.track), (&keys[1], None));

    assert_eq!(
        open(KeyScheme::Double, &field),
        Err(KeysRefused::Length {
            length: 60,
            expected: 40
        })
    );
    for (at, name) in [(3, "PIN"), (25, "MAC"), (45, "track")] {
        let mut spoilt = field.clone();
        spoilt[at] ^= 1;
        let refused = open(KeyScheme::DoubleWithTrack, &spoilt);
        assert_eq!(refused, Err(KeysRefused::CheckValue(name)));
    }
}

#[test]
fn a_mac_key_of_eight_bytes_may_have_zeros_behind_it() {
    let master = key(Cipher::TripleDes, "0123456789ABCDEFFEDCBA9876543210");
    let [pin, mac] = [key(Cipher::TripleDes, DOUBLE), key(Cipher::Des, DES)];
    let mut field = wrapped(&master, &[pin], &[&hex(DOUBLE)]);
    let mut short = hex(DES);
    master.encrypt(&mut short).unwrap();
    field.extend(short);
    field.extend([0; 8]);
    field.extend(mac.check_value().unwrap());
    let opened = WorkingKeys::open(KeyScheme::Double, &master, &field).unwrap();
    assert_eq!(opened.mac, mac);
}

#[test]
fn single_and_sm4_keys_are_opened_too() {
    let master = key(Cipher::Des, "0123456789ABCDEF");
    let mac = key(Cipher::Des, DES);
    let field = wrapped(
        &master,
        &[mac.clone(), mac.clone()],
        &[&hex(DES), &hex(DES)],
    );
    assert_eq!(
        WorkingKeys::open(KeyScheme::Single, &master, &field)
            .unwrap()
            .mac,
        mac
    );

    let master = key(Cipher::Sm4, "0123456789ABCDEFFEDCBA9876543210");
    let mac = key(Cipher::Sm4, DOUBLE);
    let field = wrapped(
        &master,
        &[mac.clone(), mac.clone()],
        &[&hex(DOUBLE), &hex(DOUBLE)],
    );
    assert_eq!(
        WorkingKeys::open(KeyScheme::Double, &master, &field)
            .unwrap()
            .mac,
        mac
    );
}

#[test]
fn no_key_is_shown() {
    let shown = format!("{:?}", key(Cipher::TripleDes, DOUBLE));
    assert_eq!(shown, "CipherKey(TripleDes, hidden)");
}
