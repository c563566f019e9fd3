//! What allocates nothing, counted. A binary of its own: its allocator counts for every test in it,
//! thread by thread.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on ends"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    hint::black_box,
    path::PathBuf,
};

use store_actors::wire::iso8583::{Decoded, Field, Value, field::Length};

struct Counting;

thread_local! {
    /// Without a destructor, so that it can be counted with from the first moment to the last.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

#[expect(
    unsafe_code,
    reason = "an allocator can't be written otherwise; each call is handed to the system's as it came"
)]
// SAFETY: every method is the system allocator's own, called with what its caller vouched for
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocated.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let done = work();
    (ALLOCATIONS.get() - before, done)
}

fn golden_messages() -> Vec<(String, Vec<u8>)> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/wire/iso8583/golden");
    let files = fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let digits = fs::read_to_string(&path).unwrap();
        let digits = digits.trim();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let bytes = (0..digits.len()).step_by(2).map(byte).collect();
        (path.display().to_string(), bytes)
    };
    files.map(read).collect()
}

#[test]
fn the_count_counts() {
    let (once, made) = allocations(|| black_box(vec![1_u8; 100]));
    assert_eq!((once, made.len()), (1, 100));
    let (twice, _) = allocations(|| {
        let mut grown = black_box(Vec::<u8>::with_capacity(1));
        grown.extend([1; 64]);
        grown
    });
    assert_eq!(twice, 2);
    assert_eq!(allocations(|| black_box(7_u64)).0, 0);
}

/// Every message, whatever is in it, and each fixed field read out of it.
#[test]
fn decoding_an_iso_8583_message_allocates_nothing() {
    let messages = golden_messages();
    assert!(messages.len() >= 16, "{}", messages.len());
    let mut fixed_fields = 0;
    for (name, bytes) in &messages {
        let (made, decoded) = allocations(|| Decoded::decode(black_box(bytes)).unwrap());
        assert_eq!(made, 0, "{name} as a whole");
        for field in Field::ALL {
            let is_fixed = field.spec().length == Length::Fixed;
            let (made, value) = allocations(|| match decoded.get(*field) {
                Some(Value::Digits(digits)) => digits.to_u64().unwrap_or(0),
                Some(Value::Text(bytes) | Value::Bytes(bytes)) => {
                    bytes.iter().copied().map(u64::from).sum()
                }
                None => 0,
            });
            black_box(value);
            assert_eq!(made, 0, "{name}: field {}", field.spec().number);
            fixed_fields += usize::from(is_fixed && decoded.get(*field).is_some());
        }
        let numbers = [Field::Amount, Field::Stan, Field::LocalDate];
        let (made, _) = allocations(|| numbers.map(|field| black_box(decoded.number(field))));
        assert_eq!(made, 0, "{name}: numbers");
    }
    assert!(fixed_fields > 100, "{fixed_fields}");
}
