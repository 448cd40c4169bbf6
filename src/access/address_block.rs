//! Blocks of addresses that one party may have: what counts as one address where tries are counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The bits of an IPv6 address that a site has: <https://www.rfc-editor.org/rfc/rfc6177>.
const SITE_BITS: u32 = 48;

/// One IPv4 address, the site of an IPv6 address, or this machine: all of its loopback addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block of an address.
    pub fn of(address: IpAddr) -> AddressBlock {
        let address = address.to_canonical();
        AddressBlock(match address {
            _ if address.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V4(_) => address,
            IpAddr::V6(all) => {
                let others = u128::MAX >> SITE_BITS;
                IpAddr::V6(Ipv6Addr::from(u128::from(all) & !others))
            }
        })
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/{SITE_BITS}"),
        }
    }
}

impl FromStr for AddressBlock {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<AddressBlock, Self::Err> {
        let address = text.split_once('/').map_or(text, |(address, _)| address);
        address.parse().map(AddressBlock::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_party_are_one_block() {
        for (address, block) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.255.3.4", "127.0.0.1"),
            ("::1", "127.0.0.1"),
            ("::ffff:127.8.8.8", "127.0.0.1"),
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
            ("2001:db8:2::1", "2001:db8:2::/48"),
        ] {
            let found = AddressBlock::of(address.parse().unwrap());
            assert_eq!(found.to_string(), block, "{address}");
            assert_eq!(block.parse(), Ok(found), "{address}");
        }
    }
}
