//! Secrets: values that wipe themselves and cannot be printed.
//!
//! None of these types implements `Debug`, `Display` or `Clone`: a secret that is logged or copied
//! by accident does not compile. Reading one is a named act, [`Secret::expose`].

use zeroize::{Zeroize, Zeroizing};

/// A value that is overwritten when it is dropped.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of a secret; the caller must not have left a copy behind.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The secret itself, for as long as the borrow lasts.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The secret itself, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A key of `N` bytes.
pub type SecretKey<const N: usize> = Secret<[u8; N]>;

/// A text, such as a tip's message or a passphrase. Its buffer must be given its final capacity
/// before it is filled: a growing `String` leaves copies behind.
pub type SecretText = Secret<String>;

/// Bytes of any length, with the same caution about capacity as [`SecretText`].
pub type SecretBytes = Secret<Vec<u8>>;

impl<const N: usize> Secret<[u8; N]> {
    /// A key filled by `fill`, which never leaves its own memory.
    pub fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut key = Self::new([0; N]);
        fill(key.expose_mut());
        key
    }
}
