"""wechatpy buys at the sandbox by the second interface: drive.py URL KEYS APPID MCHID API_KEY.

It signs and verifies with MD5, the interface's default, writes its own XML and shows the merchant's certificate.
"""

import sys

from wechatpy.exceptions import WeChatPayException
from wechatpy.pay import WeChatPay

url, keys, appid, mchid, api_key = sys.argv[1:]
WeChatPay.API_BASE_URL = f"{url}/"
pay = WeChatPay(
    appid,
    api_key,
    mchid,
    mch_cert=f"{keys}/wechat-merchant.crt",
    mch_key=f"{keys}/wechat-merchant.key",
)


def signed(answer):
    assert pay.check_signature(dict(answer)), answer
    return answer


order, back = "b" * 32, "c" * 32
paid = signed(pay.micropay.create("最佳 <&>", 700, "130061098828009406", client_ip="127.0.0.1", out_trade_no=order))
assert paid["result_code"] == "SUCCESS", paid
found = signed(pay.order.query(out_trade_no=order))
assert (found["trade_state"], found["total_fee"]) == ("SUCCESS", "700"), found
refund = signed(pay.refund.apply(700, 200, back, out_trade_no=order))
assert refund["out_refund_no"] == back, refund
state = signed(pay.refund.query(out_refund_no=back))
assert state["refund_status_0"] == "SUCCESS", state
undone = signed(pay.order.reverse(out_trade_no=order))
assert undone["recall"] == "N", undone
found = signed(pay.order.query(out_trade_no=order))
assert found["trade_state"] == "REVOKED", found
try:
    pay.order.query(out_trade_no="d" * 32)
    raise AssertionError("an unknown order was found")
except WeChatPayException as refused:
    assert refused.errcode == "ORDERNOTEXIST", refused
print("content")
