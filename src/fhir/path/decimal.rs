//! Exact decimals: compared, added, multiplied and divided digit by digit.
//!
//! <https://hl7.org/fhir/R4/datatypes.html#decimal> asks that the precision of a decimal be kept:
//! `1.0` stays `1.0`. A quotient that has no end is rounded to [`QUOTIENT_DIGITS`] digits. Numbers
//! with more than [`MOST_DIGITS`] digits are compared, but not computed with.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The digits of a quotient that has more.
const QUOTIENT_DIGITS: usize = 28;
/// The most digits that the result of a computation has.
const MOST_DIGITS: usize = 400;

/// A decimal: its digits, and the power of ten by which they count.
///
/// Two decimals of equal value are equal, whatever their precision.
#[derive(Clone, Debug)]
pub struct Decimal {
    is_negative: bool,
    /// From the highest to the lowest, without leading zeros; none for zero.
    digits: Vec<u8>,
    /// The power of ten of the lowest digit: -2 for `1.00`.
    exponent: i32,
}

impl Decimal {
    /// Reads a number as JSON writes it. `None` for another text, and where the exponent has no
    /// place in 32 bits.
    pub fn parse(lexeme: &str) -> Option<Decimal> {
        let (is_negative, lexeme) = match lexeme.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, lexeme),
        };
        let (mantissa, power) = match lexeme.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (lexeme, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || (fraction.is_empty() && mantissa.contains('.')) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.map(|b| b.is_ascii_digit().then(|| b - b'0'));
        let digits: Vec<u8> = digits.collect::<Option<_>>()?;
        let exponent = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Decimal::new(is_negative, digits, exponent))
    }

    fn new(is_negative: bool, mut digits: Vec<u8>, exponent: i32) -> Decimal {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        Decimal { is_negative, digits, exponent }
    }

    /// The sum; `None` where it has too many digits.
    pub fn add(&self, other: &Decimal) -> Option<Decimal> {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.aligned(exponent)?, other.aligned(exponent)?);
        if self.is_negative == other.is_negative {
            return Some(Decimal::new(self.is_negative, sum(&a, &b), exponent));
        }
        let (larger, smaller, is_negative) = match magnitudes(&a, &b) {
            Ordering::Less => (b, a, other.is_negative),
            _ => (a, b, self.is_negative),
        };
        Some(Decimal::new(is_negative, difference(&larger, &smaller), exponent))
    }

    /// The difference; `None` where it has too many digits.
    pub fn subtract(&self, other: &Decimal) -> Option<Decimal> {
        self.add(&other.negated())
    }

    /// The product; `None` where it has too many digits.
    pub fn multiply(&self, other: &Decimal) -> Option<Decimal> {
        if self.digits.len() + other.digits.len() > MOST_DIGITS {
            return None;
        }
        let exponent = self.exponent.checked_add(other.exponent)?;
        let digits = product(&self.digits, &other.digits);
        Some(Decimal::new(self.is_negative != other.is_negative, digits, exponent))
    }

    /// The quotient; `None` for a division by zero, and where a number has too many digits.
    pub fn divide(&self, other: &Decimal) -> Option<Decimal> {
        let (a, b) = (&self.digits, &other.digits);
        if b.is_empty() || a.len() > MOST_DIGITS || b.len() > MOST_DIGITS {
            return None;
        }
        if a.is_empty() {
            return Some(Decimal::from(0));
        }
        // One digit more than is kept says how to round.
        let zeros = (QUOTIENT_DIGITS + 1 + b.len()).saturating_sub(a.len());
        let mut exponent =
            self.exponent.checked_sub(other.exponent)?.checked_sub(i32::try_from(zeros).ok()?)?;
        let dividend = [a.as_slice(), &vec![0; zeros]].concat();
        let (quotient, rest) = quotient(&dividend, b);
        let mut digits = Decimal::new(false, quotient, 0).digits;
        if digits.len() > QUOTIENT_DIGITS && !rest.is_empty() {
            let cut = digits.split_off(QUOTIENT_DIGITS);
            exponent = exponent.checked_add(i32::try_from(cut.len()).ok()?)?;
            if cut.first().is_some_and(|digit| *digit >= 5) {
                digits = sum(&digits, &[1]);
            }
        }
        // Zeros behind the point are no precision here, but those of `10` are digits.
        while exponent < 0 && digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        Some(Decimal::new(self.is_negative != other.is_negative, digits, exponent))
    }

    /// The whole part of the quotient; `None` as for [`Decimal::divide`].
    pub fn divide_whole(&self, other: &Decimal) -> Option<Decimal> {
        if other.digits.is_empty() {
            return None;
        }
        let exponent = self.exponent.min(other.exponent);
        let (whole, _) = quotient(&self.aligned(exponent)?, &other.aligned(exponent)?);
        Some(Decimal::new(self.is_negative != other.is_negative, whole, 0))
    }

    /// What a division to a whole number leaves; `None` as for [`Decimal::divide`].
    pub fn remainder(&self, other: &Decimal) -> Option<Decimal> {
        self.subtract(&self.divide_whole(other)?.multiply(other)?)
    }

    /// The number with the other sign.
    pub fn negated(&self) -> Decimal {
        Decimal { is_negative: !self.is_negative, ..self.clone() }
    }

    /// Half a unit of the last digit: how far a value that was rounded to these digits may lie away.
    pub fn half_unit(&self) -> Decimal {
        Decimal::new(false, vec![5], self.exponent.saturating_sub(1))
    }

    /// The number as an integer; `None` where it is none, or none that 64 bits hold.
    pub fn to_integer(&self) -> Option<i64> {
        let whole = self.divide_whole(&Decimal::from(1))?;
        (whole == *self).then(|| whole.to_string().parse().ok()).flatten()
    }

    /// The digits as they are if the lowest one counts by a lower power of ten.
    fn aligned(&self, exponent: i32) -> Option<Vec<u8>> {
        let zeros = usize::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        if self.digits.is_empty() {
            return Some(Vec::new());
        }
        let fits = self.digits.len().checked_add(zeros)? <= MOST_DIGITS;
        fits.then(|| [self.digits.as_slice(), &vec![0; zeros]].concat())
    }

    /// The digits without the zeros at their end.
    fn significant(&self) -> &[u8] {
        let zeros = self.digits.iter().rev().take_while(|digit| **digit == 0).count();
        &self.digits[..self.digits.len() - zeros]
    }

    /// The power of ten above the highest digit.
    fn magnitude(&self) -> i64 {
        i64::from(self.exponent) + i64::try_from(self.digits.len()).unwrap_or(i64::MAX / 2)
    }
}

impl From<i64> for Decimal {
    fn from(integer: i64) -> Decimal {
        let digits = integer.unsigned_abs().to_string().bytes().map(|b| b - b'0').collect();
        Decimal::new(integer < 0, digits, 0)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let sign = |number: &Decimal| match (number.digits.is_empty(), number.is_negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign.is_ne() || sign(self) == 0 {
            return by_sign;
        }
        let by_magnitude = self.magnitude().cmp(&other.magnitude());
        let absolute = by_magnitude.then_with(|| self.significant().cmp(other.significant()));
        if self.is_negative { absolute.reverse() } else { absolute }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.digits.is_empty() {
            (self.is_negative, self.magnitude(), self.significant()).hash(state);
        }
    }
}

/// Writes the number as JSON does: `-0.05`; with an exponent where that saves many zeros.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let sign = if self.is_negative && !digits.is_empty() { "-" } else { "" };
        let places = usize::try_from(-i64::from(self.exponent)).unwrap_or_default();
        let zeros = usize::try_from(self.exponent).unwrap_or_default();
        if zeros > 30 || places > digits.len() + 30 {
            let digits = if digits.is_empty() { "0" } else { &digits };
            return write!(f, "{sign}{digits}e{}", self.exponent);
        }
        let digits = format!("{digits:0>width$}{:0<zeros$}", "", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        write!(f, "{sign}{whole}{}{fraction}", if places > 0 { "." } else { "" })
    }
}

/// Compares numbers by their digits; leading zeros do not count.
fn magnitudes(a: &[u8], b: &[u8]) -> Ordering {
    let without_zeros = |digits: &[u8]| digits.iter().skip_while(|digit| **digit == 0).count();
    let (in_a, in_b) = (without_zeros(a), without_zeros(b));
    in_a.cmp(&in_b).then_with(|| a[a.len() - in_a..].cmp(&b[b.len() - in_b..]))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let length = a.len().max(b.len()) + 1;
    let mut carry = 0;
    let mut sum: Vec<u8> = (0..length)
        .map(|place| {
            let of = |digits: &[u8]| digits.iter().rev().nth(place).copied().unwrap_or_default();
            let digit = of(a) + of(b) + carry;
            carry = digit / 10;
            digit % 10
        })
        .collect();
    sum.reverse();
    sum
}

/// What `a` has more than `b`, which is not larger.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrowed = 0;
    let mut difference: Vec<u8> = (0..a.len())
        .map(|place| {
            let of = |digits: &[u8]| digits.iter().rev().nth(place).copied().unwrap_or_default();
            let (from, taken) = (of(a), of(b) + borrowed);
            borrowed = u8::from(from < taken);
            from + 10 * borrowed - taken
        })
        .collect();
    difference.reverse();
    difference
}

fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut places = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().rev().enumerate() {
        for (j, y) in b.iter().rev().enumerate() {
            places[i + j] += u32::from(x * y);
        }
    }
    let mut carry = 0;
    let mut digits: Vec<u8> = places
        .into_iter()
        .map(|place| {
            let place = place + carry;
            carry = place / 10;
            u8::try_from(place % 10).unwrap_or_default()
        })
        .collect();
    digits.reverse();
    digits
}

/// Long division: the whole quotient, and what it leaves, empty for nothing.
fn quotient(dividend: &[u8], divisor: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut rest: Vec<u8> = Vec::new();
    let mut quotient = Vec::with_capacity(dividend.len());
    for digit in dividend {
        rest.push(*digit);
        let mut times = 0;
        while magnitudes(&rest, divisor).is_ge() {
            rest = difference(&rest, divisor);
            times += 1;
        }
        let zeros = rest.iter().take_while(|digit| **digit == 0).count();
        rest.drain(..zeros);
        quotient.push(times);
    }
    (quotient, rest)
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
