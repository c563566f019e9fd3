//! What terminal and screen say about a payment, in words for the customer and the cashier.
//!
//! Only `Notice::Approved` speaks of success, and only money that the acquirer confirmed reaches
//! it.

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::domain::{code::CodeRefused, money::Money, offline::OfflineRefused, tender::Tender};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    PleasePay {
        money: Money,
        tender: Tender,
    },
    /// The customer scans this QR.
    ScanThis {
        money: Money,
        qr: String,
    },
    EnterPin {
        money: Money,
    },
    /// What was scanned is no payment code; the customer may try again.
    CodeRefused {
        why: CodeRefused,
    },
    /// The card could not be read; the customer may try again.
    CardUnread,
    Processing,
    Verifying,
    Approved {
        money: Money,
    },
    /// A card was taken without the acquirer's word. No word of success, and no sound of it.
    AcceptedOffline {
        money: Money,
    },
    /// Accepted offline, and refused by the acquirer afterwards: for the cashier.
    RefusedLater,
    Declined {
        reason: Option<Reason>,
    },
    Cancelled {
        reason: Option<Reason>,
    },
    /// Nobody knows yet; the store is finding out.
    Unknown,
    Reversing,
    Reversed,
    Refunded {
        money: Money,
    },
    /// The store takes no money: its storage has failed or is nearly full. Of no payment.
    OutOfService,
    /// It does again.
    InService,
}

/// What the terminal lets be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    Success,
    Failure,
    Attention,
}

impl Notice {
    /// Whether nothing more will be said of the payment.
    pub const fn is_last_word(&self) -> bool {
        matches!(
            self,
            Notice::Approved { .. }
                | Notice::Declined { .. }
                | Notice::Cancelled { .. }
                | Notice::Reversed
                | Notice::Refunded { .. }
        )
    }

    pub fn sound(&self) -> Option<Sound> {
        match self {
            Notice::Approved { .. } => Some(Sound::Success),
            Notice::Declined { .. } => Some(Sound::Failure),
            Notice::Unknown
            | Notice::Reversed
            | Notice::AcceptedOffline { .. }
            | Notice::CodeRefused { .. }
            | Notice::CardUnread => Some(Sound::Attention),
            _ => None,
        }
    }

    /// Two lines at most: Chinese, then English.
    pub fn lines(&self) -> Vec<String> {
        let say = |chinese: &str, english: &str| vec![chinese.to_owned(), english.to_owned()];
        match self {
            Notice::PleasePay { money, tender } => match tender {
                Tender::Card => say(&format!("请刷卡 {money}"), "Please present your card"),
                Tender::CustomerCode => say(
                    &format!("请出示付款码 {money}"),
                    "Please show your payment code",
                ),
                _ => say(
                    &format!("请付款 {money}"),
                    "Show your payment code or tap your card",
                ),
            },
            Notice::ScanThis { money, .. } => {
                say(&format!("请扫码支付 {money}"), "Please scan to pay")
            }
            Notice::EnterPin { money } => {
                say(&format!("请输入密码 {money}"), "Please enter your PIN")
            }
            Notice::CodeRefused {
                why: why @ CodeRefused::NoNetwork,
            } => say("网络中断 请刷卡或付现金", &why.to_string()),
            Notice::CodeRefused { why } => say("无法识别 请重新扫码", &why.to_string()),
            Notice::CardUnread => say(
                "读卡失败 请重试",
                "The card could not be read, please try again",
            ),
            Notice::Processing => say("正在处理", "Processing"),
            Notice::Verifying => say("请在手机上确认", "Please confirm on your phone"),
            Notice::Approved { money } => say(&format!("交易成功 {money}"), "Approved"),
            Notice::AcceptedOffline { money } => say(
                &format!("已离线受理 {money}"),
                "Accepted offline, to be charged later",
            ),
            Notice::RefusedLater => say("离线交易被拒 未收到款项", "Refused later, no money came"),
            Notice::Declined { .. } => say(
                "交易失败 请换其他方式支付",
                "Declined, please pay another way",
            ),
            Notice::Cancelled {
                reason: Some(Reason::OfflineRefused { why }),
            } => say("网络中断 不能离线受理 请换其他方式", &offline_words(why)),
            Notice::Cancelled { .. } => say("交易已取消", "Cancelled"),
            Notice::Unknown => say(
                "结果查询中 请勿重复付款",
                "Checking the outcome, please do not pay again",
            ),
            Notice::Reversing => say("正在撤销", "Cancelling, no money will be kept"),
            Notice::Reversed => say("交易已撤销 未扣款", "Undone: you have not been charged"),
            Notice::OutOfService => say(
                "暂停收款 请联系店员",
                "Out of service, please ask the staff",
            ),
            Notice::InService => say("欢迎光临", "Welcome"),
            Notice::Refunded { money } => say(&format!("退款成功 {money}"), "Refunded"),
        }
    }
}

fn offline_words(why: &OfflineRefused) -> String {
    format!("The network is down: {why}, please pay another way")
}
