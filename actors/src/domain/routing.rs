//! Which of several is asked first. Deliberately not here: what a charge costs at each; a fee table
//! would be a rank.

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
    use super::*;

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
