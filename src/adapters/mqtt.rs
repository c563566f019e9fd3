//! MQTT, as both ends of the uplink use it: `broker` and `payload` are common to the store and the
//! head office, `uplink` and `link` are the store's end.

pub mod broker;
mod link;
pub mod payload;
pub mod uplink;

pub use uplink::{MqttConfig, MqttUplink};
