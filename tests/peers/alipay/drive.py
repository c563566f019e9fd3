"""python-alipay-sdk buys at the sandbox's gateway: drive.py URL KEYS APP_ID NOTIFICATION.

It sends everything in the query of a GET and escapes what is not ASCII, which the official one does not, and verifies
every answer's signature.
"""

import sys
from urllib.parse import parse_qsl

from alipay import AliPay

url, keys, app_id, notification = sys.argv[1:]


def read(name):
    with open(f"{keys}/{name}", encoding="utf-8") as file:
        return file.read()


alipay = AliPay(
    appid=app_id,
    app_notify_url=None,
    app_private_key_string=read("alipay-app.key"),
    alipay_public_key_string=read("alipay-gateway.pub"),
    sign_type="RSA2",
)
alipay._gateway = f"{url}/gateway.do"

order = "b" * 32
paid = alipay.api_alipay_trade_pay(
    out_trade_no=order, scene="bar_code", auth_code="289431869362714645", subject="最佳", total_amount="7.00"
)
assert paid["code"] == "10000", paid
found = alipay.api_alipay_trade_query(out_trade_no=order)
assert found["trade_status"] == "TRADE_SUCCESS", found
cancelled = alipay.api_alipay_trade_cancel(out_trade_no=order)
assert cancelled["action"] == "refund", cancelled
unknown = alipay.api_alipay_trade_query(out_trade_no="c" * 32)
assert unknown["sub_code"] == "ACQ.TRADE_NOT_EXIST", unknown
closed = alipay.api_alipay_trade_close(out_trade_no=order)
assert closed["sub_code"] == "ACQ.TRADE_STATUS_ERROR", closed
order = "d" * 32
waiting = alipay.api_alipay_trade_pay(
    out_trade_no=order, scene="bar_code", auth_code="289431869362714645", subject="tea", total_amount="4.04"
)
assert waiting["code"] == "10003", waiting
closed = alipay.api_alipay_trade_close(out_trade_no=order)
assert (closed["code"], closed["out_trade_no"]) == ("10000", order), closed
told = dict(parse_qsl(notification, keep_blank_values=True))
signature = told.pop("sign")
assert alipay.verify(dict(told), signature)
assert not alipay.verify({**told, "total_amount": "8.81"}, signature)
print("content")
