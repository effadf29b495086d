/** The part of kafkajs that client.ts patches; it has no types of its own. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export interface SentRequest {
    readonly requestTimeout: number;
    timeoutRequest(): void;
  }
  export default class RequestQueue {
    constructor(options: {
      readonly requestTimeout: number;
      readonly enforceRequestTimeout: boolean;
      readonly isConnected: () => boolean;
    });
    pending: unknown[];
    inflight: Map<number, SentRequest>;
    requestTimeoutIntervalId: NodeJS.Timeout | null;
    isConnected(): boolean;
    destroy(): void;
    scheduleCheckPendingRequests(): void;
    scheduleRequestTimeoutCheck(): void;
  }
}
