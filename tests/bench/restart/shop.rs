//! What the controller is connected to: simulated terminals on TCP, and an acquirer.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use store_sim::{
    acquirer::{Acquirer, AcquirerConfig, AcquirerHandle},
    device::{
        Line,
        terminal::{Terminal, TerminalConfig},
    },
};
use tokio::runtime::Runtime;

/// The acquirer's well-known test merchant's.
pub const KEY: &str = "sandbox-merchant-key-for-tests-only";

pub struct Shop {
    acquirer: AcquirerHandle,
    terminals: Vec<(SocketAddr, Terminal)>,
    _ledger: tempfile::TempDir,
    _runtime: Runtime,
}

impl Shop {
    /// With so many counters, each with a terminal.
    pub fn open(counters: usize) -> Self {
        let ledger = tempfile::tempdir().unwrap();
        let config = AcquirerConfig::new(ledger.path().join("ledger.jsonl"));
        let acquirer = Acquirer::start(config).unwrap();
        let runtime = Runtime::new().unwrap();
        let terminals = runtime.block_on(async { (0..counters).map(terminal).collect() });
        Self {
            acquirer,
            terminals,
            _ledger: ledger,
            _runtime: runtime,
        }
    }

    pub fn configuration(&self, journal: &Path, listen: SocketAddr) -> String {
        let mut text = format!(
            "[store]\nchain = \"bench\"\nstore = \"0001\"\nname = \"Bench\"\n\
             [api]\nlisten = \"{listen}\"\n\
             [people]\nsign_in = \"off\"\n[journal]\ndir = \"{}\"\nmin_free_mib = 64\n\
             [office]\nfees_file = \"fees.toml\"\n\
             [acquirers.sandbox]\ndriver = \"sandbox\"\nbase_url = \"{}\"\n\
             merchant = \"sandbox-merchant\"\nkey_file = \"sandbox.key\"\n",
            journal.display(),
            self.acquirer.url(),
        );
        for (nth, (address, _)) in self.terminals.iter().enumerate() {
            writeln!(
                text,
                "[[counter]]\nid = \"{:04}\"\nterminal = {{ line = \"tcp://{address}\" }}",
                nth + 1
            )
            .unwrap();
        }
        text
    }
}

fn terminal(nth: usize) -> (SocketAddr, Terminal) {
    let line = Line::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = line.address().unwrap();
    let config = TerminalConfig::new(&format!("{nth:04}"));
    (address, Terminal::start(line, config))
}
