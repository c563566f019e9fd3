//! What a store takes: a way of paying or a scheme can be off for one store of a chain, whatever
//! its acquirers would take. Whoever is at the till is told so, and whom to ask.

use super::tender::{Scheme, Tender};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enabling {
    pub off_tenders: Vec<Tender>,
    pub off_schemes: Vec<Scheme>,
    /// Whom to ask, for the words at the till; without it, the head office.
    pub ask: Option<String>,
}

impl Enabling {
    /// `tender`: one with which money really moves.
    pub fn takes(&self, tender: Tender) -> bool {
        !self.off_tenders.contains(&tender)
    }

    pub fn takes_scheme(&self, scheme: Scheme) -> bool {
        !self.off_schemes.contains(&scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_on_but_what_is_named() {
        let all = Enabling::default();
        assert!(Tender::CONCRETE.into_iter().all(|tender| all.takes(tender)));
        let some = Enabling {
            off_tenders: vec![Tender::CustomerCode],
            off_schemes: vec![Scheme::Visa],
            ask: None,
        };
        assert!(!some.takes(Tender::CustomerCode) && some.takes(Tender::MerchantQr));
        assert!(!some.takes_scheme(Scheme::Visa) && some.takes_scheme(Scheme::Alipay));
    }
}
