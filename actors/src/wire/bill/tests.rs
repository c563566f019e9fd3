//! Bills of each kind as their providers write them, broken lines, and garbage.

use proptest::prelude::*;

use super::*;
use crate::domain::office::bill::BillKind;

const ALIPAY: &str = "#支付宝业务明细查询\n\
#账号：[20885212319120680156]\n\
#起始日期：[2017年08月31日 00:00:00]   终止日期：[2017年09月01日 00:00:00]\n\
#-----------------------------------------业务明细列表----------------------------------------\n\
支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\n\
2017083121001004720299453898\t,cd6ece\t,交易\t,\"果汁, 大\"\t,2017-08-31 00:06:14,2017-08-31 00:06:15,\t,\t,\t,\t,*杨(137****2600)\t,20.00,20.00,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,\t,-0.12,0.00,\t\n\
2017083121001004720299453898\t,cd6ece\t,退款\t,果汁\t,2017-08-31 00:06:14,2017-08-31 08:00:00,\t,\t,\t,\t,*杨(137****2600)\t,-3.20,-3.20,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,R1\t,0.02,0.00,\t\n\
2017083121001004720299453899\t,\t,交易\t,果汁\t,2017-08-31 00:06:14,2017-08-31 00:06:15,\t,\t,\t,\t,\t,20.00,20.00\n\
2017083121001004720299453900\t,cd6ecf\t,交易\t,果汁\t,2017-08-31 00:06:14,2017-08-31 23:59:59,\t,\t,\t,\t,\t,16.80,16.80\n\
#-----------------------------------------业务明细列表结束------------------------------------\n\
#交易合计：2笔，商家实收共36.80元，商家优惠共0.00元\n";

const WECHAT: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n\
`2026-11-22 14:03:09,`wx1,`1900000109,`0,`01,`420001,`aa01,`oUp,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`12.50,`0.00,`0,`0,`0.00,`0.00,`,`,`果汁,`,`0.08000,`0.60%,`12.50,`0.00,`\r\n\
`2026-11-22 15:00:00,`wx1,`1900000109,`0,`01,`420001,`aa01,`oUp,`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50001,`bb01,`2.50,`0.00,`ORIGINAL,`SUCCESS,`果汁,`,`-0.02000,`0.60%,`0.00,`2.50,`\r\n\
`2026-11-22 16:00:00,`wx1,`1900000109,`0,`01,`420002,`aa02,`oUp,`MICROPAY,`REVOKED,`OTHERS,`CNY,`0.00,`0.00,`0,`0,`7.50,`0.00,`,`,`果汁,`,`0.00000,`0.60%,`0.00,`7.50,`\r\n\
`yesterday,`wx1,`1900000109,`0,`01,`420003,`aa03,`oUp,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`1.00\r\n\
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
`3,`12.50,`10.00,`0.00,`0.06000,`12.50,`10.00\r\n";

const HOST: &str = "#day,2026-11-22\n# made by hand\n\
reference,kind,time,amount,fee,order,refund\n\
123456789012,payment,2026-11-22 14:03:09,12.50,0.08,,\n\
,refund,2026-11-22 15:00:00,2.50,,aa01,bb01\n\
123456789012,reversal,2026-11-22 14:03:40,12.50,-0.08,,\n\
,payment,2026-11-22 14:03:40,12.50,,,\n\
1,payment,2026-11-22 14:03:40,-1,,,\n\
2,payment,2026-11-22 14:03:40,\"1,000.00\",,,\n";

fn told(bill: &Bill) -> Vec<String> {
    let lines = bill.lines.iter().map(|one| {
        let refund = one.refund.as_deref().unwrap_or("-");
        let reference = one.acquirer_ref.as_deref().unwrap_or("-");
        let fee = one
            .fee
            .map_or("-".to_owned(), |fee| fee.normalize().to_string());
        format!(
            "{} {:?} {} {refund} {reference} {} {} {fee}",
            one.line, one.kind, one.order, one.at, one.amount
        )
    });
    lines.collect()
}

#[test]
fn alipays_bill_is_read_in_gbk() {
    let (gbk, ..) = encoding_rs::GBK.encode(ALIPAY);
    let bill = read(&gbk, 0).unwrap();
    assert_eq!(
        told(&bill),
        [
            "6 Payment cd6ece - 2017083121001004720299453898 2017-08-30T16:06:15.000Z 20.00 0.12",
            "7 Refund cd6ece R1 2017083121001004720299453898 2017-08-31T00:00:00.000Z 3.20 -0.02",
            "9 Payment cd6ecf - 2017083121001004720299453900 2017-08-31T15:59:59.000Z 16.80 -",
        ]
    );
    let day = Day::parse("2017-08-31").unwrap();
    assert_eq!(bill.period(480), Some((day, day)));
    assert_eq!(
        bill.bad,
        [BadLine {
            line: 8,
            why: "商户订单号 is missing".into()
        }]
    );
    // saved anew as UTF-8 it is the same
    assert_eq!(read(ALIPAY.as_bytes(), 0).unwrap(), bill);
    assert_eq!(fields(ALIPAY.lines().nth(4).unwrap()).len(), 25);
}

#[test]
fn wechat_pays_bill_is_read_up_to_its_totals() {
    let bill = read(WECHAT.as_bytes(), 0).unwrap();
    assert_eq!(
        told(&bill),
        [
            "2 Payment aa01 - 420001 2026-11-22T06:03:09.000Z 12.50 0.08",
            "3 Refund aa01 bb01 420001 2026-11-22T07:00:00.000Z 2.50 -0.02",
            "4 Reversal aa02 - 420002 2026-11-22T08:00:00.000Z 7.50 0",
        ]
    );
    assert_eq!(bill.bad.len(), 1);
    assert_eq!(bill.bad[0].line, 5);
    assert!(
        bill.bad[0].why.starts_with("交易时间 is \"yesterday\""),
        "{bill:?}"
    );
}

#[test]
fn a_card_hosts_table_is_read_in_any_order_of_columns() {
    let bill = read(HOST.as_bytes(), 480).unwrap();
    assert_eq!(
        told(&bill),
        [
            "4 Payment  - 123456789012 2026-11-22T06:03:09.000Z 12.50 0.08",
            "5 Refund aa01 bb01 - 2026-11-22T07:00:00.000Z 2.50 -",
            "6 Reversal  - 123456789012 2026-11-22T06:03:40.000Z 12.50 -0.08",
        ]
    );
    let bad: Vec<_> = bill
        .bad
        .iter()
        .map(|bad| (bad.line, bad.why.as_str()))
        .collect();
    assert_eq!(
        bad,
        [
            (7, "neither order nor reference is there"),
            (8, "amount is below zero"),
            (9, "amount is \"1,000.00\": no amount"),
        ]
    );
    assert_eq!(bill.lines[0].kind, BillKind::Payment);
}

#[test]
fn what_is_no_bill_is_refused() {
    assert_eq!(read(b"\xff\xfe\x00\x01", 0), Err(BillRefused::Encoding));
    for text in ["", "a,b,c\n1,2,3\n", "#支付宝\n", "交易时间,x\n"] {
        assert!(
            matches!(read(text.as_bytes(), 0), Err(BillRefused::NoColumns(_))),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, 480);
    }

    /// A byte of a bill changed, or its end cut off: it is read or refused, and no line is made up.
    #[test]
    fn a_damaged_bill_never_panics(which in 0..3_usize, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let whole = [ALIPAY, WECHAT, HOST][which];
        let (gbk, ..) = encoding_rs::GBK.encode(whole);
        let mut bytes = if which == 0 { gbk.into_owned() } else { whole.as_bytes().to_vec() };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(bill) = read(&bytes, 480) {
            prop_assert!(bill.lines.len() + bill.bad.len() <= whole.lines().count() + 1);
        }
    }
}
