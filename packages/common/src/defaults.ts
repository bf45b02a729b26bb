/** Partitions of a deployment that says nothing else. Relays and aggregators must agree on it. */
export const DEFAULT_PARTITIONS = 8;

/** More would only cost: each is a stream, its keys, and a connection of its owner. */
export const MAX_PARTITIONS = 1_024;
