//! Which of several is asked first. What a charge costs at each is a rank (`office::fee`), where
//! the store prefers the cheapest.

use std::sync::Arc;

use super::{
    day::Day, ids::AcquirerId, money::Money, office::fee::FeeTable, tender::Means,
    timestamp::Timestamp,
};

/// Whom a store prefers of the acquirers that take a payment and can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// The first in their order.
    #[default]
    Priority,
    /// The cheapest for this payment; of those that cost the same the first in their order.
    LeastCost {
        table: Arc<FeeTable>,
        /// Of the business day from UTC.
        offset_minutes: i32,
    },
}

/// What a preference sorts by.
pub type Rank = Option<(bool, Option<rust_decimal::Decimal>)>;

impl Preference {
    /// An acquirer's rank for a payment of this kind now; the lowest is preferred.
    pub fn rank(&self, acquirer: &AcquirerId, means: Means, money: Money, now: Timestamp) -> Rank {
        match self {
            Preference::Priority => None,
            Preference::LeastCost {
                table,
                offset_minutes,
            } => {
                let day = Day::of(now, *offset_minutes);
                Some(table.cost_rank(acquirer, means, money, day))
            }
        }
    }
}

/// Of those that take a payment, the one to ask: one that can be reached before one that can't,
/// then by `rank`, the lowest first, then in the order in which they come.
pub fn first<T, K: Ord>(
    takers: impl IntoIterator<Item = T>,
    is_reachable: impl Fn(&T) -> bool,
    rank: impl Fn(&T) -> K,
) -> Option<T> {
    let key = |taker: &T| (!is_reachable(taker), rank(taker));
    takers.into_iter().min_by_key(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::{
        money::Currency,
        office::fee::{FeeRule, Rounded, Rounding},
        tender::{Funding, Scheme},
    };

    /// Basis points, fixed fen, the least fen, the most fen; a scheme and a kind of card, or all of
    /// them.
    type Rate = (u32, u32, u32, Option<u32>, Option<Scheme>, Option<Funding>);

    fn rate() -> impl Strategy<Value = Rate> {
        let scheme = proptest::option::of(proptest::sample::select(Scheme::ALL.to_vec()));
        let cap = proptest::option::of(0..500u32);
        let funding = proptest::option::of(proptest::sample::select(Funding::ALL.to_vec()));
        (0..300u32, 0..100u32, 0..50u32, cap, scheme, funding)
    }

    fn rule(acquirer: usize, (points, fixed, minimum, cap, scheme, funding): Rate) -> FeeRule {
        let fen = |fen: u32| Decimal::new(i64::from(fen), 2);
        FeeRule {
            name: acquirer.to_string(),
            acquirer: id(acquirer),
            tenders: Vec::new(),
            schemes: scheme.into_iter().collect(),
            fundings: funding.into_iter().collect(),
            from: None,
            until: None,
            rate: Decimal::new(i64::from(points), 4),
            fixed: fen(fixed),
            minimum: fen(minimum),
            cap: cap.map(fen),
            tiers: Vec::new(),
            rounding: Rounding::HalfUp,
            rounded: Rounded::Transaction,
            given_back: false,
        }
    }

    fn id(acquirer: usize) -> AcquirerId {
        format!("a{acquirer}").parse().unwrap()
    }

    proptest! {
        /// Whatever the rates are: whoever is chosen can be reached if anybody can, is the cheapest
        /// of those, and the first of the cheapest; without the option it is the first of those.
        #[test]
        fn the_cheapest_of_equal_right_is_asked(
            rates in proptest::collection::vec((0usize..6, rate()), 0..12),
            reachable in proptest::collection::vec(any::<bool>(), 1..6),
            scheme in proptest::sample::select(Scheme::ALL.to_vec()),
            funding in proptest::option::of(proptest::sample::select(Funding::ALL.to_vec())),
            fen in 1u64..10_000_000,
        ) {
            let rules = rates.into_iter().map(|(acquirer, rate)| rule(acquirer, rate)).collect();
            let table = Arc::new(FeeTable { rules });
            let money = Money::from_minor_units(fen, Currency::Cny).unwrap();
            let (means, now) = (Means::card(scheme, funding), Timestamp::from_unix_ms(1_800_000_000_000));
            let least = Preference::LeastCost { table: Arc::clone(&table), offset_minutes: 480 };
            let choose = |preference: &Preference| first(
                0..reachable.len(),
                |one| reachable[*one],
                |one| preference.rank(&id(*one), means, money, now),
            );
            let able: Vec<usize> = match reachable.iter().any(|able| *able) {
                true => (0..reachable.len()).filter(|one| reachable[*one]).collect(),
                false => (0..reachable.len()).collect(),
            };
            prop_assert_eq!(choose(&Preference::Priority), able.first().copied());
            // told again, by looking at each rule
            let cost = |one: usize| table.rules.iter()
                .find(|rule| rule.acquirer == id(one)
                    && (rule.schemes.is_empty() || rule.schemes.contains(&scheme))
                    && (rule.fundings.is_empty() || rule.fundings.contains(&funding.unwrap_or(Funding::Credit))))
                .map(|rule| rule.of_payment(money, Decimal::ZERO));
            let chosen = choose(&least).unwrap();
            prop_assert!(able.contains(&chosen));
            for other in able {
                match (cost(chosen), cost(other)) {
                    (Some(chosen_cost), Some(other_cost)) => prop_assert!(
                        chosen_cost < other_cost || (chosen_cost == other_cost && chosen <= other)
                    ),
                    (None, Some(_)) => prop_assert!(false, "one without a rate went before one with"),
                    (None, None) => prop_assert!(chosen <= other),
                    (Some(_), None) => {}
                }
            }
        }
    }

    #[test]
    fn reachable_before_cheap_and_equals_as_they_come() {
        // name, reachable, fee
        let cheap_but_gone = ("a", false, 1);
        let dear = ("b", true, 3);
        let fair = ("c", true, 2);
        let as_fair = ("d", true, 2);
        let by_fee = |takers: &[(&'static str, bool, u32)]| {
            first(takers.to_vec(), |t| t.1, |t| t.2).map(|t| t.0)
        };
        assert_eq!(by_fee(&[cheap_but_gone, dear, fair, as_fair]), Some("c"));
        assert_eq!(by_fee(&[as_fair, fair]), Some("d"));
        assert_eq!(by_fee(&[cheap_but_gone]), Some("a"));
        assert_eq!(by_fee(&[]), None);
    }
}
