/// <reference types="node" />
import type { Stats, Verifier } from './index.cjs';

/** What can be measured: a Verifier, or what hands over its `stats`. */
export type Measured = Verifier | { stats(): Stats };

/**
 * Has OpenTelemetry collect the counters of a verifier, through `@opentelemetry/api`, which must be installed. They live
 * in the core and are read when a reader collects them: a verification costs what it did. Metrics, units and attributes
 * are those of Python; nothing of a token is in them but the identifier of its issuer and the reason of a refusal.
 *
 * The verifier is not kept alive, and gives no values once it is closed.
 */
export declare function measure(
  verifier: Measured,
  options?: {
    /** What the attribute `verifier` says, to tell several of one process apart. Default "default". */
    name?: string | null;
    /** Default: the global one, which must have been registered before. */
    meterProvider?: { getMeter(name: string, version?: string): unknown } | null;
  },
): void;

/**
 * Makes OpenTelemetry spans around every fetch of keys and every introspection of this thread, as children of the request
 * that they are done for. Verifications make none. The URL in a span has no query.
 */
export declare function trace(options?: {
  /** Default: the global one. */
  tracerProvider?: { getTracer(name: string, version?: string): unknown } | null;
}): void;

/**
 * Gives `prom-client`, which must be installed, the counters of verifiers, by the names that Python's collector gives:
 * fastbearer_verifications_total and so on. They are read when the registry is collected. The verifiers are not kept
 * alive, and give no values once they are closed.
 */
export declare class PrometheusCollector {
  /**
   * Registers the metrics; one registry takes one collector.
   *
   * verifiers: one, or several by name, which the label `verifier` says.
   */
  constructor(
    verifiers: Measured | Readonly<Record<string, Measured>>,
    options?: {
      /** Default: the global one of prom-client. */
      registry?: { registerMetric(metric: never): void } | null;
    },
  );
}
