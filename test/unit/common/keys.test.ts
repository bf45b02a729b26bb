import * as keys from '@weir/common/keys';

/** What Redis Cluster hashes of a key: the first braces that hold something. */
function hashTag(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

describe('the keys', () => {
  test('of one partition share a slot, which no other partition’s share with them', () => {
    const { logChunk, totals, ...fixed } = keys.partitionKeys('weir', 3);
    for (const key of [...Object.values(fixed), logChunk(1_478_507_520, 2), totals(1_478_507_520)]) {
      expect(hashTag(key)).toBe('3');
    }
    expect(hashTag(keys.partitionKeys('weir', 13).stream)).toBe('13');
  });

  test('of a partition are all different', () => {
    const { logChunk, totals, base: _, ...fixed } = keys.partitionKeys('weir', 3);
    const all = [...Object.values(fixed), logChunk(60, 0), logChunk(60, 1), logChunk(600, 0), totals(60)];
    expect(new Set(all).size).toBe(all.length);
  });

  test('of a partition begin with the base, from which scripts make those of single windows', () => {
    const { base, logChunk } = keys.partitionKeys('weir', 3);
    expect(logChunk(60, 1)).toBe(`${base}log:60:1`);
  });

  test('of the final records share a slot, and so do those of a sink', () => {
    const finals = [keys.finalKey('weir', 60), keys.finalsKey('weir'), keys.finalsStampKey('weir')];
    expect(new Set(finals.map(hashTag)).size).toBe(1);
    expect(new Set(finals).size).toBe(3);
    expect(hashTag(keys.sinkWindowKey('weir', 'az1', 60))).toBe(hashTag(keys.sinkWindowKey('weir', 'az1', 120)));
  });

  test('all begin with the prefix', () => {
    const { logChunk, totals, ...fixed } = keys.partitionKeys('team-7', 0);
    const all = [...Object.values(fixed), logChunk(0, 0), totals(0), keys.deploymentKey('team-7')];
    all.push(keys.relaysKey('team-7'), keys.aggregatorsKey('team-7'), keys.finalKey('team-7', 0));
    all.push(keys.sinkWindowKey('team-7', 'az1', 0));
    for (const key of all) expect(key).toMatch(/^team-7:/);
  });
});
