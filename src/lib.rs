#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod disk;
pub mod random;
pub mod recipient;
pub mod secret;

pub mod clean;
pub mod publication;
pub mod roster;
pub mod seal;
pub mod tip;

#[cfg(any(feature = "operator", feature = "reviewer"))]
pub mod passphrase;

#[cfg(feature = "operator")]
pub mod operator;
