//! A disk whose power can be cut: ext4 on a loop device, shut down under its writers.
//!
//! `EXT4_IOC_SHUTDOWN` without a log flush is the nearest to a pulled plug that a running kernel
//! offers: whatever had not been synced is gone, and the file system must replay its own journal at
//! the next mount. The image is a file; what reached it counts as having reached the platter.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Shut down without writing the file system's journal (EXT4_GOING_FLAGS_NOLOGFLUSH).
const NO_LOG_FLUSH: u32 = 2;

/// How long the killed program's files, or a namespace, may keep the disk busy.
const UNMOUNT_WITHIN: Duration = Duration::from_secs(30);

nix::ioctl_read!(shut_down, b'X', 125, u32);

/// A mounted disk; unmounted and given back when it is dropped.
#[derive(Debug)]
pub struct Disk {
    device: PathBuf,
    place: PathBuf,
}

impl Disk {
    /// Needs root, loop devices and mkfs.ext4; the error says which is missing.
    pub fn make(folder: &Path, bytes: u64) -> io::Result<Self> {
        let (image, place) = (folder.join("disk.img"), folder.join("disk"));
        File::create(&image)?.set_len(bytes)?;
        fs::create_dir_all(&place)?;
        run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), &image])?;
        let device = run("losetup", &["--find".as_ref(), "--show".as_ref(), &image])?;
        let device = PathBuf::from(device.trim());
        let disk = Self { device, place };
        disk.mount()?;
        Ok(disk)
    }

    pub fn place(&self) -> &Path {
        &self.place
    }

    fn mount(&self) -> io::Result<()> {
        let arguments = ["-t".as_ref(), "ext4".as_ref(), &*self.device, &*self.place];
        run("mount", &arguments).map(drop)
    }

    /// The power fails.
    pub fn cut(&self) -> io::Result<()> {
        let root = File::open(&self.place)?;
        let mut flags = NO_LOG_FLUSH;
        // SAFETY: the descriptor is open and the argument a valid u32, as the ioctl wants it
        #[allow(unsafe_code, reason = "no crate offers this ioctl")]
        unsafe { shut_down(root.as_raw_fd(), &raw mut flags) }
            .map(drop)
            .map_err(io::Error::from)
    }

    /// The power is back. Whoever had files open must be dead by now. Another mount namespace may
    /// hold the disk for a while (a private pcscd's does): what is mounted meanwhile is still shut
    /// down.
    pub async fn restore(&self) -> io::Result<()> {
        let deadline = Instant::now() + UNMOUNT_WITHIN;
        loop {
            let mounted = run("umount", &[&*self.place]).and_then(|_| self.mount());
            let held = match mounted.and_then(|()| fs::read_dir(&self.place)) {
                Ok(_) => return Ok(()),
                Err(held) => held,
            };
            if Instant::now() > deadline {
                return Err(held);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// That the cut bites: what was written and not synced is gone after it, and what was synced is
    /// there.
    pub async fn prove(&self) -> io::Result<()> {
        let (loose, kept) = (self.place.join("unsynced"), self.place.join("synced"));
        let bytes = vec![7; 1024 * 1024];
        let mut file = File::create(&kept)?;
        io::Write::write_all(&mut file, &bytes)?;
        file.sync_all()?;
        File::open(&self.place)?.sync_all()?;
        fs::write(&loose, &bytes)?;
        drop(file);
        self.cut()?;
        self.restore().await?;
        if fs::read(&kept)? != bytes {
            return Err(io::Error::other("the cut took what was synced"));
        }
        match fs::read(&loose) {
            Ok(found) if found == bytes => Err(io::Error::other("the cut spared what was not")),
            _ => fs::remove_file(&kept),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let given_back = run("umount", &["--lazy".as_ref(), &*self.place])
            .and_then(|_| run("losetup", &["--detach".as_ref(), &*self.device]));
        if let Err(error) = given_back {
            tracing::warn!(device = %self.device.display(), %error, "the disk stays mounted");
        }
    }
}

fn run(program: &str, arguments: &[&Path]) -> io::Result<String> {
    let ran = Command::new(program).args(arguments).output();
    let output =
        ran.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{program} failed: {said}")))
}
