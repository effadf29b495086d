/** The part of kafkajs that client.ts wraps; it has no types of its own. */
declare module 'kafkajs/src/network/socketFactory.js' {
  export default function createSocketFactory(): import('kafkajs').ISocketFactory;
}
