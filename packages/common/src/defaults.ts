/** Partitions of a deployment that says nothing else. Relays and aggregators must agree on it. */
export const DEFAULT_PARTITIONS = 8;
