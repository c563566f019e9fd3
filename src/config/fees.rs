//! The file of acquirers' rates: `[[fee]]` tables, of which the first that fits a payment is its
//! rate, and the store's list of debit and credit cards. `config/fees.toml` is a complete example.

use std::path::Path;

use rust_decimal::Decimal;
use store_actors::domain::{
    card_list::{CardList, NotListed},
    day::Day,
    office::fee::{FeeRule, FeeTable, Rounded, Rounding, Tier},
    tender::{Funding, Scheme, Tender},
};

use super::acquirer::{listed, schemes};
use super::sections::words;
use crate::strict_toml::{self, Faults, FileRefused, Section};

/// Rates that an acquirer's table may have.
const AMOUNT: &str = "an amount such as \"0.10\"";
const PERCENT: &str = "a rate in percent from \"0\" to \"100\", e.g. \"0.60\"";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    pub table: FeeTable,
    pub cards: CardList,
}

/// Reads the file.
///
/// # Errors
/// It can't be read, or all of its faults.
pub fn load(file: &Path) -> Result<Fees, FileRefused> {
    strict_toml::load(Some(file), parse)
}

/// Reads `text`.
///
/// # Errors
/// All faults of the text.
pub fn parse(file: &str, text: &str, _: &Path) -> Result<Fees, Faults> {
    strict_toml::read(file, text, "", |root| {
        let cards = root.optional("cards", |root, key| cards(&mut root.section(key)));
        let rules = root.sections("fee").into_iter().map(rule);
        // all of them are read before one that is refused ends it
        let rules: Vec<Option<FeeRule>> = rules.collect();
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Fees {
            table: FeeTable { rules },
            cards: cards.unwrap_or_default(),
        })
    })
}

fn cards(section: &mut Section<'_>) -> CardList {
    let mut list = CardList::default();
    for funding in Funding::ALL {
        let key = funding.as_str();
        let given = section.optional(key, Section::list).unwrap_or_default();
        for digits in &given {
            match list.add(digits, funding) {
                Ok(()) => {}
                Err(NotListed::Digits) => {
                    section.fault(key, format!("{digits:?}: {}", NotListed::Digits))
                }
                Err(why @ NotListed::Twice) => section.fault(key, format!("{digits:?} {why}")),
            }
        }
    }
    list
}

fn rule(mut section: Section<'_>) -> Option<FeeRule> {
    let section = &mut section;
    let name = words(section, "name");
    let acquirer = section.parsed("acquirer", "an acquirer's name", |text| text.parse().ok());
    let tenders = section.optional("tenders", |section, key| {
        listed(section, key, &Tender::CONCRETE, Tender::as_str)
    });
    let schemes: Option<Vec<Scheme>> = section.optional("schemes", schemes);
    let fundings = section.optional("card_kinds", |section, key| {
        listed(section, key, &Funding::ALL, Funding::as_str)
    });
    let mut day = |key| {
        let read = section.optional(key, |section, key| {
            section.parsed(key, "a day such as \"2026-01-31\"", Day::parse)
        });
        read.flatten()
    };
    let (from, until) = (day("from"), day("until"));
    let rate = section.parsed("rate_percent", PERCENT, percent);
    let mut amount_of = |key| section.optional(key, amount_in).flatten();
    let (fixed, minimum, cap) = (amount_of("fixed"), amount_of("minimum"), amount_of("cap"));
    let tiers = if section.keys().iter().any(|key| key == "tiers") {
        section
            .sections("tiers")
            .into_iter()
            .map(tier)
            .collect::<Option<Vec<_>>>()
    } else {
        section.optional("tiers", |_, _| ());
        Some(Vec::new())
    };
    let roundings = [
        ("half_even", Rounding::HalfEven),
        ("half_up", Rounding::HalfUp),
        ("up", Rounding::Up),
        ("down", Rounding::Down),
    ];
    let rounding = section.one_of("rounding", &roundings);
    let rounded = [
        ("transaction", Rounded::Transaction),
        ("period", Rounded::Period),
    ];
    let rounded = section.one_of("rounded_per", &rounded);
    let given_back = section.one_of("refund", &[("given_back", true), ("kept", false)]);
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        section.fault("until", "is before from");
    }
    if let (Some(cap), Some(minimum)) = (cap, minimum)
        && cap < minimum
    {
        section.fault("cap", "is below minimum");
    }
    let tiers = tiers?;
    if !tiers.is_sorted_by(|one, next| one.from_volume < next.from_volume) {
        section.fault("tiers", "must rise by from_volume");
    }
    if !tiers.is_empty() && given_back == Some(true) {
        let why = "a fee by volume can't be given back: which rate the payment had is not kept";
        section.fault("refund", why);
    }
    Some(FeeRule {
        name,
        acquirer: acquirer?,
        tenders: tenders.unwrap_or_default(),
        schemes: schemes.unwrap_or_default(),
        fundings: fundings.unwrap_or_default(),
        from,
        until,
        rate: rate?,
        fixed: fixed.unwrap_or_default(),
        minimum: minimum.unwrap_or_default(),
        cap,
        tiers,
        rounding: rounding?,
        rounded: rounded?,
        given_back: given_back?,
    })
}

fn tier(mut section: Section<'_>) -> Option<Tier> {
    let from_volume = amount_in(&mut section, "from_volume");
    let rate = section.parsed("rate_percent", PERCENT, percent);
    Some(Tier {
        from_volume: from_volume?,
        rate: rate?,
    })
}

fn amount_in(section: &mut Section<'_>, key: &str) -> Option<Decimal> {
    section.parsed(key, AMOUNT, amount)
}

fn amount(text: &str) -> Option<Decimal> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let read = Decimal::from_str_exact(text).ok().filter(|_| is_plain)?;
    (read.scale() <= 8 && read <= Decimal::from(1_000_000_000_000_u64)).then_some(read)
}

fn percent(text: &str) -> Option<Decimal> {
    let hundred = Decimal::ONE_HUNDRED;
    amount(text)
        .filter(|read| *read <= hundred)?
        .checked_div(hundred)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../config/fees.toml");

    fn faults(text: &str) -> Vec<String> {
        let refused = parse("fees.toml", text, Path::new("")).unwrap_err();
        refused
            .list
            .iter()
            .map(|fault| format!("{}: {}", fault.key, fault.message))
            .collect()
    }

    #[test]
    fn the_example_is_read() {
        let Fees { table, cards } = parse("fees.toml", EXAMPLE, Path::new("")).unwrap();
        assert_eq!(table.rules.len(), 5);
        let debit = |rule: &&FeeRule| rule.fundings == [Funding::Debit];
        assert_eq!(table.rules.iter().filter(debit).count(), 1);
        assert_eq!(cards.of("62258801"), Some(Funding::Debit));
        assert_eq!(cards.of("62260912"), Some(Funding::Credit));
        let tiered = table
            .rules
            .iter()
            .find(|rule| !rule.tiers.is_empty())
            .unwrap();
        assert_eq!(tiered.rate, Decimal::new(60, 4));
        assert_eq!(tiered.tiers[1].rate, Decimal::new(50, 4));
        assert!(!tiered.given_back);
    }

    #[test]
    fn faults_of_the_list_of_cards_are_told() {
        let text = "fee = []\n[cards]\ndebit = [\"622588\", \"62\"]\ncredit = [\"622588\", \"6222x1\"]\nprepaid = []\n";
        let found = faults(text);
        for part in [
            "cards.debit: \"62\": a card's first digits are 4 to 8",
            "cards.credit: \"622588\" is listed twice",
            "cards.credit: \"6222x1\": a card's first digits",
            "cards.prepaid: unknown key",
        ] {
            assert!(
                found.iter().any(|one| one.starts_with(part)),
                "{part}: {found:?}"
            );
        }
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = "[[fee]]\nname = \"x\"\nacquirer = \"a\"\nrate_percent = \"101\"\nrounding = \"bankers\"\n\
                    rounded_per = \"transaction\"\nrefund = \"kept\"\ncapp = \"1\"\n\
                    [[fee]]\nname = \"y\"\nacquirer = \"a\"\nrate_percent = \"0.6\"\nminimum = \"2\"\ncap = \"1\"\n\
                    tiers = [{ from_volume = \"5\", rate_percent = \"1\" }, { from_volume = \"5\", rate_percent = \"1\" }]\n\
                    rounding = \"up\"\nrounded_per = \"period\"\nrefund = \"given_back\"\n";
        let found = faults(text);
        for part in [
            "fee[0].rate_percent: is \"101\"",
            "fee[0].rounding: is \"bankers\"",
            "fee[0].capp: unknown key; did you mean \"cap\"?",
            "fee[1].cap: is below minimum",
            "fee[1].tiers: must rise",
            "fee[1].refund: a fee by volume",
        ] {
            assert!(
                found.iter().any(|one| one.starts_with(part)),
                "{part}: {found:?}"
            );
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }
}
