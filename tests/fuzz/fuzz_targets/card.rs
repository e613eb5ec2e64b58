//! A card, a batch of sealing keys and an address book of any bytes: refused or taken, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::roster::{AddressBook, IdentityKey, UntrustedBatch, UntrustedCard};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = UntrustedCard(bytes.to_vec()).verify() {
        let batch = UntrustedBatch(card.batch()).verify(None, card.name(), &card.identity());
        assert!(batch.is_ok(), "a card's batch stands on its own");
    }
    let name = "mina".parse().expect("a name");
    let _ = UntrustedBatch(bytes).verify(None, &name, &IdentityKey([1; 32]));
    if let Ok(book) = AddressBook::parse(bytes) {
        assert!(AddressBook::parse(&book.to_bytes()).is_ok());
    }
});
