//! Building a merchant-presented code, and the rules that built and read codes both keep.

use rust_decimal::Decimal;

use super::{Initiation, MAX_BYTES, MerchantQr, MpmError, Object, Tip, id, object, parse_objects};
use crate::domain::money::Money;

/// Collects what a code says; [`build`](Self::build) checks it.
#[derive(Debug, Clone)]
pub struct MerchantQrBuilder {
    pub(super) objects: Vec<Object>,
}

impl MerchantQrBuilder {
    /// The mandatory parts. `category` is the ISO 18245 code (four digits), `currency` ISO 4217
    /// numeric, `country` ISO 3166-1 alpha 2, `name` at most 25 and `city` at most 15 characters.
    pub fn new(
        initiation: Initiation,
        category: &str,
        currency: u16,
        country: &str,
        name: &str,
        city: &str,
    ) -> Self {
        let initiation = match initiation {
            Initiation::Static => "11",
            Initiation::Dynamic => "12",
        };
        let objects = vec![
            Object::new(id::PAYLOAD_FORMAT, "01"),
            Object::new(id::INITIATION, initiation),
            Object::new(id::CATEGORY, category),
            Object::new(id::CURRENCY, format!("{currency:03}")),
            Object::new(id::COUNTRY, country),
            Object::new(id::NAME, name),
            Object::new(id::CITY, city),
        ];
        Self { objects }
    }

    /// A merchant account of a scheme that assigns plain values (02 to 25; 15 and 16 are
    /// UnionPay's).
    #[must_use]
    pub fn account(self, id: u8, value: &str) -> Self {
        self.object(Object::new(id, value))
    }

    /// A merchant account template (26 to 51): a globally unique identifier and the scheme's own
    /// objects.
    #[must_use]
    pub fn account_template(self, id: u8, guid: &str, inner: &[Object]) -> Self {
        let mut objects = vec![Object::new(0, guid)];
        objects.extend_from_slice(inner);
        self.object(Object::template(id, &objects))
    }

    /// The amount. Its currency replaces the one given to `new`, so that the two cannot disagree.
    #[must_use]
    pub fn amount(mut self, amount: Money) -> Self {
        let currency = format!("{:03}", amount.currency().numeric());
        self.objects.retain(|object| object.id != id::CURRENCY);
        self.object(Object::new(id::CURRENCY, currency))
            .object(Object::new(id::AMOUNT, amount.amount().to_string()))
    }

    #[must_use]
    pub fn tip(self, tip: Tip) -> Self {
        let (indicator, fee) = match tip {
            Tip::Prompt => ("01", None),
            Tip::Fixed(fee) => ("02", Some(Object::new(id::FIXED_FEE, fee.to_string()))),
            Tip::Percent(fee) => ("03", Some(Object::new(id::PERCENT_FEE, fee.to_string()))),
        };
        let with = self.object(Object::new(id::TIP, indicator));
        fee.into_iter().fold(with, Self::object)
    }

    /// Additional data (62): 01 bill, 03 store, 05 reference, 07 terminal, at most 25 characters
    /// each.
    #[must_use]
    pub fn additional(self, inner: &[Object]) -> Self {
        self.object(Object::template(id::ADDITIONAL, inner))
    }

    /// Name and city in another language (64); `language` is ISO 639-1.
    #[must_use]
    pub fn language(self, language: &str, name: &str, city: Option<&str>) -> Self {
        let mut inner = vec![Object::new(0, language), Object::new(1, name)];
        inner.extend(city.map(|city| Object::new(2, city)));
        self.object(Object::template(id::LANGUAGE, &inner))
    }

    /// Any other object.
    #[must_use]
    pub fn object(mut self, object: Object) -> Self {
        self.objects.push(object);
        self
    }

    /// Orders the objects by id and checks them.
    ///
    /// # Errors
    /// [`MpmError`] says which object breaks which rule.
    pub fn build(mut self) -> Result<MerchantQr, MpmError> {
        self.objects.sort_by_key(|object| object.id);
        let code = MerchantQr::checked(self.objects)?;
        if code.encode().len() > MAX_BYTES {
            Err(MpmError::TooLong)
        } else {
            Ok(code)
        }
    }
}

/// The rules of MPM v1.1, section 4, for a code without its checksum.
pub(super) fn check(objects: &[Object]) -> Result<(), MpmError> {
    if objects.first() != Some(&Object::new(id::PAYLOAD_FORMAT, "01")) {
        return Err(MpmError::UnknownFormat);
    }
    let mut seen = [false; 100];
    for object in objects {
        let id = object.id;
        let slot = seen
            .get_mut(usize::from(id))
            .ok_or(MpmError::BadId { at: 0 })?;
        if std::mem::replace(slot, true) {
            return Err(MpmError::Duplicate { id });
        }
        check_value(id, &object.value)?;
    }
    for id in [id::CATEGORY, id::CURRENCY, id::COUNTRY, id::NAME, id::CITY] {
        object::find(objects, id).ok_or(MpmError::Missing { id })?;
    }
    if !objects
        .iter()
        .any(|o| (id::FIRST_ACCOUNT..=id::LAST_ACCOUNT).contains(&o.id))
    {
        return Err(MpmError::NoAccount);
    }
    check_tip(objects)
}

fn check_value(id: u8, value: &str) -> Result<(), MpmError> {
    let characters = value.chars().count();
    let digits = |length| value.len() == length && value.bytes().all(|byte| byte.is_ascii_digit());
    let letters = || value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic());
    let positive = || object::amount(value).is_some_and(|amount| amount > Decimal::ZERO);
    let percent = || value.len() <= 5 && object::amount(value) < Some(Decimal::ONE_HUNDRED);
    let (valid, rule) = match id {
        _ if !(1..=99).contains(&characters) => (false, "1 to 99 characters"),
        id::INITIATION => (matches!(value, "11" | "12"), "11 or 12"),
        id::CATEGORY => (digits(4), "four digits"),
        id::CURRENCY => (digits(3), "three digits"),
        id::AMOUNT | id::FIXED_FEE => (
            positive(),
            "digits and at most one point, not zero, at most 13 characters",
        ),
        id::TIP => (matches!(value, "01" | "02" | "03"), "01, 02 or 03"),
        id::PERCENT_FEE => (positive() && percent(), "a per cent from 00.01 to 99.99"),
        id::COUNTRY => (letters(), "two letters"),
        id::NAME => (characters <= 25, "at most 25 characters"),
        id::CITY => (characters <= 15, "at most 15 characters"),
        id::POSTAL => (characters <= 10, "at most 10 characters"),
        id::CRC => (false, "the checksum is made, not given"),
        id::ADDITIONAL => return check_template(id, value, &[]),
        id::LANGUAGE => return check_template(id, value, &[0, 1]),
        id::FIRST_ACCOUNT_TEMPLATE..=id::LAST_ACCOUNT | id::FIRST_UNRESERVED..=99 => {
            return check_template(id, value, &[0]);
        }
        _ => (true, "any text"),
    };
    if valid {
        Ok(())
    } else {
        Err(MpmError::Invalid { id, rule })
    }
}

fn check_template(id: u8, value: &str, needed: &[u8]) -> Result<(), MpmError> {
    let no_template = MpmError::Invalid {
        id,
        rule: "a template of objects",
    };
    let inner = parse_objects(value).map_err(|_| no_template)?;
    if needed
        .iter()
        .all(|needed| object::find(&inner, *needed).is_some())
    {
        Ok(())
    } else {
        Err(MpmError::Invalid {
            id,
            rule: "a template that names what it is (00)",
        })
    }
}

/// 56 belongs to indicator 02 and 57 to 03, and to nothing else (MPM v1.1, 4.7).
fn check_tip(objects: &[Object]) -> Result<(), MpmError> {
    let tip = object::find(objects, id::TIP);
    for (fee, indicator) in [(id::FIXED_FEE, "02"), (id::PERCENT_FEE, "03")] {
        match (object::find(objects, fee), tip == Some(indicator)) {
            (None, true) => return Err(MpmError::Missing { id: fee }),
            (Some(_), false) => {
                return Err(MpmError::Invalid {
                    id: fee,
                    rule: "only with its indicator in 55",
                });
            }
            _ => {}
        }
    }
    Ok(())
}
