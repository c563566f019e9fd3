//! Serial ports by tokio-serial: opened exclusively, by a stable path, again and again.
//!
//! A path such as `/dev/serial/by-id/…` names the device and not the socket it is plugged into; it
//! is looked up at each opening, so that a device that went away and came back is found under
//! whatever number it has now. Opening talks to the driver and may block: it happens on a thread of
//! its own, within a bound. Hot-plug is nothing more than opening again: as long as the device is
//! away, opening gives `NotFound`.

use std::{io, path::PathBuf, time::Duration};

use store_actors::ports::{Duplex, LineOpener, Reply};
use tokio::{task::spawn_blocking, time::timeout};
pub use tokio_serial::{DataBits, FlowControl, Parity, StopBits};
use tokio_serial::{SerialPort as _, SerialPortBuilderExt as _, SerialStream};

/// How long a driver may take to open a port.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// The port's settings, equal at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialSettings {
    /// Bits per second.
    pub baud: u32,
    pub data_bits: DataBits,
    pub parity: Parity,
    pub stop_bits: StopBits,
    pub flow_control: FlowControl,
}

impl Default for SerialSettings {
    /// 9600 8N1 without flow control: what scanners and terminals leave the factory with.
    fn default() -> Self {
        Self {
            baud: 9_600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            flow_control: FlowControl::None,
        }
    }
}

/// A serial port as configured.
#[derive(Clone, Debug)]
pub struct SerialLine {
    path: PathBuf,
    settings: SerialSettings,
}

impl SerialLine {
    pub fn new(path: impl Into<PathBuf>, settings: SerialSettings) -> Self {
        Self {
            path: path.into(),
            settings,
        }
    }
}

impl LineOpener for SerialLine {
    /// # Errors `NotFound`: not plugged in. `PermissionDenied`: the user isn't in group `dialout`.
    /// `ResourceBusy`: another program has it. `TimedOut`: the driver hangs.
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>> {
        let line = self.clone();
        Box::pin(async move {
            let opening = timeout(OPEN_TIMEOUT, spawn_blocking(move || line.open_now()));
            let hangs =
                |_| io::Error::new(io::ErrorKind::TimedOut, "the port's driver doesn't open it");
            let stream = opening.await.map_err(hangs)?.map_err(io::Error::other)??;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

impl SerialLine {
    fn open_now(&self) -> io::Result<SerialStream> {
        // the crate says "no device" for a port that is in use as well: tell the two apart here
        std::fs::metadata(&self.path)?;
        let SerialSettings {
            baud,
            data_bits,
            parity,
            stop_bits,
            flow_control,
        } = self.settings;
        let mut stream = tokio_serial::new(self.path.to_string_lossy(), baud)
            .data_bits(data_bits)
            .parity(parity)
            .stop_bits(stop_bits)
            .flow_control(flow_control)
            .exclusive(true)
            .open_native_async()
            .map_err(|cause| self.why(cause))?;
        // devices powered or woken by these lines need them; pseudo-terminals have none and say
        // ENOTTY
        for raised in [
            stream.write_data_terminal_ready(true),
            stream.write_request_to_send(true),
        ] {
            if let Err(cause) = raised {
                tracing::debug!(port = %self.path.display(), %cause, "no modem control lines");
            }
        }
        Ok(stream)
    }

    fn why(&self, cause: tokio_serial::Error) -> io::Error {
        let text = cause.to_string();
        let kind = match io::Error::from(cause).kind() {
            io::ErrorKind::NotFound | io::ErrorKind::WouldBlock if self.path.exists() => {
                io::ErrorKind::ResourceBusy
            }
            kind => kind,
        };
        match kind {
            io::ErrorKind::ResourceBusy => {
                io::Error::new(kind, format!("in use by another program ({text})"))
            }
            _ => io::Error::new(kind, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read as _, Write as _},
        os::{fd::OwnedFd, unix::fs::symlink},
    };

    use nix::pty::{Winsize, openpty};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The device's end of a pseudo-terminal, and the path of the other end.
    fn pty() -> (File, OwnedFd, PathBuf) {
        let pair = openpty(None::<&Winsize>, None).unwrap();
        let path = nix::unistd::ttyname(&pair.slave).unwrap();
        (File::from(pair.master), pair.slave, path)
    }

    fn line(path: impl Into<PathBuf>) -> SerialLine {
        SerialLine::new(path, SerialSettings::default())
    }

    #[tokio::test]
    async fn bytes_pass_unchanged_both_ways() {
        let (mut device, _slave, path) = pty();
        let mut port = line(path).open().await.unwrap();
        let all: Vec<u8> = (0..=255).collect();
        device.write_all(&all).unwrap();
        let mut read = vec![0; 256];
        port.read_exact(&mut read).await.unwrap();
        assert_eq!(read, all, "the line is raw: no byte is special");
        port.write_all(&all).await.unwrap();
        let mut read = vec![0; 256];
        device.read_exact(&mut read).unwrap();
        assert_eq!(read, all);
    }

    #[tokio::test]
    async fn a_port_in_use_is_busy_and_free_again_once_dropped() {
        let (_device, _slave, path) = pty();
        let first = line(&path).open().await.unwrap();
        let second = line(&path).open().await.err().unwrap();
        assert_eq!(second.kind(), io::ErrorKind::ResourceBusy, "{second}");
        drop(first);
        line(&path).open().await.unwrap();
    }

    #[tokio::test]
    async fn a_device_that_is_away_is_not_found_and_comes_back_under_another_number() {
        let dir = tempfile::tempdir().unwrap();
        let by_id = dir.path().join("usb-scanner");
        let port = line(&by_id);
        assert_eq!(
            port.open().await.err().unwrap().kind(),
            io::ErrorKind::NotFound
        );
        for _ in 0..2 {
            let (mut device, slave, path) = pty();
            symlink(&path, &by_id).unwrap();
            let mut open = port.open().await.unwrap();
            device.write_all(b"here\r").unwrap();
            let mut read = [0; 5];
            open.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"here\r");
            // unplugged: reading ends, by end of file or by an error, and does not wait
            drop((device, slave));
            std::fs::remove_file(&by_id).unwrap();
            assert!(!matches!(open.read(&mut read).await, Ok(1..)));
            assert_eq!(
                port.open().await.err().unwrap().kind(),
                io::ErrorKind::NotFound
            );
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_port_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(line(file.path()).open().await.is_err());
    }
}
