//! `token` and `setup-link`: tokens of programs, and the way in for a store that has no manager.
//! Both work while the controller runs, and while it does not.

use std::{io::Write, path::Path, sync::Arc};

use clap::{Args, Subcommand};
use store_actors::domain::{
    ids::CounterId,
    people::{Scope, deed::By},
};

use super::Failed;
use crate::{
    adapters::clock::{OsEntropy, SystemClock},
    config::Config,
    people::{
        NewToken, People, PeopleSettings, WriteDeed,
        book::{Book, BookFailed},
    },
};

pub(super) const TOKEN_EXAMPLES: &str = "Scopes: pay, refund, read, office, metrics.

Examples:
  store-controller token add --name 'till 01' --scope pay --scope refund --counter 01
  store-controller token list
  store-controller token revoke 0a1b2c3d";

#[derive(Debug, Args)]
pub struct TokenArguments {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it: it is kept nowhere else.
    Add {
        /// For people; no other token has it.
        #[arg(long)]
        name: String,
        /// What it is good for; may be given more than once.
        #[arg(long = "scope", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// Only at this counter; may be given more than once. Without it: at all.
        #[arg(long = "counter", value_parser = counter)]
        counters: Vec<CounterId>,
    },
    /// Print id, name, scopes and counters of each token.
    List,
    /// Take a token away: the next request with it is refused.
    Revoke {
        /// As `list` prints it.
        id: String,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| {
        let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        format!("a scope is one of {}", all.join(", "))
    })
}

fn counter(text: &str) -> Result<CounterId, String> {
    text.parse()
        .map_err(|_| "a counter has 1 to 16 characters of A-Z a-z 0-9 . _ -".to_owned())
}

pub(super) fn token(
    file: Option<&Path>,
    arguments: TokenArguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let people = open(&config)?;
    let runtime = runtime()?;
    match arguments.command {
        TokenCommand::Add {
            name,
            scopes,
            counters,
        } => {
            let is_known = |id: &&CounterId| !config.counters.iter().any(|one| one.id == **id);
            if let Some(unknown) = counters.iter().find(is_known) {
                return Err(format!("there is no counter {unknown}").into());
            }
            let new = NewToken {
                name,
                scopes,
                counters,
            };
            let (value, _) = runtime.block_on(people.make_token(By::Shell, new, ""))?;
            writeln!(out, "{value}")?;
        }
        TokenCommand::List => {
            for token in &people.contents()?.tokens {
                let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
                let counters: Vec<_> = token.counters.iter().map(CounterId::as_str).collect();
                let (scopes, counters) = (scopes.join(","), counters.join(","));
                writeln!(out, "{}\t{}\t{scopes}\t{counters}", token.id, token.name)?;
            }
        }
        TokenCommand::Revoke { id } => {
            runtime.block_on(people.revoke_token(By::Shell, &id, ""))?;
        }
    }
    Ok(())
}

pub(super) fn setup_link(file: Option<&Path>, out: &mut dyn Write) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let people = open(&config)?;
    let code = runtime()?.block_on(people.new_setup_code())?;
    let scheme = if config.api.tls.is_some() {
        "https"
    } else {
        "http"
    };
    writeln!(out, "{scheme}://{}/setup?code={code}", config.api.listen)?;
    Ok(())
}

/// Deeds are left in the book, for the running controller.
fn open(config: &Config) -> Result<People, Failed> {
    if !config.people.sign_in {
        return Err("nobody signs in at this store: people.sign_in is \"off\"".into());
    }
    let settings = PeopleSettings {
        dir: config.people.dir.clone(),
        rules: config.people.rules,
    };
    let book = Arc::new(Book::open(&settings.dir)?);
    let write: WriteDeed = Arc::new(move |deed| {
        let book = Arc::clone(&book);
        Box::pin(async move {
            let left = book.change(|contents| {
                contents.deeds.push(deed);
                Ok::<_, BookFailed>(())
            });
            left.map_err(|failed| store_actors::ports::JournalFailed::Refused(failed.to_string()))
        })
    });
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    Ok(People::open(&settings, clock, entropy, write)?)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}
