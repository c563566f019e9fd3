// wechatpay-axios-plugin buys at the sandbox by both interfaces: drive.mjs URL KEYS CONSTANTS. It signs
// as WeChat Pay's clients do and verifies every answer's signature; keys of certificate and public key.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Wechatpay, Aes, Formatter, Rsa } from 'wechatpay-axios-plugin';

const [url, keys, constants] = process.argv.slice(2);
const { appid, mchid, serial, publicKeyId, platformSerial, apiV3Key, apiV2Key, notification, signed } =
  JSON.parse(constants);
const read = (name) => fs.readFileSync(`${keys}/${name}`, 'utf8');
const certs = { [platformSerial]: read('wechat-platform.crt'), [publicKeyId]: read('wechat-platform-new.pub') };
let number = 0;
const next = () => (++number).toString(16).padStart(32, 'a');
const client = (asked) => new Wechatpay({
  mchid, serial, certs, privateKey: read('wechat-merchant.key'), secret: apiV2Key, baseURL: url,
  merchant: { cert: read('wechat-merchant.crt'), key: read('wechat-merchant.key') },
  headers: asked ? { 'Wechatpay-Serial': asked } : {},
});
const refusal = async (promise) => {
  const caught = await promise.then(() => null, (error) => error);
  assert.ok(caught?.response, String(caught));
  return caught.response;
};

for (const asked of [null, publicKeyId]) {
  const { v3 } = client(asked);
  const orders = v3.pay.transactions;
  const order = next();
  const code = {
    appid, mchid, description: 'a}b{"c/最佳', out_trade_no: order, payer: { auth_code: '130061098828009406' },
    amount: { total: 1250, currency: 'CNY' }, scene_info: { store_info: { out_id: 'A1111' } },
  };
  const paid = await orders.codepay.post(code);
  assert.equal(paid.status, 200);
  assert.equal(paid.data.trade_state, 'SUCCESS');
  assert.equal(paid.headers['wechatpay-serial'], asked ?? platformSerial);
  const find = (out_trade_no) => orders.outTradeNo._out_trade_no_.get({ out_trade_no, params: { mchid } });
  assert.equal((await find(order)).data.amount.total, 1250);
  const back = next();
  const refund = { out_trade_no: order, out_refund_no: back, amount: { refund: 250, total: 1250, currency: 'CNY' } };
  assert.equal((await v3.refund.domestic.refunds.post(refund)).data.status, 'SUCCESS');
  const found = await v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: back });
  assert.equal(found.data.amount.refund, 250);
  assert.equal((await find(order)).data.trade_state, 'REFUND');
  const undone = await orders.outTradeNo._out_trade_no_.reverse.post({ appid, mchid }, { out_trade_no: order });
  assert.equal(undone.data.out_trade_no, order);
  assert.equal((await find(order)).data.trade_state, 'REVOKED');

  const shown = next();
  const qr = await orders.native.post({
    appid, mchid, description: 'tea', out_trade_no: shown, notify_url: 'https://pay.example.com/',
    amount: { total: 300, currency: 'CNY' },
  });
  assert.match(qr.data.code_url, /^https:/);
  assert.equal((await find(shown)).data.trade_state, 'NOTPAY');
  const closed = await orders.outTradeNo._out_trade_no_.close.post({ mchid }, { out_trade_no: shown });
  assert.equal(closed.status, 204);
  const unknown = await refusal(find(next()));
  assert.deepEqual([unknown.status, unknown.data.code], [404, 'ORDER_NOT_EXIST']);
}

// our request's signature is this one's, byte for byte
assert.equal(Rsa.sign(signed.text, read('wechat-merchant.key')), signed.signature);

// the notification is signed, and decrypts
const [noticeSerial, timestamp, nonce, signature] = notification.headers;
const notice = Formatter.response(timestamp, nonce, notification.body);
assert.ok(Rsa.verify(notice, signature, certs[noticeSerial]));
const { resource } = JSON.parse(notification.body);
const opened = JSON.parse(Aes.AesGcm.decrypt(resource.ciphertext, apiV3Key, resource.nonce, resource.associated_data));
assert.equal(opened.trade_state, 'SUCCESS');
console.log('v3: content');

const { v2 } = client(null);
for (const sign_type of ['MD5', 'HMAC-SHA256']) {
  const order = next();
  const common = { appid, mch_id: mchid, nonce_str: Formatter.nonce(), sign_type };
  const paid = await v2.pay.micropay.post({
    ...common, body: '最佳 <&>', out_trade_no: order, total_fee: 700, spbill_create_ip: '127.0.0.1',
    auth_code: '130061098828009406',
  });
  assert.deepEqual([paid.data.result_code, paid.data.total_fee], ['SUCCESS', '700']);
  const found = await v2.pay.orderquery.post({ ...common, out_trade_no: order });
  assert.equal(found.data.trade_state, 'SUCCESS');
}
console.log('v2: content');
