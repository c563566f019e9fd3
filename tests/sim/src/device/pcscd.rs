//! A private, real `pcscd` with virtual readers (`vpcd`, Debian: pcscd, vsmartcard-vpcd, iproute2).
//!
//! It runs in a mount namespace of its own, where a folder of ours lies over `/run/pcscd`, so that
//! it disturbs no other `pcscd` of the machine; clients find its socket through the environment
//! variable of [`Pcscd::client_env`], without entering any namespace. Run by root it also has a
//! network of its own, because `vpcd` listens on every interface; cards reach into it. Run by
//! another user its virtual readers listen on free ports of the machine.
//!
//! Two `vpcd` entries of one driver file share one context and break, so each pair of readers has
//! its own copy of the driver.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::{
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// The environment variable that `libpcsclite` takes the socket's path from.
const SOCKET_ENV: &str = "PCSCLITE_CSOCK_NAME";
/// `pcscd` takes 16 readers; a driver copy always makes two.
pub const MAX_READERS: usize = 16;
const PRIVATE_BASE_PORT: u16 = 35_963;
const START_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
/// Prepares the namespaces, then becomes a `pcscd` that dies with us.
const SCRIPT: &str = "set -e
    if [ \"$1\" = private ]; then ip link set lo up; fi
    mkdir -p /run/pcscd 2>/dev/null || { mount -t tmpfs tmpfs /run; mkdir /run/pcscd; }
    mount --bind \"$2\" /run/pcscd
    exec setpriv --pdeathsig KILL pcscd --foreground --info --config \"$3\"";

/// Why there is no `pcscd`.
#[derive(Debug, thiserror::Error)]
pub enum PcscdError {
    #[error("{what}: install pcscd, vsmartcard-vpcd, iproute2 and util-linux, as `make lab` does")]
    Missing { what: String, source: io::Error },
    #[error("a pcscd serves 1 to {MAX_READERS} readers, not {0}")]
    TooManyReaders(usize),
    #[error("the files of pcscd could not be prepared")]
    Files(#[from] io::Error),
    #[error("pcscd did not become ready: {log}")]
    NotReady { log: String },
}

/// One running `pcscd`; ended when dropped.
#[derive(Debug)]
pub struct Pcscd {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    slots: Vec<Slot>,
    child: Child,
}

/// A virtual reader, as a card sees it.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The name under which PC/SC knows the reader.
    pub reader: String,
    port: u16,
    network: Network,
}

/// Where the virtual readers listen.
#[derive(Debug, Clone)]
enum Network {
    /// In the network of the process with this id; none while `pcscd` is down.
    Private(Arc<Mutex<Option<u32>>>),
    Host,
}

impl Pcscd {
    /// Starts a `pcscd` with this many readers, in a temporary folder.
    ///
    /// # Errors
    /// [`PcscdError`], with the end of its log if it ran and failed.
    pub async fn start(readers: usize) -> Result<Self, PcscdError> {
        let temporary = tempfile::Builder::new().prefix("pcscd-").tempdir()?;
        let folder = temporary.path().to_owned();
        let mut pcscd = Self::start_in(&folder, readers).await?;
        pcscd._temporary = Some(temporary);
        Ok(pcscd)
    }

    /// Starts it in a folder that the caller chose, so that clients can be told before.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_in(folder: &Path, readers: usize) -> Result<Self, PcscdError> {
        if !(1..=MAX_READERS).contains(&readers) {
            return Err(PcscdError::TooManyReaders(readers));
        }
        let network = match Uid::effective().is_root() {
            true => Network::Private(Arc::default()),
            false => Network::Host,
        };
        let slots = configure(folder, readers, &network)?;
        let child = spawn(folder, &network)?;
        let folder = folder.to_owned();
        let mut pcscd = Self {
            folder,
            _temporary: None,
            slots,
            child,
        };
        pcscd.ready().await?;
        Ok(pcscd)
    }

    /// The virtual readers, in the order of the stands.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The variable that a client process (the store controller) must be started with.
    pub fn client_env(&self) -> (&'static str, PathBuf) {
        client_env(&self.folder)
    }

    /// Kills it at once, as a crash does (SIGKILL). Cards lose their readers.
    ///
    /// # Errors
    /// When the process can neither be killed nor waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        self.announce(None);
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Starts it again after [`kill`](Self::kill), with the same readers and socket.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn restart(&mut self) -> Result<(), PcscdError> {
        self.kill()?;
        let network = self.network();
        self.child = spawn(&self.folder, &network)?;
        self.ready().await
    }

    /// What it has logged since it was started last: insertions and removals as it saw them.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn network(&self) -> Network {
        self.slots
            .first()
            .map_or(Network::Host, |slot| slot.network.clone())
    }

    fn announce(&self, pid: Option<u32>) {
        if let Network::Private(place) = self.network() {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = pid;
        }
    }

    async fn ready(&mut self) -> Result<(), PcscdError> {
        let deadline = Instant::now() + START_TIMEOUT;
        // it says that it is ready a moment before its socket is there
        let socket = self.folder.join("run/pcscd.comm");
        while !self.log().contains("daemon ready.") || UnixStream::connect(&socket).is_err() {
            let ended = self.child.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                let log = self.log();
                let tail = log.len().saturating_sub(400);
                return Err(PcscdError::NotReady {
                    log: log.get(tail..).unwrap_or_default().into(),
                });
            }
            sleep(POLL).await;
        }
        self.announce(Some(self.child.id()));
        Ok(())
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // the asked end lets it remove its files; the kill makes sure
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.kill();
    }
}

/// The variable for clients of the `pcscd` in this folder.
pub fn client_env(folder: &Path) -> (&'static str, PathBuf) {
    (SOCKET_ENV, folder.join("run/pcscd.comm"))
}

impl Slot {
    /// Puts a card's end of the line on the reader.
    ///
    /// # Errors
    /// `NotConnected` while `pcscd` is down; otherwise what the connection says.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = match &self.network {
            Network::Host => TcpStream::connect(address).await?,
            Network::Private(place) => {
                let pid = *place.lock().unwrap_or_else(PoisonError::into_inner);
                let pid = pid.ok_or(io::ErrorKind::NotConnected)?;
                let joined = tokio::task::spawn_blocking(move || connect_in(pid, address));
                let stream = timeout(START_TIMEOUT, joined)
                    .await
                    .map_err(io::Error::from)?;
                TcpStream::from_std(stream.map_err(io::Error::other)??)?
            }
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Connects inside the network of another process. A socket belongs to the network its thread was
/// in when it was made; a thread made for this alone goes there and ends.
fn connect_in(pid: u32, address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let network = File::open(format!("/proc/{pid}/ns/net"))?;
    let connect = move || {
        setns(&network, CloneFlags::CLONE_NEWNET)?;
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    let thread = std::thread::Builder::new()
        .name("card-connect".into())
        .spawn(connect)?;
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the connecting thread panicked")))
}

/// Writes the driver copies and their configuration.
fn configure(folder: &Path, readers: usize, network: &Network) -> Result<Vec<Slot>, PcscdError> {
    let (conf, drivers) = (folder.join("conf"), folder.join("drivers"));
    for folder in [&conf, &drivers, &folder.join("run")] {
        fs::create_dir_all(folder)?;
    }
    let mut slots = Vec::new();
    for pair in 0..readers.div_ceil(2) {
        let driver = drivers.join(format!("libifdvpcd-{pair}.so"));
        let missing = |source| PcscdError::Missing {
            what: DRIVER.into(),
            source,
        };
        fs::copy(DRIVER, &driver).map_err(missing)?;
        let port = match network {
            Network::Private(_) => PRIVATE_BASE_PORT + 16 * u16::try_from(pair).unwrap_or_default(),
            Network::Host => free_pair()?,
        };
        let name = format!("Store Sim {pair}");
        fs::write(
            conf.join(format!("reader-{pair}")),
            format!(
                "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:{port:#06X}\n\
                 LIBPATH {}\nCHANNELID {port:#06X}\n",
                driver.display()
            ),
        )?;
        for (slot, port) in [(0, port), (1, port + 1)] {
            let reader = format!("{name} 00 {slot:02}");
            slots.push(Slot {
                reader,
                port,
                network: network.clone(),
            });
        }
    }
    slots.truncate(readers);
    Ok(slots)
}

/// Two neighbouring ports that nothing listens on.
fn free_pair() -> io::Result<u16> {
    for _ in 0..64 {
        let first = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let port = first.local_addr()?.port();
        let next = port.checked_add(1);
        if next.is_some_and(|next| TcpListener::bind((Ipv4Addr::UNSPECIFIED, next)).is_ok()) {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn spawn(folder: &Path, network: &Network) -> Result<Child, PcscdError> {
    let run = folder.join("run");
    for left_over in ["pcscd.comm", "pcscd.pid"] {
        match fs::remove_file(run.join(left_over)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let log = File::create(folder.join("log"))?;
    let (flags, mode) = match network {
        Network::Private(_) => ("-mn", "private"),
        Network::Host => ("-rm", "host"),
    };
    let missing = |source| PcscdError::Missing {
        what: "unshare".into(),
        source,
    };
    Command::new("unshare")
        .args([
            flags,
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
            SCRIPT,
            "sh",
        ])
        .arg(mode)
        .arg(run)
        .arg(folder.join("conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(missing)
}
