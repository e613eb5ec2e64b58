#![doc = include_str!("ARCHITECTURE.md")]

pub mod clock;
pub mod disk;
pub mod random;
pub mod recipient;
pub mod secret;
pub mod words;

pub mod clean;
pub mod codename;
pub mod desk;
pub mod publication;
pub mod roster;
pub mod seal;
pub mod tip;

#[cfg(any(feature = "gateway", feature = "reviewer"))]
pub mod clean_command;
#[cfg(any(feature = "operator", feature = "reviewer"))]
pub mod passphrase;
#[cfg(any(feature = "gateway", feature = "reviewer"))]
pub mod tls;

#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "operator")]
pub mod operator;
#[cfg(feature = "reviewer")]
pub mod reviewer;

#[cfg(feature = "demo")]
pub mod demo;
