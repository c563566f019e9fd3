//! MQTT, as both ends of the uplink use it.

pub mod broker;
pub mod payload;
