/** A real web server that serves a directory as it is. */
export interface StaticServer {
  /** `http://127.0.0.1:PORT` */
  readonly baseUrl: string;
  /** One line a request; the last may come a moment after its answer. */
  readonly accessLog: () => Promise<string>;
  readonly stop: () => Promise<void>;
}
