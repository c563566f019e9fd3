//! What `lab` is told on its command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

use super::{
    acquirers::Acquirers,
    crashes::{self, Point},
};

/// Opens a working shop on this machine: counters with terminals, scanners and card readers, an
/// acquirer, a broker and a head office. Customers come by themselves.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "lab",
    after_help = "Examples:\n  \
        lab                                         a shop to watch and to pay in, until Ctrl-C\n  \
        lab --counters 8 --payments 400 --seed 1    so many payments among faults, then the books are compared\n  \
        lab --payments 2000 --cuts 40 --no-readers  the power fails forty times under load\n  \
        lab --payments 900 --kill-at all --no-readers  dies at every point where it can be made to\n  \
        lab --acquirers real --payments 400         the same, in the providers' own protocols\n  \
        lab --zvt 2 --payments 200                  two counters with terminals that authorise by themselves\n  \
        lab --broker mqtt://127.0.0.1:1883          the same with your own broker\n\n\
        Exit codes: 0 every invariant held, 1 one did not or the shop failed, 2 usage."
)]
pub struct Args {
    /// Counters in the shop, 1 to 64; with card readers at most 16.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub counters: u8,
    /// Runs this many payments with faults, compares the books and ends.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub payments: Option<u32>,
    /// Seed of customers, faults and the acquirer's moods.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the report goes, as JSON (with --payments).
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// The acquirer's clock runs so many times as fast.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub speed: u32,
    /// The protocols between store and acquirers: the sandbox's own, or the providers' real ones.
    #[arg(long, value_enum, default_value_t)]
    pub acquirers: Acquirers,
    /// Where the store's API listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8600")]
    pub listen: SocketAddr,
    /// Where the head office listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8700")]
    pub head_office_listen: SocketAddr,
    /// A broker of your own, mqtt://HOST:PORT, instead of the embedded one.
    #[arg(long)]
    pub broker: Option<String>,
    /// The head office's database, e.g. postgres://user@host/name; a SQLite file of the lab's by
    /// default.
    #[arg(long)]
    pub database: Option<String>,
    /// Starts Debian's Prometheus on a free loopback port, with the rules of `dashboards/` loaded.
    #[arg(long)]
    pub prometheus: bool,
    /// Everybody has to sign in: a manager, a supervisor and a cashier are made, and printed with
    /// their PINs, and a token for tills.
    #[arg(long)]
    pub sign_in: bool,
    /// Where everything is kept; a temporary folder by default, removed at the end.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Without card readers, for machines where no private pcscd can be started.
    #[arg(long)]
    pub no_readers: bool,
    /// So many counters, the last ones, have a terminal that authorises by itself (ZVT): what it
    /// booked is compared as well.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=64))]
    pub zvt: u8,
    /// Without faults.
    #[arg(long)]
    pub calm: bool,
    /// Instead of the usual outages, cut the power of the journal's disk so many times under load
    /// (with --payments). The disk is ext4 on a loop device: needs root.
    #[arg(long, default_value_t = 0, requires = "payments")]
    pub cuts: u32,
    /// After so many further cuts the disk comes back spoiled: sled's file emptied, torn or with
    /// flipped bits, its snapshot torn, garbage behind the guard log's last group.
    #[arg(long, default_value_t = 0, requires = "payments")]
    pub spoils: u32,
    /// Instead of the usual outages, kill the controller (-9) so many times under load (with
    /// --payments).
    #[arg(long, default_value_t = 0, requires = "payments")]
    pub kills: u32,
    /// Instead of the usual outages, let a program die between two steps of the money's way: at
    /// this point, or at `all` of them one after the other, or at those of a card host's
    /// `settlement` (with --acquirers real and card readers), or at each step of the procedure of
    /// `alipay`, `wechat-v2` (even seeds), `wechat-v3` (odd seeds), `unionpay-qr`, `card-host` (or
    /// its `card-host-advice`, even seeds) or `zvt`; may be given more than once (with --payments).
    #[arg(long, value_name = "POINT", requires = "payments", value_parser = crashes::named)]
    pub kill_at: Vec<Vec<Point>>,
}

impl Args {
    /// Whether the journal lies on a disk whose power can be cut.
    pub fn needs_disk(&self) -> bool {
        self.cuts + self.spoils > 0
    }

    /// The crash points that were asked for.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        self.kill_at.iter().flatten().copied()
    }

    /// Whether the program dies at each step of an acquirer's procedure: rare ones must come.
    pub fn dies_at_steps(&self) -> bool {
        self.points().any(Point::is_step)
    }

    /// Whether crashes take the place of the usual outages.
    pub fn crashes(&self) -> bool {
        self.cuts + self.spoils + self.kills > 0 || !self.kill_at.is_empty()
    }

    /// Whether this is a run with an end, or a shop that stays open.
    pub fn is_measured(&self) -> bool {
        self.payments.is_some()
    }

    /// A shop without faults or readers on free ports: for tests that bring their own trouble.
    pub fn calm(counters: u8) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            counters,
            payments: None,
            seed: 1,
            report: None,
            speed: 20,
            acquirers: Acquirers::Sandbox,
            listen: free,
            head_office_listen: free,
            broker: None,
            database: None,
            prometheus: false,
            sign_in: false,
            dir: None,
            no_readers: true,
            zvt: 0,
            calm: true,
            cuts: 0,
            spoils: 0,
            kills: 0,
            kill_at: Vec::new(),
        }
    }
}
