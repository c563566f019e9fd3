//! Golden bytes, every cut of a stream, and garbage before, between and after good frames.

use super::*;
use proptest::prelude::*;

const MAX: usize = 64;

fn framings() -> Vec<Framing> {
    let prefix = |width, starts_with, ends_with| Framing::LengthPrefix {
        width,
        starts_with,
        ends_with,
    };
    vec![
        Framing::Terminator { suffix: Suffix::Cr },
        Framing::Terminator { suffix: Suffix::Lf },
        Framing::Terminator {
            suffix: Suffix::CrLf,
        },
        Framing::StxEtxLrc,
        prefix(LengthWidth::Two, None, None),
        prefix(LengthWidth::Two, Some(b'{'), Some(b'}')),
        Framing::NEXO_JSON,
    ]
}

fn data(frames: &[Frame]) -> Vec<Vec<u8>> {
    let data = frames.iter().filter_map(|frame| match frame {
        Frame::Data(data) => Some(data.clone()),
        Frame::Garbage { .. } => None,
    });
    data.collect()
}

fn garbage_len(frames: &[Frame]) -> usize {
    let garbage = frames.iter().map(|frame| match frame {
        Frame::Data(_) => 0,
        Frame::Garbage { bytes_len, .. } => *bytes_len,
    });
    garbage.sum()
}

fn all(framing: Framing, bytes: &[u8]) -> Vec<Frame> {
    let mut framer = Framer::new(framing, MAX);
    let mut frames = framer.feed(bytes);
    frames.extend(framer.idle());
    assert!(!framer.is_partial());
    frames
}

fn garbage(reason: GarbageReason, bytes_len: usize) -> Frame {
    Frame::Garbage { reason, bytes_len }
}

#[test]
fn encoded_bytes_are_frozen() {
    let prefix = |width| Framing::LengthPrefix {
        width,
        starts_with: None,
        ends_with: None,
    };
    let table: [(Framing, &[u8], &[u8]); 7] = [
        (Framing::Terminator { suffix: Suffix::Cr }, b"12", b"12\r"),
        (Framing::Terminator { suffix: Suffix::Lf }, b"12", b"12\n"),
        (
            Framing::Terminator {
                suffix: Suffix::CrLf,
            },
            b"12",
            b"12\r\n",
        ),
        (Framing::StxEtxLrc, b"12", b"\x0212\x03\x00"),
        (Framing::StxEtxLrc, b"\x0d\x0a", b"\x02\x0d\x0a\x03\x04"),
        (prefix(LengthWidth::Two), b"ab", b"\x00\x02ab"),
        (Framing::NEXO_JSON, b"{}", b"\x00\x00\x00\x02{}"),
    ];
    for (framing, message, bytes) in table {
        assert_eq!(
            Framer::new(framing, MAX).encode(message).unwrap(),
            bytes,
            "{framing:?}"
        );
        assert_eq!(
            all(framing, bytes),
            [Frame::Data(message.to_vec())],
            "{framing:?}"
        );
    }
}

#[test]
fn messages_that_cannot_be_framed_are_refused() {
    let cr = Framer::new(Framing::Terminator { suffix: Suffix::Cr }, 4);
    assert_eq!(cr.encode(b""), Err(EncodeError::Empty));
    assert_eq!(
        cr.encode(b"12345"),
        Err(EncodeError::TooLong {
            bytes_len: 5,
            max_len: 4
        })
    );
    assert_eq!(
        cr.encode(b"1\n2"),
        Err(EncodeError::Delimiter { byte: b'\n', at: 1 })
    );
    let stx = Framer::new(Framing::StxEtxLrc, 4);
    assert_eq!(
        stx.encode(b"1\x03"),
        Err(EncodeError::Delimiter { byte: 3, at: 1 })
    );
    let nexo = Framer::new(Framing::NEXO_JSON, 4);
    assert_eq!(nexo.encode(b"[]"), Err(EncodeError::Unexpected));
    assert_eq!(nexo.encode(b"{] "), Err(EncodeError::Unexpected));
    let two = Framing::LengthPrefix {
        width: LengthWidth::Two,
        starts_with: None,
        ends_with: None,
    };
    let two = Framer::new(two, 1 << 20);
    assert!(matches!(
        two.encode(&vec![b'x'; 65_536]),
        Err(EncodeError::TooLong { .. })
    ));
}

#[test]
fn a_device_set_to_the_other_line_end_is_still_understood() {
    let cr = Framing::Terminator { suffix: Suffix::Cr };
    let lf = Framing::Terminator { suffix: Suffix::Lf };
    for framing in [cr, lf] {
        let frames = all(framing, b"one\r\ntwo\r\n");
        assert_eq!(
            frames,
            [Frame::Data(b"one".to_vec()), Frame::Data(b"two".to_vec())]
        );
    }
    let crlf = Framing::Terminator {
        suffix: Suffix::CrLf,
    };
    assert_eq!(all(crlf, b"a\rb\r\n"), [Frame::Data(b"a\rb".to_vec())]);
}

#[test]
fn garbage_is_reported_with_reason_and_length() {
    use GarbageReason::*;
    let cr = Framing::Terminator { suffix: Suffix::Cr };
    let ok = |bytes: &[u8]| Frame::Data(bytes.to_vec());
    let long = [vec![b'x'; MAX + 6], b"\rok\r".to_vec()].concat();
    let body = [vec![2], vec![b'x'; MAX + 1], vec![2, b'1', 3, b'1' ^ 3]].concat();
    let table: Vec<(Framing, &[u8], Vec<Frame>)> = vec![
        (cr, b"\r", vec![garbage(Empty, 1)]),
        (cr, b"half", vec![garbage(Interrupted, 4)]),
        (
            cr,
            &long,
            vec![garbage(TooLong, MAX + 1), garbage(TooLong, 6), ok(b"ok")],
        ),
        (
            Framing::StxEtxLrc,
            b"\x06\x021\x032",
            vec![garbage(OutsideFrame, 1), ok(b"1")],
        ),
        (
            Framing::StxEtxLrc,
            b"\x021\x03\x00",
            vec![garbage(WrongChecksum, 4)],
        ),
        (Framing::StxEtxLrc, b"\x02\x03\x03", vec![garbage(Empty, 3)]),
        (
            Framing::StxEtxLrc,
            b"\x021\x03\x021\x032",
            vec![garbage(WrongChecksum, 3), ok(b"1")],
        ),
        (
            Framing::StxEtxLrc,
            b"\x02ab\x021\x032",
            vec![garbage(OutsideFrame, 3), ok(b"1")],
        ),
        (
            Framing::StxEtxLrc,
            &body,
            vec![garbage(TooLong, MAX + 2), ok(b"1")],
        ),
        (
            Framing::StxEtxLrc,
            b"\x021\x03",
            vec![garbage(Interrupted, 3)],
        ),
        (
            Framing::NEXO_JSON,
            b"xyz\0\0\0\x02{}",
            vec![garbage(NotAFrame, 3), ok(b"{}")],
        ),
        (
            Framing::NEXO_JSON,
            b"\0\0\0\x02{}\0\0",
            vec![ok(b"{}"), garbage(Interrupted, 2)],
        ),
    ];
    for (framing, bytes, frames) in table {
        assert_eq!(all(framing, bytes), frames, "{framing:?} {bytes:02x?}");
    }
}

#[test]
fn a_stray_zero_before_a_length_that_is_a_brace_does_not_hide_the_frame() {
    // the length 0x7b is `{` itself, so that one byte earlier looks like a body of one byte
    let body = [b"{".to_vec(), vec![b' '; 0x7b - 2], b"}".to_vec()].concat();
    let mut framer = Framer::new(Framing::NEXO_JSON, 1024);
    let frame = framer.encode(&body).unwrap();
    let mut frames = framer.feed(&[0]);
    frames.extend(framer.feed(&frame));
    assert_eq!(
        frames,
        [garbage(GarbageReason::NotAFrame, 1), Frame::Data(body)]
    );
}

#[test]
fn a_mistaken_length_hides_no_frame_once_the_line_is_silent() {
    // a lying length of 60 swallows two good frames; silence gives them back
    let frames = all(Framing::NEXO_JSON, b"\0\0\0\x3c{\0\0\0\x02{}\0\0\0\x03{ }");
    assert_eq!(data(&frames), [b"{}".to_vec(), b"{ }".to_vec()]);
    assert_eq!(garbage_len(&frames), 5);
}

#[test]
fn an_endless_babble_is_reported_while_it_lasts_and_kept_out_of_memory() {
    for framing in [
        Framing::Terminator { suffix: Suffix::Cr },
        Framing::StxEtxLrc,
        Framing::NEXO_JSON,
    ] {
        let mut framer = Framer::new(framing, MAX);
        let reports: usize = (0..1000).map(|_| framer.feed(&[0xff; 100]).len()).sum();
        assert!(reports >= 1000, "{framing:?}: {reports}");
        let held = match &framer.state {
            State::Terminator(_) | State::Stx(_) => 0,
            State::Prefixed(_) => 3,
            State::Dle(_) => 5,
        };
        assert!(garbage_len(&framer.idle()) <= MAX + held);
    }
}

#[test]
fn debug_output_shows_no_content() {
    let frame = Frame::Data(b"2876543210987654".to_vec());
    assert_eq!(format!("{frame:?}"), "Data(16 bytes)");
}

#[test]
fn a_reset_forgets_the_half_message() {
    let mut framer = Framer::new(Framing::Terminator { suffix: Suffix::Cr }, MAX);
    framer.feed(b"half");
    framer.reset();
    assert_eq!(framer.feed(b"whole\r"), [Frame::Data(b"whole".to_vec())]);
}

/// A message that every framing can carry.
fn message() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0x20_u8..0x7e, 0..MAX - 2)
        .prop_map(|inner| [b"{".to_vec(), inner, b"}".to_vec()].concat())
}

proptest! {
    #[test]
    fn messages_survive_every_cut_of_the_stream(
        messages in proptest::collection::vec(message(), 1..4),
    ) {
        for framing in framings() {
            let framer = Framer::new(framing, MAX);
            let bytes: Vec<u8> =
                messages.iter().flat_map(|message| framer.encode(message).unwrap()).collect();
            for cut in 0..=bytes.len() {
                let mut framer = Framer::new(framing, MAX);
                let (head, tail) = bytes.split_at(cut);
                let mut frames = framer.feed(head);
                frames.extend(framer.feed(tail));
                prop_assert_eq!(data(&frames), messages.clone());
                prop_assert!(!framer.is_partial());
            }
            let mut framer = Framer::new(framing, MAX);
            let frames: Vec<_> = bytes.iter().flat_map(|byte| framer.feed(&[*byte])).collect();
            prop_assert_eq!(data(&frames), messages.clone());
        }
    }

    #[test]
    fn random_bytes_in_random_pieces_never_panic_and_are_all_accounted_for(
        pieces in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..80), any::<bool>()), 0..20),
    ) {
        let prefixed = framings().into_iter().filter(|f| matches!(f, Framing::LengthPrefix { .. }));
        let width = |framing| match framing {
            Framing::LengthPrefix { width, .. } => width.bytes(),
            Framing::Terminator { .. } | Framing::StxEtxLrc => 0,
            Framing::DleStxCrc | Framing::ZvtApdu => 0,
        };
        for framing in prefixed {
            let mut framer = Framer::new(framing, MAX);
            let mut frames = Vec::new();
            for (piece, silent) in &pieces {
                frames.extend(framer.feed(piece));
                if *silent {
                    frames.extend(framer.idle());
                }
            }
            frames.extend(framer.idle());
            let fed: usize = pieces.iter().map(|(piece, _)| piece.len()).sum();
            let found = data(&frames);
            let framed: usize = found.iter().map(|data| data.len() + width(framing)).sum();
            prop_assert_eq!(framed + garbage_len(&frames), fed);
            prop_assert!(found.iter().all(|data| data.len() <= MAX));
        }
        for framing in framings() {
            let mut framer = Framer::new(framing, MAX);
            for (piece, silent) in &pieces {
                for frame in framer.feed(piece) {
                    prop_assert!(!matches!(frame, Frame::Data(data) if data.len() > MAX));
                }
                if *silent {
                    framer.idle();
                    prop_assert!(!framer.is_partial());
                }
            }
        }
    }

    #[test]
    fn after_garbage_and_silence_a_good_frame_is_found(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        message in message(),
    ) {
        for framing in framings() {
            let mut framer = Framer::new(framing, MAX);
            framer.feed(&noise);
            framer.idle();
            let frame = framer.encode(&message).unwrap();
            prop_assert_eq!(data(&framer.feed(&frame)), [message.clone()]);
        }
    }

    #[test]
    fn json_right_behind_garbage_is_found_without_waiting_for_more_frames(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        message in message(),
    ) {
        let mut framer = Framer::new(Framing::NEXO_JSON, MAX);
        let frame = framer.encode(&message).unwrap();
        let mut frames = framer.feed(&[noise, frame].concat());
        frames.extend(framer.idle());
        prop_assert!(data(&frames).contains(&message));
    }
}
