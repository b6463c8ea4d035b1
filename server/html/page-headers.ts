import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** What pages may use; all else is forbidden. */
export interface PageSources {
  readonly styleSrc: string[];
  readonly scriptSrc: string[];
  readonly imgSrc: string[];
  readonly connectSrc?: string[];
  readonly formAction?: string[];
}

/** The headers of a listener whose pages ask for nothing from elsewhere, and tell no other site of themselves. */
export function createPageHeaders(
  sources: PageSources,
  referrer: 'no-referrer' | 'same-origin' = 'no-referrer',
): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        ...sources,
        baseUri: ["'none'"],
        formAction: sources.formAction ?? ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: referrer },
    // Pages may be read over plain HTTP; what TLS there is, is the operator's choice.
    strictTransportSecurity: false,
    // Over plain HTTP browsers complain of these. The pages open no others.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
  });
}
