//! The table: what each field of a UnionPay POS message is.
//!
//! Source: 中国银联 POS 终端规范, the fields of its messages. Where the editions differ in a largest
//! length, the larger one stands here: a host must not be refused for a longer field. Fields that
//! no row names are refused by number, since without its row nobody knows where a field ends.

/// What a field's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Digits, two a byte.
    N,
    /// Letters, digits and spaces, ASCII.
    An,
    /// Text: ASCII, or GBK in what a host wants shown.
    Ans,
    /// A track: digits and the separator `D`, two a byte.
    Z,
    /// Bytes.
    B,
}

/// How a field's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Fixed,
    /// One byte in front: two BCD digits.
    Ll,
    /// Two bytes in front: three BCD digits behind a 0.
    Lll,
}

/// On which side an odd number of digits begins; the nibble left over is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// 2 to 128.
    pub number: u8,
    pub format: Format,
    pub length: Length,
    /// In digits for `N` and `Z`, else in bytes.
    pub max: u16,
    pub align: Align,
    /// Its value is in no `Debug`.
    pub is_secret: bool,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $number:literal $format:ident $length:ident $max:literal
       $align:ident $shown:ident;)+) => {
        /// A field that this dialect knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $name),+ }

        impl Field {
            /// In the order of their numbers, which is that of the message.
            pub const ALL: &'static [Field] = &[$(Field::$name),+];

            /// The field's row.
            pub const fn spec(self) -> Spec {
                match self {
                    $(Field::$name => Spec {
                        number: $number,
                        format: Format::$format,
                        length: Length::$length,
                        max: $max,
                        align: Align::$align,
                        is_secret: matches!(Shown::$shown, Shown::Secret),
                    },)+
                }
            }

            /// The field of this number.
            pub const fn of_number(number: u8) -> Option<Field> {
                match number {
                    $($number => Some(Field::$name),)+
                    _ => None,
                }
            }
        }
    };
}

/// Whether `Debug` may show a value.
enum Shown {
    Open,
    Secret,
}

fields! {
    /// Primary account number.
    Pan = 2 N Ll 19 Left Secret;
    ProcessingCode = 3 N Fixed 6 Left Open;
    /// Minor units.
    Amount = 4 N Fixed 12 Left Open;
    /// System trace audit number.
    Stan = 11 N Fixed 6 Left Open;
    /// hhmmss, the host's.
    LocalTime = 12 N Fixed 6 Left Open;
    /// MMDD, the host's.
    LocalDate = 13 N Fixed 4 Left Open;
    /// YYMM.
    Expiry = 14 N Fixed 4 Left Secret;
    SettlementDate = 15 N Fixed 4 Left Open;
    /// How the card was read (2 digits) and whether a PIN was (1).
    EntryMode = 22 N Fixed 3 Left Open;
    /// PAN sequence number.
    CardSequence = 23 N Fixed 3 Right Open;
    ConditionCode = 25 N Fixed 2 Left Open;
    PinCapture = 26 N Fixed 2 Left Open;
    AcquirerCode = 32 N Ll 11 Left Open;
    Track2 = 35 Z Ll 37 Left Secret;
    Track3 = 36 Z Lll 104 Left Secret;
    /// Retrieval reference number.
    Reference = 37 An Fixed 12 Left Open;
    Authorisation = 38 An Fixed 6 Left Open;
    ResponseCode = 39 An Fixed 2 Left Open;
    Terminal = 41 Ans Fixed 8 Left Open;
    Merchant = 42 Ans Fixed 15 Left Open;
    /// Issuer's and acquirer's codes.
    Institutions = 44 An Ll 25 Left Open;
    /// Totals of a settlement, or a batch's details.
    Details = 48 N Lll 322 Left Secret;
    /// ISO 4217, three digits as text.
    Currency = 49 An Fixed 3 Left Open;
    PinBlock = 52 B Fixed 8 Left Secret;
    Security = 53 N Fixed 16 Left Open;
    Balance = 54 An Lll 20 Left Open;
    /// BER-TLV of the chip.
    Chip = 55 B Lll 255 Left Secret;
    Wallet = 58 Ans Lll 100 Left Open;
    /// Type (2), batch (6), network management (3), reader (1), chip condition (1), and more.
    Batch = 60 N Lll 19 Left Open;
    /// Batch (6), trace (6) and date (4) of the original, and more.
    Original = 61 N Lll 29 Left Open;
    /// Working keys in an answer to a sign-in, else as the acquirer agrees.
    Private62 = 62 B Lll 512 Left Secret;
    Private63 = 63 Ans Lll 163 Left Open;
    Mac = 64 B Fixed 8 Left Open;
    /// The MAC of a message with fields above 64.
    Mac128 = 128 B Fixed 8 Left Open;
}
