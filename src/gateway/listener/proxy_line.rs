//! The line a tor daemon puts before every stream of an onion service.
//!
//! With `HiddenServiceExportCircuitID haproxy`, tor speaks version 1 of the PROXY protocol and
//! puts the number of the circuit where a proxy would put the client's address:
//!
//! ```text
//! PROXY TCP6 fc00:dead:beef:4dad::0:30 ::1 48 80\r\n
//!                                 └┬──┘
//!               the circuit's number: the low 32 bits, here 0x30
//! ```
//!
//! The number tells circuits apart while they last and says nothing about who is at their end. It
//! stays in memory and serves fairness only, see [`Circuit`].

use std::{net::Ipv6Addr, num::NonZeroU32};

/// The longest PROXY line of version 1, with its CR LF, in bytes (the protocol's section 2.1).
pub const MAX_LINE: usize = 107;

/// The upper 96 bits of every address that tor makes up for a circuit. A line with any other
/// address comes from a proxy that would tell us about real people.
const TOR_PREFIX: [u16; 6] = [0xfc00, 0xdead, 0xbeef, 0x4dad, 0, 0];

/// Which circuit a connection came through, as far as that is known. Streams without a number
/// (TLS, or the number 0) cannot be told apart and count as one shared circuit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Circuit(Option<NonZeroU32>);

impl Circuit {
    /// The one circuit of all streams without a number.
    pub const SHARED: Self = Self(None);

    /// A circuit by its number; 0 is [`Circuit::SHARED`].
    pub fn numbered(number: u32) -> Self {
        Self(NonZeroU32::new(number))
    }

    /// True for the streams that cannot be told apart.
    pub fn is_shared(self) -> bool {
        self.0.is_none()
    }
}

/// What came before HTTP was not tor's line. It says nothing of what was there instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a PROXY line of tor's: set HiddenServiceExportCircuitID haproxy for this onion service"
)]
pub struct NotTorsLine;

/// Reads one whole line, CR LF included. Strict: one space between words, no address but tor's.
pub fn parse(line: &[u8]) -> Result<Circuit, NotTorsLine> {
    if line.len() > MAX_LINE {
        return Err(NotTorsLine);
    }
    let text = line.strip_suffix(b"\r\n").ok_or(NotTorsLine)?;
    let text = std::str::from_utf8(text).map_err(|_| NotTorsLine)?;
    let words = text.split(' ').collect::<Vec<_>>();
    let ["PROXY", "TCP6", source, destination, source_port, destination_port] = words[..] else {
        return Err(NotTorsLine);
    };
    let _: Ipv6Addr = destination.parse().map_err(|_| NotTorsLine)?;
    port(source_port)?;
    port(destination_port)?;
    circuit(source.parse().map_err(|_| NotTorsLine)?)
}

fn circuit(source: Ipv6Addr) -> Result<Circuit, NotTorsLine> {
    match source.segments() {
        [prefix @ .., high, low] if prefix == TOR_PREFIX => {
            Ok(Circuit::numbered(u32::from(high) << 16 | u32::from(low)))
        }
        _ => Err(NotTorsLine),
    }
}

fn port(text: &str) -> Result<u16, NotTorsLine> {
    let number = text.parse::<u16>().map_err(|_| NotTorsLine)?;
    // one way to write a port: no sign, no leading zeros
    if number.to_string() == text { Ok(number) } else { Err(NotTorsLine) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_line_of_a_real_tor_is_read() {
        let line = b"PROXY TCP6 fc00:dead:beef:4dad::0:30 ::1 48 80\r\n";
        assert!(parse(line) == Ok(Circuit::numbered(0x30)));
        let line = b"PROXY TCP6 fc00:dead:beef:4dad::ffff:0 ::1 65535 80\r\n";
        assert!(parse(line) == Ok(Circuit::numbered(0xffff_0000)));
    }

    #[test]
    fn without_a_number_all_share_one_circuit() {
        let line = b"PROXY TCP6 fc00:dead:beef:4dad:: ::1 0 80\r\n";
        assert!(parse(line).is_ok_and(Circuit::is_shared));
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "\r\n",
            "GET / HTTP/1.1\r\n",
            "PROXY UNKNOWN\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 48 80\r\n",
            "PROXY TCP6 2001:db8::1 ::1 48 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad:1::30 ::1 48 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 ::1 48 80\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 ::1 48 80 \r\n",
            "PROXY  TCP6 fc00:dead:beef:4dad::30 ::1 48 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 ::1 048 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 ::1 +48 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 ::1 48 65536\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::30 here 48 80\r\n",
            "proxy TCP6 fc00:dead:beef:4dad::30 ::1 48 80\r\n",
        ] {
            assert!(parse(wrong.as_bytes()) == Err(NotTorsLine), "{wrong:?}");
        }
        let long = format!("PROXY TCP6 fc00:dead:beef:4dad::30 ::1 48 80{}\r\n", " ".repeat(70));
        assert!(parse(long.as_bytes()) == Err(NotTorsLine));
    }

    proptest! {
        #[test]
        fn every_circuit_is_read_back(number: u32, port: u16) {
            let source = Ipv6Addr::from(0xfc00_dead_beef_4dad_u128 << 64 | u128::from(number));
            let line = format!("PROXY TCP6 {source} ::1 {port} 80\r\n");
            prop_assert!(parse(line.as_bytes()) == Ok(Circuit::numbered(number)));
        }

        #[test]
        fn no_bytes_do_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn one_changed_byte_never_names_a_stranger(at in 0_usize..34, byte: u8) {
            let mut line = b"PROXY TCP6 fc00:dead:beef:4dad::0:30 ::1 48 80\r\n".to_vec();
            prop_assume!(line[at] != byte && !(line[at].eq_ignore_ascii_case(&byte)));
            // the last word before position 34 holds the number itself; all before it is fixed
            prop_assume!(at < 30);
            line[at] = byte;
            prop_assert!(parse(&line) == Err(NotTorsLine));
        }
    }
}
