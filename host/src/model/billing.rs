//! Prices: graduated tables, and money as whole minor units.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From which account on a price holds; each account is priced by the bracket that it falls in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bracket {
    /// 1 for the first account.
    pub from: i64,
    /// In minor units of the currency.
    pub price: i64,
}

/// What so many accounts cost by a graduated table, in minor units.
pub fn graduated(table: &[Bracket], accounts: i64) -> i64 {
    let ends = table.iter().skip(1).map(|next| next.from - 1).chain([i64::MAX]);
    let part = |(bracket, end): (&Bracket, i64)| {
        let within = accounts.min(end) - (bracket.from - 1);
        within.max(0).saturating_mul(bracket.price)
    };
    table.iter().zip(ends).map(part).fold(0, i64::saturating_add)
}

/// What one more costs where there are so many already. The sum of these is [`graduated`].
pub fn marginal(table: &[Bracket], before: i64) -> i64 {
    let bracket = table.iter().rev().find(|bracket| bracket.from <= before.saturating_add(1));
    bracket.map_or(0, |bracket| bracket.price)
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Money {
    /// Whole minor units, such as cents.
    #[schema(example = 121000)]
    pub minor: i64,
    #[schema(example = "1210.00")]
    pub decimal: String,
    #[schema(example = "USD")]
    pub currency: String,
}

impl Money {
    /// `decimals`: how many digits the currency has behind the point.
    pub fn new(minor: i64, currency: &str, decimals: u32) -> Self {
        let unit = 10_u64.pow(decimals.min(9));
        let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
        let sign = if minor < 0 { "-" } else { "" };
        let decimal = if unit == 1 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
        };
        Self { minor, decimal, currency: currency.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: [Bracket; 5] = [
        Bracket { from: 1, price: 1200 },
        Bracket { from: 101, price: 1000 },
        Bracket { from: 501, price: 800 },
        Bracket { from: 1001, price: 700 },
        Bracket { from: 5001, price: 600 },
    ];

    #[test]
    fn the_first_hundred_cost_what_they_cost_and_the_next_one_less() {
        assert_eq!(graduated(&TABLE, 0), 0);
        assert_eq!(graduated(&TABLE, 100), 120_000);
        assert_eq!(graduated(&TABLE, 101), 121_000);
        assert_eq!(graduated(&TABLE, 500), 520_000);
        assert_eq!(graduated(&TABLE, 5_001), 520_000 + 400_000 + 2_800_000 + 600);
    }

    #[test]
    fn money_is_written_with_its_digits() {
        assert_eq!(Money::new(121_000, "USD", 2).decimal, "1210.00");
        assert_eq!(Money::new(-5, "USD", 2).decimal, "-0.05");
        assert_eq!(Money::new(450, "JPY", 0).decimal, "450");
    }

    proptest! {
        /// Whoever buys one by one pays what the table says for all.
        #[test]
        fn the_parts_are_the_whole(accounts in 0..6_000_i64) {
            let parts: i64 = (0..accounts).map(|before| marginal(&TABLE, before)).sum();
            prop_assert_eq!(parts, graduated(&TABLE, accounts));
        }

        #[test]
        fn no_number_overflows(accounts in any::<i64>()) {
            prop_assert!(graduated(&TABLE, accounts) >= 0);
            prop_assert!(marginal(&TABLE, accounts) <= 1200);
        }
    }
}
