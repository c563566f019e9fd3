//! The bill of a day: a signed answer tells where it lies, for half a minute, and it is fetched
//! from there: a zip of two CSV files in GBK. It bears no signature; TLS to a host of Alipay's is
//! what it is believed by.

use reqwest::Url;
use store_actors::{
    domain::{day::Day, payment::NoAnswer},
    ports::Reply,
};

use super::{Alipay, words};
use crate::adapters::acquirers::bill_source::{BillFile, BillSource};

/// A day of a very large merchant.
const LARGEST_BILL: usize = 64 * 1024 * 1024;
const METHOD: &str = "alipay.data.dataservice.bill.downloadurl.query";
const HOSTS: [&str; 2] = [".alipay.com", ".alipaydev.com"];

impl Alipay {
    async fn download_bill(&self, day: Day) -> Result<BillFile, NoAnswer> {
        let said = self.call(METHOD, &words::trade_bill(day)).await?;
        let place = said.of_bill()?;
        if !self.is_alipays(&place) {
            let why = "the bill lies at a host that is not Alipay's";
            return Err(NoAnswer::Unintelligible(why.to_owned()));
        }
        let file = self.transport.fetch(&place, LARGEST_BILL).await?;
        if file.status != 200 {
            return Err(NoAnswer::Refused(format!("HTTP {}", file.status)));
        }
        Ok(BillFile {
            extension: "zip",
            bytes: file.body,
        })
    }

    /// Over TLS at one of Alipay's own, or where the gateway itself is (a laboratory's).
    fn is_alipays(&self, place: &str) -> bool {
        let Ok(url) = place.parse::<Url>() else {
            return false;
        };
        let host = url.host_str().unwrap_or_default();
        let is_own = HOSTS.iter().any(|known| host.ends_with(known));
        let beside = place.strip_prefix(self.transport.url());
        (url.scheme() == "https" && is_own) || beside.is_some_and(|rest| rest.starts_with('/'))
    }
}

impl BillSource for Alipay {
    fn bill(&self, day: Day) -> Reply<'_, Result<BillFile, NoAnswer>> {
        Box::pin(self.download_bill(day))
    }
}
