import { maskUrl, valueType } from '@weir/common/setting-values';

/** A sink URL as it was given: sink-url.ts judges what it means, here it is only kept from showing its secrets. Pure. */
export const sinkText = valueType('a sink URL', (text) => (text === '' ? undefined : text), maskUrl);
