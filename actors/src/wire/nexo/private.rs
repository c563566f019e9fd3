//! Text that may be a customer's: never printed, wiped when dropped.

use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// Text of a message that may hold a card number, a code, a signature or what a customer typed.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "String")]
pub struct Private(Zeroizing<String>);

impl Private {
    /// The text; it goes where the message says and nowhere else (SEC-1).
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Private {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Private({} bytes)", self.0.len())
    }
}
