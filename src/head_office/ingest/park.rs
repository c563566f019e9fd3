//! Finding what the database refuses: the batch is halved until one record is left, and that one is
//! parked.

use crate::head_office::database::Arrival;

/// The parts to try instead of one that was refused, the later ones first. Nothing is left to try
/// when even the note was refused.
pub(super) fn halves(mut part: Vec<Arrival>, cause: &sqlx::Error) -> Vec<Vec<Arrival>> {
    if part.len() > 1 {
        let later = part.split_off(part.len() / 2);
        return vec![later, part];
    }
    let Some(mut arrival) = part.pop() else {
        return Vec::new();
    };
    match (arrival.records.len(), arrival.poison.is_empty()) {
        (0, _) => Vec::new(),
        (1, true) => {
            // the code alone: a database's words may quote the row
            let code = cause
                .as_database_error()
                .and_then(|error| error.code())
                .unwrap_or_default();
            let reason = format!("the database refuses it (code {code})");
            let seq = arrival.records.pop().map_or(0, |record| record.seq);
            vec![vec![Arrival {
                poison: vec![(seq, reason)],
                stubs: Vec::new(),
                ..arrival
            }]]
        }
        (records, _) => {
            let later = arrival.records.split_off(records / 2);
            arrival.kept = None;
            let later = Arrival {
                records: later,
                stubs: Vec::new(),
                poison: Vec::new(),
                ..arrival.clone()
            };
            vec![vec![later], vec![arrival]]
        }
    }
}

#[cfg(test)]
mod tests {
    use store_actors::{
        domain::{
            record::{Body, Hash, Tip},
            timestamp::Timestamp,
        },
        wire::uplink::StoreRef,
    };

    use super::*;

    fn arrival(records: u64, poison: &[(u64, String)]) -> Arrival {
        let mut tip = Tip::default();
        let at = Timestamp::from_unix_ms(0);
        Arrival {
            store: StoreRef {
                chain: "demo".parse().unwrap(),
                store: "0001".parse().unwrap(),
            },
            records: (0..records)
                .map(|_| tip.append(at, &Body::Stopped).unwrap().into())
                .collect(),
            stubs: Vec::new(),
            poison: poison.to_vec(),
            message: Hash::default(),
            kept: None,
        }
    }

    #[test]
    fn halving_ends_and_loses_nothing() {
        let batch = vec![
            arrival(5, &[(9, "x".into())]),
            arrival(3, &[]),
            arrival(0, &[]),
        ];
        let mut todo = vec![batch];
        let mut parked = Vec::new();
        let mut steps = 0;
        while let Some(part) = todo.pop() {
            steps += 1;
            assert!(steps < 100);
            match part.as_slice() {
                [only] if only.records.is_empty() => parked.extend(only.poison.clone()),
                _ => todo.extend(halves(part, &sqlx::Error::RowNotFound)),
            }
        }
        let mut seqs: Vec<u64> = parked.iter().map(|(seq, _)| *seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 1, 2, 2, 3, 3, 4, 5, 9]);
    }
}
