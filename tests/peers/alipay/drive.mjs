// The official SDK buys at the sandbox's gateway: drive.mjs URL KEYS APP_ID NOTIFICATION. It signs as Alipay's
// clients do and verifies every answer's signature.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { AlipaySdk } from 'alipay-sdk';

const [url, keys, appId, notification] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${keys}/${name}`, 'utf8');
const common = { appId, privateKey: read('alipay-app.key'), keyType: 'PKCS8', gateway: `${url}/gateway.do` };
const modes = {
  key: { ...common, alipayPublicKey: read('alipay-gateway.pub') },
  certificates: {
    ...common,
    appCertContent: read('alipay-app.crt'),
    alipayPublicCertContent: read('alipay-gateway.crt'),
    alipayRootCertContent: read('alipay-roots.pem'),
  },
};
let number = 0;
const next = () => (++number).toString(16).padStart(32, 'a');

for (const [mode, config] of Object.entries(modes)) {
  const sdk = new AlipaySdk(config);
  const ask = (method, bizContent) => sdk.exec(method, { bizContent }, { validateSign: true });
  const order = next();
  const paid = await ask('alipay.trade.pay', {
    outTradeNo: order, scene: 'bar_code', authCode: '289431869362714645', subject: 'a}b{"c/最佳', totalAmount: '12.50',
  });
  assert.equal(paid.code, '10000');
  assert.equal(paid.totalAmount, '12.50');
  assert.equal((await ask('alipay.trade.query', { outTradeNo: order })).tradeStatus, 'TRADE_SUCCESS');
  const refund = { outTradeNo: order, refundAmount: '2.50', outRequestNo: next() };
  assert.equal((await ask('alipay.trade.refund', refund)).fundChange, 'Y');
  assert.equal((await ask('alipay.trade.refund', refund)).fundChange, 'N');
  const found = await ask('alipay.trade.fastpay.refund.query', refund);
  assert.equal(found.refundStatus, 'REFUND_SUCCESS');
  assert.equal((await ask('alipay.trade.cancel', { outTradeNo: order })).action, 'refund');
  assert.equal((await ask('alipay.trade.query', { outTradeNo: order })).tradeStatus, 'TRADE_CLOSED');

  const shown = next();
  const qr = await ask('alipay.trade.precreate', { outTradeNo: shown, subject: 'tea', totalAmount: '3.00' });
  assert.match(qr.qrCode, /^https:/);
  assert.equal((await ask('alipay.trade.query', { outTradeNo: shown })).subCode, 'ACQ.TRADE_NOT_EXIST');

  // not before somebody has scanned it is there anything to close
  assert.equal((await ask('alipay.trade.close', { outTradeNo: shown })).subCode, 'ACQ.TRADE_NOT_EXIST');
  assert.equal((await ask('alipay.trade.close', { outTradeNo: order })).subCode, 'ACQ.TRADE_STATUS_ERROR');
  // the gateway lets everybody who is to pay this amount think about it
  const waiting = next();
  const asked = await ask('alipay.trade.pay', {
    outTradeNo: waiting, scene: 'bar_code', authCode: '289431869362714645', subject: 'tea', totalAmount: '4.04',
  });
  assert.equal(asked.code, '10003');
  assert.equal((await ask('alipay.trade.query', { outTradeNo: waiting })).tradeStatus, 'WAIT_BUYER_PAY');
  assert.equal((await ask('alipay.trade.close', { outTradeNo: waiting })).code, '10000');
  assert.equal((await ask('alipay.trade.query', { outTradeNo: waiting })).tradeStatus, 'TRADE_CLOSED');

  // what the gateway tells by itself is signed, and no bit of it can be changed
  const told = Object.fromEntries(new URLSearchParams(notification));
  assert.ok(sdk.checkNotifySign(told, true));
  assert.ok(!sdk.checkNotifySign({ ...told, total_amount: '8.81' }, true));
  console.log(`${mode}: content`);
}
