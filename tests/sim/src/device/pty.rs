//! A serial cable made of a pseudo-terminal: the device holds the master, the controller opens the
//! slave by a stable path, a symbolic link such as `counter-01-scanner`.
//!
//! Like a serial line and unlike a bare pseudo-terminal, it loses what is sent while nobody has it
//! open, and it can be opened exclusively again and again: the kernel keeps the exclusive flag for
//! as long as the master lives, so a new pair takes the old one's place when the controller closes.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use super::line::Written;

/// How often a closed line is looked at; the kernel tells nothing when a slave is opened.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One end of the cable. The link goes when this is dropped.
#[derive(Debug)]
pub struct Pty {
    link: PathBuf,
    /// Where the link leads while the cable is in.
    slave: PathBuf,
    master: Option<AsyncFd<PtyMaster>>,
    /// The slave has been seen open since this pair was made.
    opened: bool,
}

impl Pty {
    /// A cable named `folder/name`, plugged in. Must be called within a tokio runtime.
    pub fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let (link, slave) = (folder.join(name), PathBuf::new());
        let mut pty = Self {
            link,
            slave,
            master: None,
            opened: false,
        };
        pty.plug()?;
        Ok(pty)
    }

    /// The stable path that the controller opens.
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Whether the cable is in.
    pub fn is_plugged(&self) -> bool {
        self.master.is_some()
    }

    /// Makes a new pair and the link to it.
    pub fn plug(&mut self) -> io::Result<()> {
        let (master, slave) = open_pair()?;
        let new_link = self.link.with_extension("new");
        remove(&new_link)?;
        symlink(&slave, &new_link)?;
        // one step, so that the path never leads nowhere
        fs::rename(&new_link, &self.link)?;
        self.slave = slave.into();
        self.master = Some(register(master)?);
        self.opened = false;
        Ok(())
    }

    /// Takes the cable out: the path is gone and who has it open reads end of file.
    pub fn unplug(&mut self) -> io::Result<()> {
        // the path may be another cable's by now
        let ours = fs::read_link(&self.link).is_ok_and(|slave| slave == self.slave);
        let removed = if ours { remove(&self.link) } else { Ok(()) };
        self.master = None;
        removed
    }

    /// Reads what came. Waits while there is nothing, nobody or no cable; may be cancelled.
    pub async fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            let Some(master) = &self.master else {
                std::future::pending().await
            };
            let Ok(mut ready) = master.readable().await else {
                std::future::pending().await
            };
            let was_closed = ready.ready().is_read_closed();
            match ready.try_io(|master| master.get_ref().read(buffer)) {
                Err(_would_block) => {
                    self.opened = true;
                    if was_closed {
                        self.watch_anew();
                    }
                }
                Ok(Ok(len)) if len > 0 => {
                    self.opened = true;
                    return len;
                }
                Ok(_) => {
                    // nobody has the slave open
                    if self.opened && self.plug().is_err() {
                        self.master = None;
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Somebody has opened the slave. tokio takes a hang-up for final and would report it for ever.
    fn watch_anew(&mut self) {
        self.master = self
            .master
            .take()
            .and_then(|master| register(master.into_inner()).ok());
    }

    /// Writes what the line takes at once.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> Written {
        let Some(master) = self
            .master
            .as_ref()
            .filter(|master| is_open(master.get_ref()))
        else {
            return Written::Nobody;
        };
        match master.get_ref().write(bytes) {
            Ok(len) => Written::Bytes(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Full,
            Err(_) => Written::Nobody,
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = self.unplug();
    }
}

fn open_pair() -> io::Result<(PtyMaster, String)> {
    // close-on-exec: in a child's hands an unplugged cable would still be in
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let mut settings = tcgetattr(&master)?;
    cfmakeraw(&mut settings);
    tcsetattr(&master, SetArg::TCSANOW, &settings)?;
    let slave = ptsname_r(&master)?;
    // opened and closed once: from now on the kernel tells whether somebody has it open
    let flags = OFlag::O_NOCTTY.bits();
    drop(
        fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(&slave)?,
    );
    Ok((master, slave))
}

#[expect(
    unsafe_code,
    reason = "tokio has no safe way to watch a descriptor of another crate's type"
)]
fn register(master: PtyMaster) -> io::Result<AsyncFd<PtyMaster>> {
    // SAFETY: a `PtyMaster` owns its descriptor, gives the same one each time and closes it only
    // when dropped
    Ok(unsafe { AsyncFd::register(master) }?)
}

fn is_open(master: &PtyMaster) -> bool {
    let mut fds = [PollFd::new(master.as_fd(), PollFlags::empty())];
    let events = match poll(&mut fds, PollTimeout::ZERO) {
        Ok(_) => fds.iter().find_map(PollFd::revents),
        Err(Errno::EINTR) => None,
        Err(_) => return false,
    };
    !events.is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
