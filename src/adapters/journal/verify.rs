//! Checking a journal to the bottom: every record, every payment, every count, each derived from
//! the records and compared with what lies there.
//!
//! Opening checks the end of the chain only, since a shop waits for it. This reads everything.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use sha2::{Digest, Sha256};
use store_actors::domain::{
    ids::PaymentId,
    record::{Body, Hash, Record, Tip},
};

use super::{
    copy,
    directory::{disk, sync_dir},
    failed::{OpenFailed, StoreFailed},
    ledger::Moved,
    open,
    plan::keys_of,
    recovery::{GuardLog, Recovery},
    shared::Shared,
    store::{Store, decode_payment, decode_records},
    totals::Difference,
};

/// At most so many faults are told; a torn tree has thousands.
const FAULTS_MAX: usize = 100;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What opening the journal found and mended by itself.
    pub recovery: Recovery,
    /// The first record here, and the last.
    pub first_seq: u64,
    pub tip: u64,
    pub payments: u64,
    pub guard_segments: usize,
    pub guard_records: u64,
    /// Each in words; empty if the journal is whole.
    pub faults: Vec<String>,
}

impl Findings {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// A payment as its last record has it.
struct Last {
    seq: u64,
    digest: [u8; 32],
}

/// Checks the journal in `dir`, which nobody may have open.
///
/// Errors: as opening it. What is wrong inside is no error but a finding.
pub fn verify(dir: &Path) -> Result<Findings, OpenFailed> {
    let opened = open::open(dir, None)?;
    let shared = opened.shared;
    copy::drop(&shared.dir)?;
    let head = shared.progress().applied;
    let mut findings = Findings {
        first_seq: shared.store.begins_after().unwrap_or(0) + 1,
        tip: head.tip.seq,
        payments: head.payments,
        recovery: opened.recovery,
        guard_segments: 0,
        guard_records: 0,
        faults: Vec::new(),
    };
    let checked = check_chain(&shared, &mut findings)
        .and_then(|last| check_payments(&shared.store, &last, &mut findings))
        .and_then(|()| check_derived(&shared, &mut findings));
    if let Err(cause) = checked {
        findings.fault(format!("the store can't be read through: {cause}"));
    }
    check_guard(&shared, &mut findings)?;
    Ok(findings)
}

fn check_chain(
    shared: &Shared,
    findings: &mut Findings,
) -> Result<HashMap<PaymentId, Last>, StoreFailed> {
    let mut last = HashMap::new();
    let mut before: Option<Record> = None;
    for value in shared.store.records.iter().values() {
        for record in decode_records(&value?)? {
            let (seq, prev) = match &before {
                Some(before) => (before.seq + 1, before.hash()),
                None if findings.first_seq == 1 => (1, Hash::default()),
                None => (findings.first_seq, record.prev),
            };
            if record.seq != seq || record.prev != prev {
                findings.fault(format!("record {} does not continue the chain", record.seq));
            }
            match record.decode_body() {
                Ok(Body::Payment { payment, .. }) => {
                    let json = serde_json::to_vec(&payment)
                        .map_err(|cause| StoreFailed::Damaged(cause.to_string()))?;
                    let (seq, digest) = (record.seq, Sha256::digest(json).into());
                    last.insert(payment.id, Last { seq, digest });
                }
                Ok(_) => {}
                Err(cause) => findings.fault(format!("record {}: {cause}", record.seq)),
            }
            before = Some(record);
        }
    }
    let durable = shared.progress().durable;
    let tip = before.map_or(Tip::default(), |last| Tip {
        seq: last.seq,
        hash: last.hash(),
    });
    if tip.seq != 0 && tip != durable {
        findings.fault(format!("the records end at {}", tip.seq));
    }
    Ok(last)
}

/// Each payment is as its last record has it, and found under each of its keys.
fn check_payments(
    store: &Store,
    last: &HashMap<PaymentId, Last>,
    findings: &mut Findings,
) -> Result<(), StoreFailed> {
    let mut seen = HashSet::new();
    let mut keys = 0;
    for value in store.payments.iter().values() {
        let (seq, payment) = decode_payment(&value?)?;
        seen.insert(payment.id);
        let json = serde_json::to_vec(&payment)
            .map_err(|cause| StoreFailed::Damaged(cause.to_string()))?;
        let digest: [u8; 32] = Sha256::digest(json).into();
        match last.get(&payment.id) {
            Some(last) if last.seq == seq && last.digest == digest => {}
            _ => findings.fault(format!("payment {} is not as recorded", payment.id)),
        }
        for key in keys_of(&payment) {
            keys += 1;
            if store.keys.get(&key)?.as_deref() != Some(&payment.id.to_bytes()[..]) {
                findings.fault(format!("payment {} is not under its keys", payment.id));
            }
        }
        if store.unsettled.contains_key(payment.id.to_bytes())? == payment.is_settled() {
            findings.fault(format!("payment {} is listed wrongly", payment.id));
        }
    }
    let missing = last.keys().filter(|id| !seen.contains(id));
    missing.for_each(|id| findings.fault(format!("payment {id} is missing")));
    if seen.len() as u64 != findings.payments {
        let (counted, found) = (findings.payments, seen.len());
        findings.fault(format!("{counted} payments are counted, {found} are there"));
    }
    if store.keys.len() != keys {
        let found = store.keys.len();
        findings.fault(format!("{found} keys are there, the payments have {keys}"));
    }
    Ok(())
}

/// Totals and ledger are those of the payments.
fn check_derived(shared: &Shared, findings: &mut Findings) -> Result<(), StoreFailed> {
    let mut sums = Difference::default();
    let mut moved = Moved::default();
    for value in shared.store.payments.iter().values() {
        let (_, payment) = decode_payment(&value?)?;
        sums.add(&payment, shared.day_offset_minutes);
        moved.change(None, &payment, shared.day_offset_minutes);
    }
    if let Some(day) = moved.differing(&shared.store)? {
        findings.fault(format!("the ledger of {day} is not that of the payments"));
    }
    for key in sums.differing(&shared.store)? {
        findings.fault(format!(
            "the totals of {key} are not the sums of the payments"
        ));
    }
    Ok(())
}

/// Every segment is whole, the segments continue one another, and each record is the store's.
fn check_guard(shared: &Shared, findings: &mut Findings) -> Result<(), OpenFailed> {
    let dir = shared.dir.guard();
    let log = GuardLog::of(&dir).map_err(disk("read", &dir))?;
    let mut before: Option<Tip> = None;
    for first_seq in log.first_seqs() {
        findings.guard_segments += 1;
        let Ok(segment) = log.read(*first_seq).map_err(disk("read", &dir))? else {
            findings.fault(format!("guard segment {first_seq} has no head"));
            continue;
        };
        if before.is_some_and(|before| before != segment.before) {
            findings.fault(format!("guard segment {first_seq} does not continue"));
        }
        for (at, bytes) in &segment.breaks {
            findings.fault(format!(
                "guard segment {first_seq} is broken at byte {at}, for {bytes} bytes"
            ));
        }
        before = Some(segment.tip());
        findings.guard_records += segment.records.len() as u64;
        for record in &segment.records {
            let tip = shared.store.tip_at(record.seq);
            let is_the_same = matches!(tip, Ok(Some(tip)) if tip.hash == record.hash());
            if !is_the_same {
                let seq = record.seq;
                findings.fault(format!("record {seq} of the guard log is not the store's"));
            }
        }
    }
    let durable = shared.progress().durable;
    if let Some(tip) = before.filter(|tip| *tip != durable) {
        let (ends, at) = (tip.seq, durable.seq);
        findings.fault(format!(
            "guard segments end at record {ends}, the store at {at}"
        ));
    }
    Ok(())
}

/// What a repair did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// The store was made anew from the guard log.
    Store,
    /// The store is whole; the guard log was put aside and begins anew behind it.
    Guard,
    /// Both are damaged: nothing was touched.
    Nothing,
}

/// Makes anew whichever of store and guard log is damaged from the other. What is replaced is kept
/// in `aside`.
pub fn repair(dir: &Path, findings: &Findings) -> Result<Repaired, OpenFailed> {
    let of_guard = |fault: &&String| fault.starts_with("guard segment");
    let in_guard = findings.faults.iter().filter(of_guard).count();
    let in_store = findings.faults.len() - in_guard;
    let holds_all = findings.guard_records + findings.first_seq > findings.tip;
    if in_store > 0 && in_guard == 0 && holds_all {
        let opened = open::open(dir, None)?;
        let dir = opened.shared.dir.root().to_owned();
        drop(opened);
        let directory = super::directory::Directory::take(&dir, false)?;
        copy::put_store_aside(&directory)?;
        drop(directory);
        copy::drop(&open::open(&dir, None)?.shared.dir)?;
        return Ok(Repaired::Store);
    }
    if in_guard > 0 && in_store == 0 {
        let (from, aside) = (dir.join("guard"), dir.join("aside"));
        let failed = || disk("put the guard log aside in", &aside);
        fs::create_dir_all(&aside).map_err(failed())?;
        let to = aside.join("guard");
        if to.is_dir() {
            fs::remove_dir_all(&to).map_err(failed())?;
        }
        fs::rename(&from, &to).map_err(failed())?;
        sync_dir(dir).map_err(failed())?;
        return Ok(Repaired::Guard);
    }
    Ok(Repaired::Nothing)
}
