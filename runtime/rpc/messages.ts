import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { HopError, invalid } from '../errors/errors.ts';

/** What stands for a request that cannot be taken; it is thrown when the call is admitted, so that the answer has details. */
class Unreadable {
  readonly error: HopError;
  constructor(error: HopError) {
    this.error = error;
  }
}

/** Reads the requests of a method. Nothing is thrown here: grpc-js would answer INTERNAL, without details. */
export function decoderOf(schema: DescMessage, maxBytes: number): (bytes: Uint8Array) => unknown {
  const tooLarge = `The request is larger than ${maxBytes} bytes.`;
  return (bytes) => {
    if (bytes.length > maxBytes) return new Unreadable(new HopError('limited', 'REQUEST_TOO_LARGE', tooLarge));
    try {
      return fromBinary(schema, bytes);
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

/** A message that is answered again and again and never changed: its bytes are made once. */
export function encodedOnce<Message extends object>(schema: DescMessage, message: Message): Message {
  encodedBefore.set(message, encode(schema, message));
  return message;
}

/** The bytes of what a handler answered: a message or its init shape. */
export function encode(schema: DescMessage, answer: unknown): Buffer {
  const known = encodedBefore.get(answer as object);
  if (known) return known;
  const bytes = toBinary(schema, create(schema, answer as Record<string, unknown>));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
