//! The table of fees as it is shown.

use rust_decimal::Decimal;
use serde::Serialize;
use store_actors::domain::{
    office::fee::{FeeRule, FeeTable, Rounded, Rounding},
    tender::{Funding, Scheme, Tender},
};
use utoipa::ToSchema;

/// What the acquirers take: the first that fits a payment is its rate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fees)]
pub struct FeesModel {
    pub fees: Vec<FeeModel>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fee)]
pub struct FeeModel {
    pub name: String,
    pub acquirer: String,
    /// Empty: all.
    pub tenders: Vec<&'static str>,
    /// Empty: all, and what has none.
    pub schemes: Vec<&'static str>,
    /// `debit`, `credit`. Empty: all; otherwise cards alone, one that tells nothing as `credit`.
    pub card_kinds: Vec<&'static str>,
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    pub rate_percent: String,
    pub fixed: String,
    pub minimum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<String>,
    /// By rising volume of the month.
    pub tiers: Vec<TierModel>,
    /// `half_even`, `half_up`, `up`, `down`.
    pub rounding: &'static str,
    /// `transaction`, `period`.
    pub rounded_per: &'static str,
    /// `given_back`, `kept`.
    pub refund: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeeTier)]
pub struct TierModel {
    pub from_volume: String,
    pub rate_percent: String,
}

fn percent(rate: Decimal) -> String {
    rate.saturating_mul(Decimal::ONE_HUNDRED)
        .normalize()
        .to_string()
}

impl From<&FeeTable> for FeesModel {
    fn from(table: &FeeTable) -> Self {
        Self {
            fees: table.rules.iter().map(FeeModel::from).collect(),
        }
    }
}

impl From<&FeeRule> for FeeModel {
    fn from(rule: &FeeRule) -> Self {
        let tiers = rule.tiers.iter().map(|tier| TierModel {
            from_volume: tier.from_volume.to_string(),
            rate_percent: percent(tier.rate),
        });
        Self {
            name: rule.name.clone(),
            acquirer: rule.acquirer.to_string(),
            tenders: rule.tenders.iter().copied().map(Tender::as_str).collect(),
            schemes: rule.schemes.iter().copied().map(Scheme::as_str).collect(),
            card_kinds: rule.fundings.iter().copied().map(Funding::as_str).collect(),
            from: rule.from.map(|day| day.to_string()),
            until: rule.until.map(|day| day.to_string()),
            rate_percent: percent(rule.rate),
            fixed: rule.fixed.to_string(),
            minimum: rule.minimum.to_string(),
            cap: rule.cap.map(|cap| cap.to_string()),
            tiers: tiers.collect(),
            rounding: match rule.rounding {
                Rounding::HalfEven => "half_even",
                Rounding::HalfUp => "half_up",
                Rounding::Up => "up",
                Rounding::Down => "down",
            },
            rounded_per: match rule.rounded {
                Rounded::Transaction => "transaction",
                Rounded::Period => "period",
            },
            refund: if rule.given_back {
                "given_back"
            } else {
                "kept"
            },
        }
    }
}
