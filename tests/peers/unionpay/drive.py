"""lesscode-pay signs for the sandbox's UnionPay and verifies what it answers: drive.py URL KEYS CONSTANTS.

Its own client can only be pointed at UnionPay's hosts, so the forms are posted by Python's library and its answers taken
apart here; the signatures and their verification are all its own. CONSTANTS: JSON with the numbers, and a text that the
driver has signed.
"""

import json
import sys
import time
import urllib.parse
import urllib.request
import uuid

import lesscode_pay
from cryptography import x509
from cryptography.hazmat.primitives import serialization

url, keys, constants = sys.argv[1:]
constants = json.loads(constants)


def read(name):
    with open(f"{keys}/{name}", encoding="utf-8") as file:
        return file.read()


def client(public_key):
    return lesscode_pay.UnionPayClient(constants["merchant"], read("unionpay-merchant.key"), public_key)


def public_key(certificate):
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


GATEWAY = public_key(read("unionpay-gateway.crt"))
unionpay = client(GATEWAY)
BEIJING = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600))


def ask(path, **fields):
    own = {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "signMethod": "01",
        "certId": constants["certificate"],
        "bizType": "000000",
        "accessType": "0",
        "merId": constants["merchant"],
        "txnTime": BEIJING,
    }
    form = urllib.parse.urlencode(unionpay.build_sign(own | fields)).encode()
    with urllib.request.urlopen(f"{url}/gateway/api/{path}", form) as answer:
        text = answer.read().decode()
    said = dict(pair.split("=", 1) for pair in text.split("&"))
    # the certificate that comes along is the gateway's, and the signature its key's
    assert public_key(said["signPubKeyCert"]) == GATEWAY, said
    assert unionpay.verify_notify(json.dumps(said)), said
    said["respMsg"] += "!"
    assert not unionpay.verify_notify(json.dumps(said)), said
    return said


def new(kind, order, **more):
    return ask(
        "backTransReq.do",
        txnType=kind[:2],
        txnSubType=kind[2:],
        orderId=order,
        channelType="08",
        termId=constants["terminal"],
        backUrl="https://pay.example.com/u",
        txnAmt="880",
        **more,
    )


def query(order):
    return ask("queryTrans.do", txnType="00", txnSubType="00", orderId=order)


order, void, qr = (uuid.uuid4().hex for _ in range(3))
taken = new("0106", order, currencyCode="156", qrNo="6220835931895481436")
assert taken["respCode"] == "00", taken
found = query(order)
assert (found["respCode"], found["origRespCode"], found["txnAmt"]) == ("00", "00", "880"), found
voided = new("3100", void, origOrderId=order, origTxnTime=BEIJING)
assert voided["respCode"] == "00", voided
assert query(void)["origRespCode"] == "00", void
shown = new("0107", qr, currencyCode="156")
assert shown["respCode"] == "00" and shown["qrCode"], shown
assert query(qr)["origRespCode"] == "05", qr
assert query(uuid.uuid4().hex)["respCode"] == "34"

signed = unionpay.build_sign(constants["signed"]["fields"])
assert signed["signature"] == constants["signed"]["signature"], signed
print("content")
