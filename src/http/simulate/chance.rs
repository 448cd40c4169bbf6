//! Chance that a seed fixes: the same seed, rule and request give the same decision on every machine.
//!
//! This is no source of secrets. The numbers are those of SplitMix64
//! (<https://doi.org/10.1145/2714064.2660195>), which needs no state between two requests.

/// One is so many parts.
const PARTS: u64 = 1_000_000;

/// True for the share of requests, in millionths, that `seed` chooses. `request` is the number of the
/// request.
pub fn is_chosen(seed: u64, request: u64, share: u32) -> bool {
    mixed(mixed(seed) ^ request) % PARTS < u64::from(share)
}

/// A number of which every bit depends on every bit of `number`.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_chosen_requests_is_the_one_asked_for() {
        for share in [0, 100_000, 500_000, 1_000_000] {
            for seed in 0..5 {
                let chosen = (0..10_000).filter(|request| is_chosen(seed, *request, share)).count();
                let wanted = f64::from(share) / 100.0;
                assert!((chosen as f64 - wanted).abs() < 200.0, "{seed} {share}: {chosen}");
            }
        }
    }

    #[test]
    fn seeds_choose_differently() {
        let of = |seed| (0..64).map(move |request| is_chosen(seed, request, 500_000));
        assert!(!of(1).eq(of(2)));
        // These must never change: users keep seeds that found a bug.
        let chosen: String = of(7).map(|is| if is { '1' } else { '0' }).take(16).collect();
        assert_eq!(chosen, "0001110011110110");
    }
}
