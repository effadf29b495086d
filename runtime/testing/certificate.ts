import { generateKeyPairSync, sign } from 'node:crypto';

/** A certificate that signs itself and its key, both in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** For localhost, and 127.0.0.1 if it is to be, good for a day. */
export function selfSigned(name: string, { byAddress = true } = {}): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signature = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const subject = sequence(set(sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))));
  const validity = sequence(time(Date.now() - 3_600_000), time(Date.now() + 86_400_000));
  const address = byAddress ? [tagged(0x87, Buffer.from([127, 0, 0, 1]))] : [];
  const hosts = sequence(tagged(0x82, Buffer.from('localhost')), ...address);
  const extensions = tagged(0xa3, sequence(sequence(oid('551d11'), tagged(0x04, hosts))));
  const serial = tagged(0x02, Buffer.from([1]));
  const version = tagged(0xa0, tagged(0x02, Buffer.from([2])));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const content = sequence(version, serial, signature, subject, validity, subject, spki, extensions);
  const proof = tagged(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', content, privateKey)]));
  const der = sequence(content, signature, proof).toString('base64');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${der.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** DER: a tag, a length, a value. */
function tagged(tag: number, value: Buffer): Buffer {
  const { length: size } = value;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}
const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts));
const set = (...parts: Buffer[]): Buffer => tagged(0x31, Buffer.concat(parts));
const oid = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'));
const time = (at: number): Buffer =>
  tagged(0x17, Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));
