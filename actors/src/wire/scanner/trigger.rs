//! The commands that a scanner takes on its serial line, by maker's family. Most stands are
//! presentation scanners that need none ([`Family::Plain`]). Set-up commands, which change a
//! scanner for good, are deliberately not here.

/// Whose commands a scanner obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// Obeys none; always on.
    #[default]
    Plain,
    /// Honeywell: `SYN T CR` on, `SYN U CR` off. Only in the scanner's serial trigger mode.
    Honeywell,
    /// Datalogic: single host characters.
    Datalogic,
}

/// A thing to ask of a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostCommand {
    /// Begin to read.
    TriggerOn,
    /// Stop reading.
    TriggerOff,
    /// Accept symbols.
    Enable,
    /// Ignore symbols.
    Disable,
    /// Start anew, with the stored set-up.
    Reset,
    /// The sound of a good read.
    GoodReadBeep,
    /// A plain beep.
    Beep,
    /// The sound of a code that was read and is of no use.
    NotOnFileBeep,
}

const HONEYWELL: [(HostCommand, &[u8]); 2] = [
    (HostCommand::TriggerOn, &[0x16, 0x54, 0x0d]),
    (HostCommand::TriggerOff, &[0x16, 0x55, 0x0d]),
];

const DATALOGIC: [(HostCommand, &[u8]); 6] = [
    (HostCommand::Enable, b"E"),
    (HostCommand::Disable, b"D"),
    (HostCommand::Reset, b"R"),
    (HostCommand::GoodReadBeep, b"B"),
    (HostCommand::Beep, &[0x01]),
    (HostCommand::NotOnFileBeep, b"F"),
];

impl Family {
    fn table(self) -> &'static [(HostCommand, &'static [u8])] {
        match self {
            Self::Plain => &[],
            Self::Honeywell => &HONEYWELL,
            Self::Datalogic => &DATALOGIC,
        }
    }

    /// The bytes of a command; `None` when this family has no such command.
    pub fn command(self, command: HostCommand) -> Option<&'static [u8]> {
        self.table()
            .iter()
            .find(|(known, _)| *known == command)
            .map(|(_, bytes)| *bytes)
    }

    /// What makes it read when a payment begins, if anything is needed.
    pub fn arm(self) -> Option<&'static [u8]> {
        self.command(HostCommand::TriggerOn)
            .or_else(|| self.command(HostCommand::Enable))
    }

    /// What makes it stop when a payment needs no code any more.
    pub fn disarm(self) -> Option<&'static [u8]> {
        self.command(HostCommand::TriggerOff)
            .or_else(|| self.command(HostCommand::Disable))
    }

    /// The command that `bytes` begin with and its length; the scanner's side of the wire.
    pub fn recognise(self, bytes: &[u8]) -> Option<(HostCommand, usize)> {
        let known = self
            .table()
            .iter()
            .find(|(_, known)| bytes.starts_with(known));
        known.map(|(command, known)| (*command, known.len()))
    }

    /// Whether more bytes may make a command of these.
    pub fn is_prefix(self, bytes: &[u8]) -> bool {
        self.table()
            .iter()
            .any(|(_, known)| known.len() > bytes.len() && known.starts_with(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_bytes_are_frozen() {
        use HostCommand::*;
        let table: [(Family, HostCommand, Option<&[u8]>); 10] = [
            (Family::Honeywell, TriggerOn, Some(b"\x16T\r")),
            (Family::Honeywell, TriggerOff, Some(b"\x16U\r")),
            (Family::Honeywell, Enable, None),
            (Family::Datalogic, Enable, Some(b"E")),
            (Family::Datalogic, Disable, Some(b"D")),
            (Family::Datalogic, Reset, Some(b"R")),
            (Family::Datalogic, GoodReadBeep, Some(b"B")),
            (Family::Datalogic, Beep, Some(b"\x01")),
            (Family::Datalogic, NotOnFileBeep, Some(b"F")),
            (Family::Plain, TriggerOn, None),
        ];
        for (family, command, bytes) in table {
            assert_eq!(family.command(command), bytes, "{family:?} {command:?}");
            if let Some(bytes) = bytes {
                assert_eq!(family.recognise(bytes), Some((command, bytes.len())));
                let cuts: Vec<_> = (0..bytes.len()).map(|cut| &bytes[..cut]).collect();
                assert!(
                    cuts.iter().all(|begun| family.is_prefix(begun)) && !family.is_prefix(bytes)
                );
            }
        }
    }

    #[test]
    fn arming_uses_what_the_family_has() {
        use HostCommand::*;
        let table = [
            (Family::Plain, None, None),
            (Family::Honeywell, Some(TriggerOn), Some(TriggerOff)),
            (Family::Datalogic, Some(Enable), Some(Disable)),
        ];
        for (family, arm, disarm) in table {
            assert_eq!(
                family.arm(),
                arm.and_then(|command| family.command(command)),
                "{family:?}"
            );
            assert_eq!(
                family.disarm(),
                disarm.and_then(|command| family.command(command))
            );
            assert_eq!(family.arm().is_some(), arm.is_some());
        }
    }

    #[test]
    fn bytes_that_are_no_command_are_not_recognised() {
        for family in [Family::Plain, Family::Honeywell, Family::Datalogic] {
            assert_eq!(family.recognise(b""), None);
            assert_eq!(family.recognise(b"\x16"), None);
            assert_eq!(family.recognise(b"x"), None);
        }
    }
}
