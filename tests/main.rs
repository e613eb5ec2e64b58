//! The flows of Sealpost, each file one subject; those named after an invariant of
//! `src/ARCHITECTURE.md` fail when it is broken. One program, so that it is linked once.
//!
//! Some tests draw at random. `SEALPOST_SEED` (1 if it is not set) repeats what they drew, and these
//! say how long they go on; `tests/run.sh long` sets them:
//!
//! | variable | of | unset | long |
//! |---|---|---|---|
//! | `SEALPOST_POWER_LOSS_STATES` | states after a power loss | 100 | 500 |
//! | `SEALPOST_KILL_CYCLES` | lives of a gateway that ends by kill -9 | 50 | 500 |
//! | `SEALPOST_DAMAGE_TRIALS` | files damaged | 200 | 500 |
#![expect(clippy::unwrap_used, reason = "a test ends where something unforeseen happens")]
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

mod backup;
mod canaries;
mod change_of_key;
mod codename_vectors;
mod compromise_drill;
mod config;
mod damage;
mod day_turn;
mod deleting;
mod form_bad_input;
mod gateway_cannot_open;
mod gateway_roster;
mod hardware_key;
mod import_directions;
mod interop_age;
mod key_batches;
mod kill_nine;
mod notice;
mod notice_rounds;
mod operator;
mod outside_signing;
mod overdue_keys;
mod poster;
mod power_loss;
mod publication;
mod request_signatures;
mod retention;
mod roster_accepted;
mod roster_reload;
mod secrets;
mod stock_tools;
mod store_faults;
mod thirty_epochs;
mod tls;
mod unix_socket;
mod vectors_age;
mod whole_path;

mod envelopes;
mod faults;
mod js;
mod mail_server;
mod moving_clock;
mod newsroom;
mod oracle;
mod place;
mod ssh;
