"""Buys at the sandbox's UnionPay with signatures made and verified by pyca/cryptography: drive.py URL KEYS CONSTANTS.

No registry has a client that signs as version 5.1.0 does: those found there (lesscode-pay 0.0.2, senweaver-pay 0.1.0) sign
the text itself and not its hexadecimal digest. So the composing of messages is written here, once more and by
UnionPay's published rules; certificates, RSA and digests are cryptography's. CONSTANTS: JSON with the numbers, and fields
that the driver has signed.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.parse
import urllib.request
import uuid

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

url, keys, constants = sys.argv[1:]
constants = json.loads(constants)


def read(name):
    with open(f"{keys}/{name}", "rb") as file:
        return file.read()


KEY = serialization.load_pem_private_key(read("unionpay-merchant.key"), None)
MERCHANT = x509.load_pem_x509_certificate(read("unionpay-merchant.crt"))
ROOT = x509.load_pem_x509_certificate(read("unionpay-root.crt"))
MIDDLE = x509.load_pem_x509_certificate(read("unionpay-middle.crt"))
assert str(MERCHANT.serial_number) == constants["certificate"]


def digest(fields):
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")
    return hashlib.sha256(text.encode()).hexdigest().encode()


def signed(fields):
    signature = KEY.sign(digest(fields), padding.PKCS1v15(), hashes.SHA256())
    return fields | {"signature": base64.b64encode(signature).decode()}


def is_unionpays(said):
    certificate = x509.load_pem_x509_certificate(said["signPubKeyCert"].encode())
    certificate.verify_directly_issued_by(MIDDLE)
    MIDDLE.verify_directly_issued_by(ROOT)
    name = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    assert name.split("@")[2] == "中国银联股份有限公司", name
    signature = base64.b64decode(said["signature"])
    try:
        certificate.public_key().verify(signature, digest(said), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


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
    form = urllib.parse.urlencode(signed(own | fields)).encode()
    with urllib.request.urlopen(f"{url}/gateway/api/{path}", form) as answer:
        text = answer.read().decode()
    said = dict(pair.split("=", 1) for pair in text.split("&"))
    assert is_unionpays(said), said
    assert not is_unionpays(said | {"respMsg": "!"}), said
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

own = signed(constants["signed"]["fields"])
assert own["signature"] == constants["signed"]["signature"], own
print("content")
