//! Replays the storm of one seed and tells its story, or runs many.

use std::{io::Write as _, process::ExitCode};

use clap::Parser;
use store_actors::mutants::Mutant;
use store_sim::storm;

/// The store's core in paused time against a world that fails as a seed has it.
#[derive(Debug, Parser)]
#[command(
    name = "storm",
    version,
    after_help = "\
Examples:
  storm --seed 7            the story of one storm
  storm --seeds 1000        a thousand storms, the broken ones are named
  storm --seed 7 --mutant ack-before-fsync

Exit codes: 0 every rule held, 1 one was broken, 2 wrong arguments."
)]
struct Arguments {
    /// The storm to tell the story of.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many storms instead, from --seed on, without their stories.
    #[arg(long)]
    seeds: Option<u64>,
    /// With a bug planted: ack-before-fsync, retry-with-new-id, receipt-before-commit,
    /// answer-to-wrong-payment, sequence-reused, lent-twice, second-after-silence.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
    /// Instead of storms: so many hours without the network, cards alone.
    #[arg(long, value_name = "HOURS")]
    offline_hours: Option<u64>,
    /// Counters of those hours.
    #[arg(long, default_value_t = 100)]
    counters: usize,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let known = |mutant: &&Mutant| storm::name(**mutant) == name;
    let found = Mutant::ALL.iter().find(known).copied();
    found.ok_or_else(|| {
        let names: Vec<String> = Mutant::ALL.iter().map(|one| storm::name(*one)).collect();
        format!("allowed: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    if let Some(hours) = arguments.offline_hours {
        let day = storm::day_offline::run(arguments.counters, hours);
        let _ = writeln!(out, "{day:#?}");
        return match day.proves() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        };
    }
    let told = arguments.seeds.is_none();
    let last = arguments.seed.saturating_add(arguments.seeds.unwrap_or(1));
    let mut broken = 0u64;
    for seed in arguments.seed..last {
        let outcome = storm::run(seed, arguments.mutant, told);
        broken += u64::from(!outcome.violations.is_empty());
        for line in &outcome.story {
            let _ = writeln!(out, "{line}");
        }
        if told || !outcome.violations.is_empty() {
            let _ = writeln!(
                out,
                "seed {seed}: {} lives, {} payments, {} effects, {} rules broken",
                outcome.lives,
                outcome.payments,
                outcome.effects,
                outcome.violations.len()
            );
        }
        for violation in &outcome.violations {
            let _ = writeln!(out, "  {violation}");
        }
    }
    if !told {
        let _ = writeln!(out, "{broken} storms broke a rule");
    }
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
