/**
 * Just enough of Prometheus remote write to read what vmagent counted: a body is a protobuf WriteRequest (series with labels and
 * samples) in one Snappy block. Written out here because it is short and no dependency is worth it. Pure.
 */
export interface WrittenSeries {
  labels: ReadonlyMap<string, string>;
  /** Of its samples, in order. */
  values: readonly number[];
}

/** Throws a RangeError when the bytes are no Snappy block. */
export function uncompressSnappy(block: Buffer): Buffer {
  const { value: length, end } = readVarint(block, 0);
  const out = Buffer.alloc(length);
  let at = end;
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    if ((tag & 3) === 0) {
      let bytes = tag >> 2;
      if (bytes >= 60) {
        const lengthBytes = bytes - 59;
        bytes = block.readUIntLE(at, lengthBytes);
        at += lengthBytes;
      }
      bytes++;
      block.copy(out, to, at, at + bytes);
      at += bytes;
      to += bytes;
      continue;
    }
    const copy = readCopy(block, at, tag);
    at = copy.end;
    if (copy.offset === 0 || copy.offset > to) throw new RangeError(`a copy from ${copy.offset} bytes before ${to}`);
    // Byte by byte: source and target may overlap, which repeats what stands there.
    for (let i = 0; i < copy.bytes; i++, to++) out[to] = out[to - copy.offset]!;
  }
  if (to !== length) throw new RangeError(`a Snappy block of ${to} bytes that says ${length}`);
  return out;
}

function readCopy(block: Buffer, at: number, tag: number): { bytes: number; offset: number; end: number } {
  if ((tag & 3) === 1) return { bytes: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | block[at]!, end: at + 1 };
  const wide = (tag & 3) === 3;
  const offset = wide ? block.readUInt32LE(at) : block.readUInt16LE(at);
  return { bytes: (tag >> 2) + 1, offset, end: at + (wide ? 4 : 2) };
}

export function readWriteRequest(body: Buffer): WrittenSeries[] {
  const series: WrittenSeries[] = [];
  for (const { field, bytes } of fields(body)) {
    if (field !== 1) continue;
    const labels = new Map<string, string>();
    const values: number[] = [];
    for (const part of fields(bytes)) {
      if (part.field === 1) {
        const [name, value] = [1, 2].map((wanted) => fields(part.bytes).find((one) => one.field === wanted)?.bytes);
        labels.set(name?.toString() ?? '', value?.toString() ?? '');
      } else if (part.field === 2) {
        values.push(
          fields(part.bytes)
            .find((one) => one.field === 1)
            ?.bytes.readDoubleLE(0) ?? 0,
        );
      }
    }
    series.push({ labels, values });
  }
  return series;
}

/** The fields of a protobuf message; of a number that has no length, its bytes as they are. */
function fields(message: Buffer): { field: number; bytes: Buffer }[] {
  const found: { field: number; bytes: Buffer }[] = [];
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    const kind = tag.value & 7;
    let start = tag.end;
    let end: number;
    if (kind === 0) end = readVarint(message, start).end;
    else if (kind === 1) end = start + 8;
    else if (kind === 5) end = start + 4;
    else if (kind === 2) {
      const length = readVarint(message, start);
      start = length.end;
      end = start + length.value;
    } else throw new RangeError(`a protobuf field of kind ${kind}`);
    found.push({ field: tag.value >> 3, bytes: message.subarray(start, end) });
    at = end;
  }
  return found;
}

/** Exact up to 2^53; a larger one is only skipped. */
function readVarint(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length; at++, scale *= 128) {
    value += (bytes[at]! & 0x7f) * scale;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
  throw new RangeError('a number that does not end');
}
