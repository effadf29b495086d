import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { HopError, invalid } from '../errors/errors.ts';

/** Stands for a request that cannot be decoded; thrown when the call is admitted, so that the error has details. */
class Unreadable {
  readonly error: HopError;
  constructor(error: HopError) {
    this.error = error;
  }
}

/** Nobody reads those fields, and every two bytes of a request could be one: objects of eighty times its size, for as long as the call takes. */
const withoutUnknown = { readUnknownFields: false } as const;

/** Decodes the requests of a method. Does not throw: grpc-js would answer INTERNAL, without details. */
export function decoderOf(schema: DescMessage, maxBytes: number): (bytes: Uint8Array) => unknown {
  const tooLarge = `The request is larger than ${maxBytes} bytes.`;
  return (bytes) => {
    if (bytes.length > maxBytes) return new Unreadable(new HopError('limited', 'REQUEST_TOO_LARGE', tooLarge));
    try {
      return fromBinary(schema, bytes, withoutUnknown);
    } catch {
      return new Unreadable(invalid('', 'The request is not the message that this call takes.', 'MALFORMED_REQUEST'));
    }
  };
}

/** Throws what the decoder could not. */
export function refuseUnreadable(request: unknown): void {
  if (request instanceof Unreadable) throw request.error;
}

const encodedBefore = new WeakMap<object, Buffer>();

/** For a message that is sent repeatedly and never changed: encoded once. */
export function encodedOnce<Message extends object>(schema: DescMessage, message: Message): Message {
  encodedBefore.set(message, encode(schema, message));
  return message;
}

/** Encodes what a handler returned: a message or its init shape. */
export function encode(schema: DescMessage, answer: unknown): Buffer {
  const known = encodedBefore.get(answer as object);
  if (known) return known;
  const bytes = toBinary(schema, create(schema, answer as Record<string, unknown>));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
