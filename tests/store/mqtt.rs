//! The outbox and its MQTT link against the real mosquitto: drains, kills, dead lines, TLS, and
//! what a program that is not ours sees on the wire.

mod disk;
mod drain;
mod head_office;
mod offline_total;
mod parking;
mod proxy;
pub mod shop;
mod tls;
mod wire;
