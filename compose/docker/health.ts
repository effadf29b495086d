// Checks the health of the process in its own container (grpc.health.v1), which Docker cannot do. With node:http2 only: it runs every few
// seconds in every container, and a gRPC library takes longer to load than the check itself.
import { connect } from 'node:http2';
import { address, defineConfig, loadConfig } from '#runtime/config/config.ts';

const TIMEOUT_MS = 2_000;
/** HealthCheckRequest with no service: the process as a whole. A frame of length 0. */
const REQUEST = Buffer.alloc(5);
/** HealthCheckResponse { status: SERVING }, in a frame of two bytes. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

export function isServing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const answer = (serving: boolean): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(serving);
    };
    const timer = setTimeout(() => answer(false), TIMEOUT_MS);
    session.on('error', () => answer(false));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    stream.on('error', () => answer(false));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => answer(Buffer.concat(chunks).equals(SERVING)));
    stream.end(REQUEST);
  });
}

if (import.meta.main) {
  const { grpc } = loadConfig(defineConfig({ grpc: address('HOP_GRPC_ADDRESS') }));
  process.exitCode = (await isServing(grpc.port)) ? 0 : 1;
}
