//! The configuration files that the lab writes for the two programs.

use std::{fmt::Write as _, fs, io, net::SocketAddr, path::PathBuf};

use super::{
    acquirers::{Acquirers, Doors},
    counter::LabCounter,
};

/// What the programs must be told of this lab.
pub struct World {
    pub folder: PathBuf,
    pub journal: PathBuf,
    pub devices: PathBuf,
    pub listen: SocketAddr,
    pub head_office_listen: SocketAddr,
    pub doors: Doors,
    pub acquirers: Acquirers,
    /// Where the store listens for what providers tell.
    pub door: Option<SocketAddr>,
    /// Whether yesterday's bills are fetched at once.
    pub fetches_bills: bool,
    /// Decides where the acquirers can be spoken with in several ways.
    pub seed: u64,
    pub broker: SocketAddr,
    pub database: Option<String>,
    pub speed: u32,
    pub guard_retention_days: u32,
    /// Whether everybody has to sign in.
    pub sign_in: bool,
}

/// The store's, and where it is.
pub fn controller(world: &World, counters: &[LabCounter]) -> io::Result<PathBuf> {
    let World {
        folder,
        devices,
        listen,
        doors,
        broker,
        speed,
        guard_retention_days,
        ..
    } = world;
    let acquirers = world.acquirers;
    let acquirers = acquirers.tables(folder, *doors, *speed, world.seed)?;
    let mut text = format!(
        r#"[store]
chain = "lab"
store = "0001"
name = "The lab"

[api]
listen = "{listen}"

[people]
sign_in = "{sign_in}"

[journal]
dir = "{journal}"
min_free_mib = 64
guard_retention_days = {guard_retention_days}
guard_segment_mib = 1

[uplink]
enabled = true
host = "{broker_host}"
port = {broker_port}
watchdog_ms = 5000
reconnect_spread_ms = 0
connection_timeout_ms = 2000

[notifications]
{door}

[office]
bills_dir = "{folder}/bills"
{bills}

{acquirers}
[counter_defaults]
collect_timeout_ms = 20000
signature_above = "200.00"

[offline]
enabled = true
vault_dir = "{folder}/cards"
vault_key_file = "{folder}/vault.key"

[log]
level = "info"
"#,
        door = world
            .door
            .map_or_else(String::new, |door| format!("listen = \"{door}\"")),
        bills = if world.fetches_bills {
            "fetch_bills_at = \"00:00\""
        } else {
            ""
        },
        folder = folder.display(),
        journal = world.journal.display(),
        sign_in = if world.sign_in { "required" } else { "off" },
        broker_host = broker.ip(),
        broker_port = broker.port(),
    );
    for counter in counters {
        let id = &counter.id;
        let device = |kind: &str| {
            devices
                .join(format!("counter-{id}-{kind}"))
                .display()
                .to_string()
        };
        let _ = write!(
            text,
            "\n[[counter]]\nid = \"{id}\"\nterminal = {{ {} }}\nscanner = {{ line = \"{}\" }}\n",
            match &counter.own {
                None => format!("line = \"{}\"", device("terminal")),
                Some(own) => format!(
                    "line = \"{}\", protocol = \"zvt\", receipts = \"till\", \
                     card_timeout_ms = 10000, end_of_day = \"with_day\"",
                    own.place
                ),
            },
            device("scanner"),
        );
        if let Some(card) = &counter.card {
            let _ = writeln!(text, "nfc = {{ reader = \"{}\" }}", card.slot.reader);
        }
    }
    let file = folder.join("store.toml");
    fs::write(&file, text)?;
    Ok(file)
}

/// The head office's, and where it is.
pub fn head_office(world: &World) -> io::Result<PathBuf> {
    let World {
        folder,
        head_office_listen,
        broker,
        database,
        ..
    } = world;
    let own = || format!("sqlite:{}", folder.join("head-office.db").display());
    let text = format!(
        r#"[head_office]
chain = "lab"

[api]
listen = "{head_office_listen}"

[broker]
host = "{host}"
port = {port}
connection_timeout_ms = 2000
retry_ms = 200

[database]
url = "{url}"
"#,
        host = broker.ip(),
        port = broker.port(),
        url = database.clone().unwrap_or_else(own),
    );
    let file = folder.join("head-office.toml");
    fs::write(&file, text)?;
    Ok(file)
}
