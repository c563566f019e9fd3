//! One binary for all tests against real parts: processes, disks, brokers, readers.

#[cfg(test)]
mod books;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod dashboards;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod head_office;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod mqtt;
#[cfg(test)]
mod nfc;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod pdf;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod peers_alipay;
#[cfg(test)]
mod peers_cardhost;
#[cfg(test)]
mod peers_unionpay;
#[cfg(test)]
mod peers_wechat;
#[cfg(test)]
mod peers_zvt;
#[cfg(test)]
mod people;
#[cfg(test)]
mod procedures;
#[cfg(test)]
mod real_acquirers;
#[cfg(test)]
mod sticker;
#[cfg(test)]
mod story;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod trials;
#[cfg(test)]
mod web;
#[cfg(test)]
mod zvt;
