//! The sandbox over real HTTP: what a store may rely on, each rule, and a storm with kills.

mod faults;
mod operations;
mod restart;
mod shop;
mod storm;
mod wechat;
