#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod disk;
pub mod random;
pub mod recipient;
pub mod secret;

pub mod clean;
pub mod seal;
pub mod tip;
