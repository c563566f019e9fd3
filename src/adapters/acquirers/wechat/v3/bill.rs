//! The bill of a day. Where it lies is told in a signed answer, with the file's SHA-1; the file
//! itself bears no signature, so the sum is what it is believed by.

use reqwest::Method;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;
use store_actors::domain::payment::NoAnswer;
use zeroize::Zeroizing;

use super::{V3, bodies::parse};
use crate::adapters::acquirers::wechat::words::Said;

/// A day of a very large merchant.
const LARGEST_BILL: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Place {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

impl V3 {
    pub(super) async fn download_bill(&self, day: &str) -> Result<Vec<u8>, NoAnswer> {
        let unintelligible = |why: &str| NoAnswer::Unintelligible(why.to_owned());
        let path = format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL");
        let place: Place = match self.call(Method::GET, path, Zeroizing::default()).await? {
            Said::Done(answer) => parse(&answer.body)?,
            Said::Refused(refusal) => return Err(refusal.no_answer()),
        };
        // nothing of ours is shown to another host
        let path = place.download_url.strip_prefix(&self.url);
        let path = path.filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| unintelligible("the bill lies at another host"))?;
        let request = self.request(Method::GET, path.to_owned(), Zeroizing::default())?;
        let file = self.transport.download(request, LARGEST_BILL).await?;
        if file.status != 200 {
            return Err(NoAnswer::Refused(format!("HTTP {}", file.status)));
        }
        let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &file.body);
        let sum: String = sum.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        if place.hash_type != "SHA1" || !place.hash_value.eq_ignore_ascii_case(&sum) {
            return Err(NoAnswer::Forged);
        }
        Ok(file.body)
    }
}
