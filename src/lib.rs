#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod disk;
pub mod random;
pub mod secret;

pub mod clean;
pub mod tip;
