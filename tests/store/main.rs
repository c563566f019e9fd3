//! One binary for all tests against real parts: processes, disks, brokers, readers.

#[cfg(test)]
mod journal;
